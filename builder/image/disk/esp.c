/*
 * What goes onto the ESP. The signed GRUB has its prefix built in, /EFI/DISTRIBUTION, and reads
 * grub.cfg there. shim's fallback program (fbx64.efi) stays away: beside BOOTX64.EFI it would
 * write boot entries and restart the machine instead of booting it.
 */
#include "esp.h"

#include "alloc.h"
#include "buf.h"
#include "error.h"
#include "fat.h"
#include "grub.h"
#include "ids.h"
#include "layout.h"
#include "rootfd.h"

#include <errno.h>

#define FILE_MAX (16 * MIB)

/* Where packages put what becomes a file in EFI/BOOT; the first one found is taken. */
static const struct source {
	const char *to;
	const char *from[2];
	const char *package; /* which has it, for the message */
} sources[] = {
	{ "EFI/BOOT/BOOTX64.EFI", { "usr/lib/shim/shimx64.efi.signed" }, "shim-signed" },
	{ "EFI/BOOT/grubx64.efi", { "usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed" },
		"grub-efi-amd64-signed" },
	{ "EFI/BOOT/mmx64.efi", { "usr/lib/shim/mmx64.efi.signed", "usr/lib/shim/mmx64.efi" },
		"shim-signed" },
};

#define FILES (ARRAY_SIZE(sources) + 1)

static int read_source(int root, const struct source *s, struct buf *ret, struct error *e)
{
	int r = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(s->from) && s->from[i] && r == -ENOENT; i++)
		r = rootfd_read(root, s->from[i], FILE_MAX, ret);
	if (r == -ENOENT)
		return error_set(e, ERR_FAILED, "the tree has no /%s: it needs the package %s",
			s->from[0], s->package);
	return r < 0 ? error_errno(e, r, "cannot read /%s of the tree", s->from[0]) : 0;
}

static int write_files(const struct esp *s, struct buf *data, struct error *e)
{
	const struct partition *part = &s->layout->part[LAYOUT_ESP];
	_free_ char *config = xasprintf("EFI/%s/grub.cfg", s->distribution);
	struct fat_file files[FILES];
	struct fat f = {
		.fd = s->fd,
		.offset = partition_offset(part),
		.size = partition_size(part),
		.label = LABEL_ESP,
		.epoch = s->epoch,
		.files = files,
		.n = FILES,
	};

	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		int r = read_source(s->root, &sources[i], &data[i], e);

		if (r < 0)
			return r;
		files[i] = (struct fat_file){ sources[i].to, data[i].data, data[i].len };
	}
	grub_esp_config(&data[FILES - 1]);
	files[FILES - 1] = (struct fat_file){ config, data[FILES - 1].data, data[FILES - 1].len };
	ids_bytes(s->seed, "esp file system", &f.serial, sizeof f.serial);
	return fat_write(&f, e);
}

int esp_write(const struct esp *s, struct error *e)
{
	struct buf data[FILES] = {};
	int r = write_files(s, data, e);

	for (size_t i = 0; i < FILES; i++)
		buf_free(&data[i]);
	return r;
}
