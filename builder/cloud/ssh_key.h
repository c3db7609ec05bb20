/* A key of its own for one server, made by ssh-keygen. */
#pragma once

#include "base.h"

struct arena;
struct error;

/*
 * DIR/id_ed25519 and its public half, in the arena and without newline. One that is there whole is used
 * again. dir exists; comment names it to people.
 */
int ssh_key_make(const char *dir, const char *comment, struct arena *a, const char **ret_public,
	struct error *e);
