/*
 * Where a build writes: the directory OUTPUT/NAME, and OUTPUT/NAME.log. What stands there is removed, by root:
 * so only what is known to be ours is.
 */
#pragma once

#include "base.h"

struct error;
struct progress;

/*
 * 0: both are free, or ours: a directory is when it has a manifest and nothing but an image's files, a log by its
 * first line or its image. Else ERR_FAILED, which names what is in the way. image: whether the directory will be
 * written, or only the log.
 */
int build_place_check(const char *output, const char *name, bool image, struct error *e);

/* The first half of it, of a directory by its path. */
int build_place_check_image(const char *directory, struct error *e);

/*
 * One build of a name at a time in an output: waits for another one's end, saying so. Returns the lock, an fd that
 * holds it while it is open. Makes the output.
 */
int build_place_lock(const char *output, const char *name, struct progress *p, struct error *e);

/* The log, begun anew, open for writing at its end. */
int build_place_log(const char *path, const char *definition, struct error *e);
