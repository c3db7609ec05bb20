/* Whether a dump that is whole looks like one of this application: compared with the last good one. */
#pragma once

#include "base.h"

struct arena;
struct manifest;

/*
 * NULL, or what is odd about m, in words, in the arena: no table at all; a database, volume or path that
 * is gone, or that shrank to less than half in bytes or in tables since last (NULL: there is none). What a restore has put aside
 * is no loss.
 */
const char *sanity_check(
	const struct manifest *m, const struct manifest *last, struct arena *arena);
