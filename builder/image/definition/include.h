/*
 * kbuild.include: a definition is its own file over the files that it includes.
 *
 * The files of "include" are read in order, each over the one before, and the including file over
 * them all. Maps merge key by key at every depth. Everything else is replaced: a list, a text, a
 * number of the including file takes the place of the included one; an empty value ("packages:",
 * null) takes the key out. kbuild.merge says otherwise for lists: {packages: append}.
 */
#pragma once

#include "base.h"

struct arena;
struct definition_file;
struct diags;
struct error;
struct node;

#define INCLUDE_FILES_MAX 64
#define INCLUDE_DEPTH_MAX 16

/*
 * The merged tree, without kbuild.include and kbuild.merge; ret_files gets all files read, the
 * first one being path, ended by one without a path, in the arena. Negative with the error set when a file
 * cannot be read or is not YAML.
 */
int include_read(struct node **ret, const struct definition_file **ret_files, struct arena *a,
	const char *path, struct diags *d, struct error *e);
