/*
 * Field tables: key, parser, place in a struct, required or not. One table reads a map of nodes
 * into a struct; unknown keys (with "did you mean"), wrong types and missing keys become diags
 * that point at the key or at the value. Rules between fields are for an _check() after it.
 */
#pragma once

#include "base.h"

struct arena;
struct diags;
struct node;

struct schema {
	struct arena *arena; /* values are allocated here; strings borrow from the nodes */
	struct diags *diags;
	const char *where; /* the map that is read, for messages: "kbuild.disk"; NULL: the top */
	bool open; /* unknown keys are left alone, and null is as absent: for what is not ours (reply.h) */
};

struct field;

/* Stores node's value at out; on a wrong value adds a diag with schema_wrong() and stores nothing. */
typedef void (*field_parser)(
	const struct schema *s, const struct field *f, const struct node *node, void *out);

enum field_flags {
	FIELD_REQUIRED = 1,
};

struct field {
	const char *key;
	field_parser parse;
	size_t offset;
	unsigned flags;
	const void *arg; /* for the parser: a nested table, a list of words, a bound */
};

/*
 * Reads map by the table, ended by {}. out keeps its defaults for absent keys. NULL reads nothing;
 * a null (the key is there, empty) is a map without keys, in which required ones are missing.
 */
void schema_read(
	const struct schema *s, const struct node *map, const struct field *fields, void *out);

/* The parsers. C type stored in parentheses. */
void field_string(const struct schema *, const struct field *, const struct node *,
	void *); /* (const char *) not empty, not null */
void field_bool(
	const struct schema *, const struct field *, const struct node *, void *); /* (bool) */
void field_int(const struct schema *, const struct field *, const struct node *,
	void *); /* (int64_t) >= 0, or arg: const int64_t[2] min, max */
void field_size(const struct schema *, const struct field *, const struct node *,
	void *); /* (uint64_t) bytes: "8G", "512M", plain numbers */
void field_duration(const struct schema *, const struct field *, const struct node *,
	void *); /* (uint64_t) seconds: "10m", "1h30m", "3d"; plain numbers */
void field_strings(const struct schema *, const struct field *, const struct node *,
	void *); /* (const char **) NULL-terminated; one scalar is a list of one */
void field_word(const struct schema *, const struct field *, const struct node *,
	void *); /* (const char *) one of arg: const char *const[] */
void field_node(const struct schema *, const struct field *, const struct node *,
	void *); /* (const struct node *) as it is */
void field_map(const struct schema *, const struct field *, const struct node *,
	void *); /* nested struct at offset; arg: const struct field[] */

/* A key's full name as the user would say it: "kbuild.disk.size". In the arena. */
const char *schema_name(const struct schema *s, const char *key);

/* Adds a diag at the value: "'KEY' must be WANTED, not WHAT-IT-IS". */
void schema_wrong(
	const struct schema *s, const struct field *f, const struct node *node, const char *wanted);

/* The values without a table. False when text is not of the form, or the result does not fit. */
bool parse_size(const char *text, uint64_t *ret); /* bytes; K M G T (KiB …) are powers of 1024 */
bool parse_duration(const char *text, uint64_t *ret); /* seconds; units s m h d w */
