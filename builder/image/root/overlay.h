/*
 * A writable view of a tree that must not change: an overlay, mounted where only this process and
 * its children see it. It ends with the process, however that ends.
 */
#pragma once

#include "base.h"

struct error;
struct work;

struct overlay {
	char *root;	  /* the merged tree, absolute; NULL: not mounted */
	int fd;		  /* its directory */
	int outside, cwd; /* mount namespace and directory to go back to, -1: never left */
};
#define OVERLAY_INIT                                                                               \
	{                                                                                          \
		.fd = -1, .outside = -1, .cwd = -1                                                 \
	}

/* Mounts it over lower; the changes go below scratch, which must outlive it. */
int overlay_open(struct overlay *o, const char *lower, const struct work *scratch, struct error *e);
/* Unmounts it and goes back to the mount namespace it came from. The form for _cleanup_. */
void overlay_close(struct overlay *o);
