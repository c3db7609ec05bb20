/* The application's secrets, from a backup. */
#pragma once

#include "base.h"

struct arena;
struct error;
struct node;
struct restore;

/* The map NAME -> value of the backup, in the arena. ERR_INVALID: it has none. Of q: dir, m, and who opens it. */
int secrets_read_back(
	const struct restore *q, struct arena *arena, const struct node **ret, struct error *e);
