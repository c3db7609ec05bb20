/*
 * Which disk file a verb's FILE means: the image of a definition, built when it is not current; one of a
 * build's outputs; or a file from elsewhere.
 */
#pragma once

#include "base.h"

struct arena;
struct ctx;
struct definition;
struct error;
struct launch_request;
struct upload_request;

/* By its name: NAME.yaml is read, all else is a disk. */
bool disk_source_is_definition(const char *file);

/*
 * Fills in what the request leaves open: disk, digest, hash, name, release, who logs in. def: of the
 * file, or NULL when it is a disk; q->format decides which of an image's disks it is.
 */
int disk_source_find(struct ctx *c, const char *file, const struct definition *def, struct arena *a,
	struct upload_request *q, struct error *e);

/* The same for a launch of a disk (q->disk): its size, and what the record beside it says, where there is one. */
int disk_source_launch(struct arena *a, struct launch_request *q, struct error *e);
