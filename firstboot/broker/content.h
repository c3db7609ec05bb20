/*
 * Copies of what a release binds into containers, named by what they hold: content/DIGEST/NAME below the
 * broker's state. A service is so recreated exactly when its files have changed; the files of the last
 * good release are there for the way back; and nobody but root can change what a container sees.
 */
#pragma once

#include "base.h"

struct broker;
struct buf;
struct error;

/* One more file that the release does not have: its secrets. path NULL: there is none. */
struct content_extra {
	const char *path;
	const struct buf *data;
};

/*
 * Copies path (relative to the release; "": all of it), a file or a directory, unless a copy of the
 * same is there. Links, devices and what leads out of the release are refused (ERR_INVALID).
 * ret_path: returns new, the copy's absolute path.
 */
int content_keep(const struct broker *b, int release_fd, const char *path,
	const struct content_extra *extra, char **ret_path, struct error *e);
