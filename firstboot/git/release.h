/*
 * A revision's files as a directory: RELEASES/SHA. Written under another name, synced, renamed: what has its
 * name is complete. Nothing of the repository decides how (no filters, attributes, hooks), only what.
 */
#pragma once

#include "base.h"

struct error;
struct libgit;

struct release_limits {
	uint64_t files; /* and directories and links */
	uint64_t bytes; /* of all files */
	uint64_t file;	/* of one */
};

/*
 * Writes commit sha into the directory releases. Done already: nothing. 0, or LIBGIT_DAMAGED. ERR_INVALID for
 * trees that are refused, naming the path.
 */
int release_write(struct libgit *g, int releases, const char *sha,
	const struct release_limits *limits, struct error *e);

/* Removes all but those named (NULL-terminated), and what was left half-written. */
int release_clean(int releases, const char *const *keep, struct error *e);
