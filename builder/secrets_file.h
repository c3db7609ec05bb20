/* The operator's file of --secrets, as launch, lock and build read it. */
#pragma once

#include "base.h"

struct arena;
struct ctx;
struct error;
struct node;

/*
 * Reads it (YAML or JSON, "-": standard input) and checks its form; in the arena. Complaints are in the
 * context, which hides source lines from now on: the caller may add some, then asks diags_result() with
 * *ret_name, what messages call it. ERR_INVALID: others may read it, or it cannot be read.
 */
int secrets_file_parse(struct ctx *c, const char *path, struct arena *a, const struct node **ret,
	const char **ret_name, struct error *e);

/* The same for who has nothing to add: all complaints are an error. path NULL: *ret is NULL. */
int secrets_file_read(
	struct ctx *c, const char *path, struct arena *a, const struct node **ret, struct error *e);
