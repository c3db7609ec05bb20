/* Every file below a directory of a tree, never through symlinks, never into another file system. */
#pragma once

#include "base.h"

struct stat;

struct walk_entry {
	int dirfd;	  /* the directory it is in */
	const char *name; /* its name there */
	const char *path; /* from the root of the tree, "/var/log/dpkg.log" */
	const struct stat *st;
};

/*
 * Calls visit for each entry below path (directories after what is in them); a negative return ends
 * the walk and is returned. An absent path is an empty one. -ECANCELED when interrupted.
 */
int walk_below(
	int root, const char *path, int (*visit)(void *arg, const struct walk_entry *e), void *arg);
