/* Lists of names, and the names in a directory. */
#pragma once

#include "base.h"

/* An open value: all zeros is the empty list. Names are owned. */
struct names {
	char **v;
	size_t n, cap;
};
#define NAMES_INIT                                                                                 \
	{                                                                                          \
	}
void names_free(struct names *s); /* leaves NAMES_INIT; the form for _cleanup_ */
void names_add(struct names *s, const char *name);
void names_sort(struct names *s); /* by bytes */

/*
 * Adds what the directory at path holds but "." and "..", and sorts all: what is done with them is then the
 * same everywhere. A symbolic link at path is not followed. 0 or -errno.
 */
int names_read(struct names *s, int dirfd, const char *path);
