/*
 * From a tree to one sparse disk image, without mounting it and without a loop device: GPT, BIOS
 * boot, ESP, root. Times clamped to epoch, ids derived from the seed.
 */
#pragma once

#include "base.h"

struct error;
struct progress;

struct disk {
	const char *root;		    /* the tree */
	const char *distribution, *release; /* chooses the ext4 features its e2fsck knows */
	uint64_t
		size; /* of the disk in bytes, a multiple of 1 MiB; too small: an error says what is needed */
	const char *seed; /* any text: file system, partition and disk ids derive from it */
	int64_t epoch;	  /* times later than this are clamped to it; also "now" */
	struct progress *progress;
};

/* Writes the raw image to path (made by us, sparse, fsynced). Removes it when it fails. */
int disk_write(const struct disk *d, const char *path, struct error *e);

/*
 * Before the tree is sealed: writes into it what its disk needs to boot (GRUB's configuration,
 * modules and BIOS images, fstab, defaults for update-grub). path and root: the same directory,
 * writable. Runs the tree's grub-mkimage.
 */
int boot_prepare(const char *path, int root, const char *distribution, struct error *e);

/* qcow2 from raw, by qemu-img; compressed, so that any release of QEMU reads it, when compress. */
int disk_qcow2(
	const char *raw, const char *path, bool compress, struct progress *p, struct error *e);
