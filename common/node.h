/*
 * The one tree for everything that is read: YAML definitions and JSON replies become the same
 * nodes, each with its place in the source, so that both share the field tables of schema.h.
 */
#pragma once

#include "base.h"
#include "mark.h"

struct arena;
struct buf;
struct error;

enum node_kind {
	NODE_SCALAR, /* any text; what type it is, is decided by who asks */
	NODE_LIST,
	NODE_MAP,
};

struct node {
	enum node_kind kind;
	bool quoted;	/* scalar: written in quotes or as a block, so never null, bool or number */
	struct mark at; /* where the value begins */
	const char *str;     /* scalar: its bytes, NUL-terminated */
	size_t len;	     /* scalar: without the NUL (it may hold NULs of its own) */
	size_t n;	     /* list, map: number of entries */
	struct node **items; /* list: the items; map: the values */
	struct node **keys; /* map: the keys, scalars with their own marks; same order as written */
};

/*
 * All nodes live in the arena given when they were made. node_scalar() makes text (quoted); clear
 * the flag for a null, a bool or a number.
 */
struct node *node_scalar(struct arena *a, const struct mark *at, const char *str, size_t len);
struct node *node_list(struct arena *a, const struct mark *at);
struct node *node_map(struct arena *a, const struct mark *at);
void node_append(struct arena *a, struct node *list, struct node *item);
/* Adds a key at the end, without looking whether there is an equal one: the caller knows. */
void node_add(struct arena *a, struct node *map, struct node *key, struct node *value);
/* Sets a key, replacing the value of an equal one in place. key is copied. */
void node_set(struct arena *a, struct node *map, const struct mark *at, const char *key,
	struct node *value);
void node_remove(struct node *map, const char *key);	       /* absent, or no map: nothing */
struct node *node_copy(struct arena *a, const struct node *n); /* deep */

/* The value of a key, or NULL: when absent, when n is NULL, when n is no map. */
struct node *node_get(const struct node *n, const char *key);
/* node_get() along a path of keys separated by '.'. */
struct node *node_path(const struct node *n, const char *path);

/*
 * An unquoted scalar as PyYAML resolves it, which is how cloud-init reads YAML 1.1: "yes" is a
 * bool but "y" is text, 0644 is octal but 0o644 is text, 1:30 is the number 90.
 */
bool node_is_null(const struct node *n); /* also for n == NULL: null, ~, empty */
/* yes true on / no false off: true when it is one, with its value. ret may be NULL, here and below. */
bool node_is_bool(const struct node *n, bool *ret);
bool node_is_int(const struct node *n, int64_t *ret); /* decimal, 0x, 0b, leading-0 octal, _ */
/* The text of a scalar that is not null and holds no NUL byte, else NULL. */
const char *node_str(const struct node *n);
bool node_equal(
	const struct node *a, const struct node *b); /* ignores marks, order of maps counts not */

/* "a map", "a list", "text", "a number", "true or false", "nothing": for messages. */
const char *node_what(const struct node *n);

/*
 * Writes block-style YAML that PyYAML and libyaml read back as an equal tree (strings that look
 * like other types are quoted, multi-line text becomes a literal block).
 */
void node_write_yaml(const struct node *n, struct buf *out);
/* The same, with what note says about a scalar or an empty map or list as a comment behind it. */
typedef void (*node_note)(void *arg, const struct node *n, struct buf *out);
void node_write_yaml_noted(const struct node *n, node_note note, void *arg, struct buf *out);
/* Writes JSON (unquoted null, bool and int as such); indent 0: one line. */
void node_write_json(const struct node *n, int indent, struct buf *out);
