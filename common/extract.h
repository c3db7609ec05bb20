/*
 * Unpacking a tar stream into a directory that is the root of a tree, as dpkg does: through symlinks
 * that stand in the tree (/bin → usr/bin), resolved inside that root, never outside it. Existing
 * directories are left as they are, everything else is replaced. Device nodes are refused.
 */
#pragma once

#include "base.h"

struct deb;
struct error;
struct tar;

struct extract {
	int root;      /* directory fd */
	bool no_owner; /* leave files to the caller's user: where we may not chown */
	uint64_t max;  /* bytes to write at most; 0: 16 GiB */
	/* Called after each entry with its clean path ("" for the root); NULL: not. */
	void (*each)(void *arg, const char *path);
	void *arg;
};

int extract_tar(const struct extract *x, struct tar *t, struct error *e);

/* The package's data.tar. */
int extract_deb(const struct extract *x, const struct deb *d, struct error *e);
