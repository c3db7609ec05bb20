/* What the two ways of an application's files share: ops_files.c reads them, ops_files_back.c puts them back. */
#pragma once

#include "ops.h"
#include "shape.h"

#define FILES_SECONDS (INT64_C(12) * 3600)

struct files_args {
	const char *volume, *path;
	const char *id; /* of a backup; of what is put back only */
};

extern const struct shape shape_absolute; /* a path from / on, without ".." */

#define FILES_ABSENT 1 /* docker has no such volume; there is no such directory */

/*
 * Where the volume or path of the arguments lies. Returns new. Refuses what the definition does not name: root
 * touches nothing for somebody who merely asks.
 */
int files_find(struct call *c, char **ret, struct error *e);
/*
 * Opens a directory of it, or above it. A path leads through no link: what belongs to others on the way, they could
 * turn to any place of the machine while root is at work there.
 */
int files_open(const struct files_args *args, const char *dir, int *ret, struct error *e);
/*
 * Makes the volume of the arguments, empty: under the name that Compose would give it where there is an
 * application, and with its labels.
 */
int files_make_volume(struct call *c, struct error *e);
