/* Which databases a backup has a file of. */
#pragma once

#include "base.h"

struct arena;
struct error;
struct pg;

/*
 * Those of the configuration (named), whatever they are called; NULL: all that people can connect to, but those that a
 * restore has put aside, which would be in every backup from then on. One that is named and is not there is ERR_FAILED;
 * lenient: it is left out. *ret, ended by NULL, and what it names are named's or in the arena.
 */
int choose_databases(const struct pg *p, const char *const *named, bool lenient,
	struct arena *arena, const char ***ret, struct error *e);
