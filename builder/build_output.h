/* What a build leaves: the directory OUTPUT/NAME with the disks and their record. */
#pragma once

#include "base.h"

struct build_identity;
struct definition;
struct error;
struct lock;
struct progress;

struct build_output {
	const struct definition *def;
	const struct lock *lock;
	const struct build_identity *self;
	const char *agent; /* the file of its package, or NULL */
	struct progress *progress;
};

/*
 * Writes the record of the disks in staged, and puts that in place of directory, by one rename where the
 * file system can. What was there may be left beside staged, for who removes that directory;
 * it is looked at once more before, as a build takes minutes.
 */
int build_publish(
	const struct build_output *o, const char *staged, const char *directory, struct error *e);

/* Adds disk.qcow2 to an image that is there, and is what would be built. */
int build_add_qcow2(const struct build_output *o, const char *directory, struct error *e);

/* Copies the tree to a new directory, for --tree; under a name beside it until all of it is there. */
int build_copy_tree(const char *from, const char *to, int log_fd, struct error *e);
