/* Overwriting what is sealed in files that others keep; used by keep.c. */
#pragma once

#include "base.h"

struct error;

/*
 * In one file, relative to dirfd: each run of base64 that begins as every sealed document does becomes
 * as many 'A'; fsynced. Absent, or not a regular file: 0.
 */
int scrub_file(int dirfd, const char *name, struct error *e);

/* In all files of the directories in which cloud-init keeps or logs user-data, below root_fd. */
int scrub_trees(int root_fd, struct error *e);
