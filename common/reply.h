/*
 * What servers answer, read by the field tables of schema.h. Their replies grow members with every
 * release, so those that a table does not have are left alone, and null is as good as absent. What we
 * do need must be there and of its type: the error names it.
 */
#pragma once

#include "base.h"
#include "schema.h"

struct error;

/*
 * Reads the object map by the table, ended by {}; out keeps its defaults for what is absent or
 * null. Strings live in the arena of the nodes. what is how the object is called: "image" makes
 * "the reply's 'image.size' must be a whole number, not text". ERR_NETWORK, not transient.
 */
int reply_read(const struct node *map, const char *what, const struct field *fields, void *out,
	struct arena *a, struct error *e);

/* Parsers, beside those of schema.h. C type stored in parentheses. */
void reply_text(const struct schema *, const struct field *, const struct node *,
	void *); /* (const char *) may be empty; at most REPLY_TEXT_MAX, UTF-8 without controls */
void reply_word(const struct schema *, const struct field *, const struct node *,
	void *); /* (const char *) the same, never empty; a bare word or number is one, too */
void reply_number(
	const struct schema *, const struct field *, const struct node *, void *); /* (int64_t) */
void reply_time(const struct schema *, const struct field *, const struct node *,
	void *); /* (int64_t) unix seconds, of "2026-11-29T11:04:14Z" in its variants */

#define REPLY_TEXT_MAX 4096

/* The value without a table. False when text is not of the form. No zone means UTC. */
bool parse_time(const char *text, int64_t *ret);
