/* The document of values, and the text made of it. Internal to secrets/. */
#pragma once

#include "base.h"

struct agent;
struct arena;
struct buf;
struct error;
struct node;

/* The map NAME -> value, in the arena; *ret is NULL when there is no document. A broken one is an error. */
int values_read(const struct agent *a, struct arena *arena, struct node **ret, struct error *e);
int values_write(const struct agent *a, const struct node *values, struct error *e);

/*
 * A new value of at least as many bits as the definition's "generate" says (256 where it is no number): letters,
 * digits, '-', '_', beginning with a letter or digit.
 */
void values_generate(const struct node *generate, struct buf *ret);

/* Each name of the definition with its value, templates filled; borrowed for the call. ERR_INVALID as below. */
typedef void (*values_fn)(void *arg, const char *name, const char *value);
int values_each(const struct node *definition, const struct node *values, values_fn each, void *arg,
	struct error *e);
/* The text of .env from the definition's map and the values. ERR_INVALID names what is missing. */
int values_env(
	const struct node *definition, const struct node *values, struct buf *ret, struct error *e);
