/*
 * GPT by libfdisk. Everything that libfdisk would choose (places, ids) is given, so that the
 * same seed makes the same bytes. libfdisk asks questions through a callback when it has doubts;
 * we install one that answers none, so a doubt is an error and never a prompt.
 */
#include "gpt.h"

#include "error.h"
#include "ids.h"
#include "layout.h"

#include <errno.h>
#include <libfdisk/libfdisk.h>

static int refuse(struct fdisk_context *cxt _unused_, struct fdisk_ask *ask, void *data _unused_)
{
	switch (fdisk_ask_get_type(ask)) {
	case FDISK_ASKTYPE_INFO:
	case FDISK_ASKTYPE_WARN:
	case FDISK_ASKTYPE_WARNX:
		return 0;
	default:
		return -EINVAL;
	}
}

static void seed_id(const char *seed, const char *what, char ret[UUID_TEXT])
{
	uint8_t uuid[UUID_SIZE];

	ids_uuid(seed, what, uuid);
	ids_text(uuid, ret);
}

static int fill(struct fdisk_context *cxt, struct fdisk_partition *pa, const struct partition *p,
	const char *seed)
{
	struct fdisk_parttype *type =
		fdisk_label_parse_parttype(fdisk_get_label(cxt, NULL), p->type);
	char id[UUID_TEXT];
	int r;

	if (!type)
		return -EINVAL;
	seed_id(seed, p->name, id);
	r = fdisk_partition_set_type(pa, type);
	fdisk_unref_parttype(type);
	if (r < 0 || (r = fdisk_partition_set_partno(pa, p->number - 1)) < 0 ||
		(r = fdisk_partition_set_start(pa, p->first)) < 0 ||
		(r = fdisk_partition_set_size(pa, p->sectors)) < 0 ||
		(r = fdisk_partition_set_name(pa, p->name)) < 0 ||
		(r = fdisk_partition_set_uuid(pa, id)) < 0)
		return r;
	return p->attrs ? fdisk_partition_set_attrs(pa, p->attrs) : 0;
}

static int add(struct fdisk_context *cxt, const struct partition *p, const char *seed)
{
	struct fdisk_partition *pa = fdisk_new_partition();
	int r;

	if (!pa)
		return -ENOMEM;
	r = fill(cxt, pa, p, seed);
	if (r == 0)
		r = fdisk_add_partition(cxt, pa, NULL);
	fdisk_unref_partition(pa);
	return r;
}

static int write_table(struct fdisk_context *cxt, int fd, const char *name, const struct layout *l,
	const char *seed)
{
	char id[UUID_TEXT];
	int r;

	seed_id(seed, "disk", id);
	if ((r = fdisk_set_ask(cxt, refuse, NULL)) < 0 ||
		(r = fdisk_save_user_sector_size(cxt, SECTOR, SECTOR)) < 0 ||
		(r = fdisk_assign_device_by_fd(cxt, fd, name, 0)) < 0 ||
		(r = fdisk_create_disklabel(cxt, "gpt")) < 0 ||
		(r = fdisk_set_disklabel_id_from_string(cxt, id)) < 0)
		return r;
	for (size_t i = 0; i < LAYOUT_PARTS; i++) {
		r = add(cxt, &l->part[i], seed);
		if (r < 0)
			return r;
	}
	return fdisk_write_disklabel(cxt);
}

int gpt_write(int fd, const char *name, const struct layout *l, const char *seed, struct error *e)
{
	struct fdisk_context *cxt = fdisk_new_context();
	int r = cxt ? write_table(cxt, fd, name, l, seed) : -ENOMEM;

	if (cxt) {
		fdisk_deassign_device(cxt, 1); /* 1: no sync, disk.c does that once for all */
		fdisk_unref_context(cxt);
	}
	if (r < 0)
		return error_errno(e, r, "cannot write the partition table of %s", name);
	return 0;
}
