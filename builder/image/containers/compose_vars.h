/*
 * Variables in Compose files: ${NAME}, ${NAME:-default} and their kin, as far as they are known when an image
 * is built. That is what the file .env beside the Compose file says, and defaults; the environment of
 * who builds is none of the server's. Foreign bytes: bounded, fuzzed.
 */
#pragma once

#include "base.h"

struct arena;
struct buf;

struct compose_var {
	const char *name, *value;
};
struct compose_vars {
	const struct compose_var *v; /* in the arena; of equal names the last counts */
	size_t n;
};

/* Reads lines of NAME=VALUE; what is none is passed over, as Compose would complain on the server. */
void compose_vars_read(const char *text, size_t len, struct arena *a, struct compose_vars *ret);

#define COMPOSE_VALUE_MAX 4096

/*
 * Appends text with its variables replaced. NULL, or why it cannot be said: the name of a variable that has
 * no value is in *ret_name then, when that is the reason. Both in the arena or constant.
 */
const char *compose_vars_replace(const struct compose_vars *vars, const char *text, struct arena *a,
	struct buf *out, const char **ret_name);
