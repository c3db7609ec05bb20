/*
 * JSON by jansson, turned into the same nodes as YAML, so that both share the field tables.
 * (libyaml cannot read JSON: it rejects the surrogate pairs that cloud APIs may send.)
 */
#include "json.h"

#include "arena.h"
#include "buf.h"
#include "error.h"
#include "node.h"

#include <jansson.h>
#include <string.h>

struct reading {
	struct arena *arena;
	struct mark at;
	size_t nodes;
	const char *trouble;
};

static struct node *plain(struct reading *r, const char *text)
{
	struct node *n = node_scalar(r->arena, &r->at, text, strlen(text));

	n->quoted = false;
	return n;
}

static struct node *convert(struct reading *r, const json_t *j, unsigned depth);

static struct node *convert_map(struct reading *r, const json_t *j, unsigned depth)
{
	struct node *map = node_map(r->arena, &r->at), *value;
	/* jansson's iterator wants a pointer it may write through, but does not write. */
	json_t *object = (json_t *)(uintptr_t)j;

	for (void *i = json_object_iter(object); i; i = json_object_iter_next(object, i)) {
		const char *key = json_object_iter_key(i);

		value = convert(r, json_object_iter_value(i), depth);
		if (!value)
			return NULL;
		node_add(r->arena, map, node_scalar(r->arena, &r->at, key, strlen(key)), value);
	}
	return map;
}

static struct node *convert_list(struct reading *r, const json_t *j, unsigned depth)
{
	struct node *list = node_list(r->arena, &r->at), *item;

	for (size_t i = 0; i < json_array_size(j); i++) {
		item = convert(r, json_array_get(j, i), depth);
		if (!item)
			return NULL;
		node_append(r->arena, list, item);
	}
	return list;
}

static struct node *convert(struct reading *r, const json_t *j, unsigned depth)
{
	char number[64];

	if (++r->nodes > JSON_NODES_MAX || depth > JSON_DEPTH_MAX) {
		r->trouble = depth > JSON_DEPTH_MAX ? "nested too deeply" : "too many values";
		return NULL;
	}
	switch (json_typeof(j)) {
	case JSON_OBJECT:
		return convert_map(r, j, depth + 1);
	case JSON_ARRAY:
		return convert_list(r, j, depth + 1);
	case JSON_STRING:
		return node_scalar(r->arena, &r->at, json_string_value(j), json_string_length(j));
	case JSON_INTEGER:
		snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(j));
		return plain(r, number);
	case JSON_REAL:
		snprintf(number, sizeof number, "%.17g", json_real_value(j));
		return plain(r, number);
	case JSON_TRUE:
		return plain(r, "true");
	case JSON_FALSE:
		return plain(r, "false");
	default:
		return plain(r, "null");
	}
}

int json_parse(struct node **ret, struct arena *a, const char *name, const char *text, size_t len,
	struct error *e)
{
	struct reading r = { .arena = a, .at = { .file = arena_strdup(a, name) } };
	const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL;
	struct node *n;
	json_error_t je;
	json_t *j;

	if (len > JSON_SIZE_MAX)
		return error_set(e, ERR_FAILED, "%s: larger than %llu MiB", name,
			(unsigned long long)(JSON_SIZE_MAX / MIB));
	j = json_loadb(text, len, flags, &je);
	if (!j)
		return error_set(e, ERR_FAILED, "%s: not JSON: %s (line %d, column %d)", name,
			je.text, je.line, je.column);
	n = convert(&r, j, 1);
	json_decref(j);
	if (!n)
		return error_set(e, ERR_FAILED, "%s: %s", name, r.trouble);
	*ret = n;
	return 0;
}
