/*
 * Where the partitions lie. The numbers and places are those of Debian's cloud images: 14 BIOS
 * boot, 15 ESP, and 1 the root, last on the disk so that growpart can extend it. Numbers 2 to 13
 * are free; docs/ARCHITECTURE.md, "Disk layout", says what for.
 */
#pragma once

#include "base.h"

#define SECTOR 512

/* The names by which the image refers to itself; nothing in it knows a device's name. */
#define LABEL_ROOT "kbuild-root" /* ext4: at most 16 characters */
#define LABEL_ESP  "KBUILD-ESP"	 /* FAT: at most 11, upper case */

/* What lies before root, and the MiB after it that holds the backup partition table. */
#define LAYOUT_FRONT (128 * MIB)
#define LAYOUT_BACK  (1 * MIB)

enum layout_part { LAYOUT_BIOS, LAYOUT_ESP, LAYOUT_ROOT, LAYOUT_PARTS };

struct partition {
	unsigned number;
	uint64_t first, sectors;
	const char
		*type; /* GUID: Discoverable Partitions Specification, and GRUB's for BIOS boot */
	const char *name;  /* shown by tools; also the word its id derives from */
	const char *attrs; /* as libfdisk reads them, or NULL */
};

struct layout {
	uint64_t size; /* of the disk, bytes */
	struct partition part[LAYOUT_PARTS];
};

/* Lays out a disk of size bytes. -EINVAL: no multiple of 1 MiB, or no room for a root of 64 MiB. */
int layout_make(struct layout *l, uint64_t size);

static inline uint64_t partition_offset(const struct partition *p)
{
	return p->first * SECTOR;
}

static inline uint64_t partition_size(const struct partition *p)
{
	return p->sectors * SECTOR;
}
