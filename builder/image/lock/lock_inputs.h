/*
 * What a resolution depends on, as readable lines: compared with the lock to tell whether it still
 * answers the definition.
 */
#pragma once

#include "base.h"

struct apt_sources;
struct arena;
struct definition;
struct error;

struct lock_inputs {
	const char **asked; /* as lock.asked */
	const char **lines; /* as lock.inputs */
	const char *note;   /* for the person, or NULL */
};

/* ERR_INVALID when the definition asks for what cannot be. Strings live in the arena. */
int lock_inputs_read(struct lock_inputs *ret, struct arena *a, const struct definition *def,
	const struct apt_sources *sources, struct error *e);

/*
 * Files of write_files that steer apt: those below /etc/apt/preferences.d and the file
 * /etc/apt/preferences itself. i counts from 0; false at the end.
 */
bool lock_preferences(
	const struct definition *def, size_t i, const char **ret_path, const char **ret_text);
