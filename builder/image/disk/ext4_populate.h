/* Puts a tree, as an inventory lists it, into a fresh ext4. */
#pragma once

#include "base.h"

struct blockout;
struct error;
struct ext4;
struct inventory;
struct progress;

struct populate {
	struct ext4 *fs;
	struct blockout *out;
	const struct inventory *inv;
	int fd;			   /* the tree's root directory */
	const char *path;	   /* of it, for messages */
	struct progress *progress; /* advanced by bytes of data */
};

int ext4_populate(const struct populate *p, struct error *e);
