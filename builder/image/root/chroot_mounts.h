/*
 * The mounts of a run in a tree (chroot.h), split in two: prepare() in the parent, where memory
 * may be allocated, and enter() in the child, which only makes system calls.
 */
#pragma once

#include "base.h"

struct chroot_run;
struct error;

struct chroot_mounts {
	const struct chroot_run *run; /* borrowed */
	char *overlay;		      /* options of the overlay mount; NULL: none */
	char *root_real;	      /* the tree without symlinks in its path */
	int *binds;		      /* for the child: a detached mount for each of run->binds */
	size_t n_binds;
};

int chroot_mounts_prepare(struct chroot_mounts *m, const struct chroot_run *r, struct error *e);
void chroot_mounts_free(struct chroot_mounts *m);

/*
 * In the child, process 1 of new namespaces: makes the tree the root directory, with /proc /sys
 * /dev /tmp /run and the binds in place and the host's mounts gone. 0 or -errno with *what.
 */
int chroot_mounts_enter(struct chroot_mounts *m, const char **what);

/* Puts file from over file to, both in the tree, for the rest of the run. 0 or -errno. */
int chroot_mounts_cover(const char *from, const char *to);
