/* Who uses an image. */
#pragma once

#include "base.h"

struct arena;
struct error;
struct os;

/* The names of the servers that were made from it, "a, b", in the arena; NULL: of none. One call of compute. */
int image_users(struct os *o, const char *region, const char *id, struct arena *a, const char **ret,
	struct error *e);
