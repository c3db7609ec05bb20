/*
 * GRUB's texts and the embedding. Places in the images, from GRUB's include/grub/i386/pc/boot.h
 * and grub-core/boot/i386/pc: boot.img 0x5c holds the first sector of core.img; the jump at 0x66
 * that would fix the BIOS's drive number is taken out by two NOPs; the last 12 bytes of core.img's
 * first sector say where its other sectors are. boot.img leaves the partition table at 446 alone.
 */
#include "grub.h"

#include "buf.h"
#include "error.h"
#include "fd.h"
#include "layout.h"
#include "le.h"
#include "rootfd.h"

#include <errno.h>

#define CORE_SECTOR_AT 0x5c
#define DRIVE_JUMP_AT  0x66
#define REST_AT	       0x1f4
#define CODE_MAX       446
#define FILE_MAX       (1 * MIB)

void grub_config(const char *const *kernels, size_t n, const char *title, struct buf *out)
{
	buf_adds(out,
		"# Written by kbuild; update-grub replaces it.\n"
		"set default=0\n"
		"set timeout=0\n"
		"if serial --unit=0 --speed=115200; then\n"
		"  terminal_input console serial\n"
		"  terminal_output console serial\n"
		"fi\n");
	for (size_t i = 0; i < n; i++)
		buf_printf(out,
			"menuentry '%s, Linux %s' {\n"
			"  search --no-floppy --label --set=root --hint=$root " LABEL_ROOT
			"\n"
			"  linux /boot/vmlinuz-%s root=LABEL=" LABEL_ROOT " ro " GRUB_CONSOLE
			"\n"
			"  initrd /boot/initrd.img-%s\n"
			"}\n",
			title, kernels[i], kernels[i], kernels[i]);
}

void grub_esp_config(struct buf *out)
{
	/* The disk that GRUB came from is asked first: another may bear the same label. */
	buf_adds(out, "search --no-floppy --label --set=root --hint=hd0,gpt1 " LABEL_ROOT
		      "\n"
		      "set prefix=($root)/" GRUB_DIR
		      "\n"
		      "configfile $prefix/grub.cfg\n");
}

void grub_defaults(const char *title, struct buf *out)
{
	buf_printf(out,
		"# Written by kbuild: a server has a serial console and nobody at a menu.\n"
		"GRUB_DISTRIBUTOR=\"%s\"\n"
		"GRUB_DEFAULT=0\n"
		"GRUB_TIMEOUT=0\n"
		"GRUB_RECORDFAIL_TIMEOUT=0\n"
		"GRUB_CMDLINE_LINUX_DEFAULT=\"\"\n"
		"GRUB_CMDLINE_LINUX=\"%s\"\n"
		"GRUB_TERMINAL=\"console serial\"\n"
		"GRUB_SERIAL_COMMAND=\"serial --unit=0 --speed=115200\"\n"
		"GRUB_DISABLE_OS_PROBER=true\n",
		title, GRUB_CONSOLE);
}

int grub_patch(uint8_t *boot, size_t boot_len, uint8_t *core, size_t core_len, uint64_t sector)
{
	if (boot_len != GRUB_BOOT_IMG || get16(boot + 510) != 0xaa55 || core_len <= SECTOR)
		return -EINVAL;
	put64(boot + CORE_SECTOR_AT, sector);
	boot[DRIVE_JUMP_AT] = boot[DRIVE_JUMP_AT + 1] = 0x90;
	put64(core + REST_AT, sector + 1);
	return 0;
}

static int read_image(int root, const char *path, struct buf *ret, struct error *e)
{
	int r = rootfd_read(root, path, FILE_MAX, ret);

	return r < 0 ? error_errno(e, r, "cannot read GRUB's /%s of the tree", path) : 0;
}

int grub_embed(int fd, const struct layout *l, int root, struct error *e)
{
	const struct partition *part = &l->part[LAYOUT_BIOS];
	_buf_ boot = BUF_INIT;
	_buf_ core = BUF_INIT;
	int r = read_image(root, GRUB_BIOS "/boot.img", &boot, e);

	if (r == 0)
		r = read_image(root, GRUB_BIOS "/core.img", &core, e);
	if (r < 0)
		return r;
	if (core.len > partition_size(part) ||
		grub_patch((uint8_t *)boot.data, boot.len, (uint8_t *)core.data, core.len,
			part->first) < 0)
		return error_set(e, ERR_FAILED,
			"boot.img or core.img in /" GRUB_BIOS " of the tree is not GRUB's");
	r = fd_write_at(fd, core.data, core.len, partition_offset(part));
	if (r == 0)
		r = fd_write_at(fd, boot.data, CODE_MAX, 0);
	return r < 0 ? error_errno(e, r, "cannot write GRUB to the disk image") : 0;
}
