/* Bodies and paths of calls; see body.h. */
#include "body.h"

#include "api.h"
#include "arena.h"
#include "buf.h"
#include "node.h"

#include <inttypes.h>
#include <string.h>

static const struct mark nowhere;

struct node *body_map(struct arena *a)
{
	return node_map(a, &nowhere);
}

struct node *body_list(struct arena *a)
{
	return node_list(a, &nowhere);
}

struct node *body_set(struct arena *a, struct node *map, const char *key, struct node *value)
{
	node_set(a, map, &nowhere, key, value);
	return map;
}

struct node *body_text(struct arena *a, struct node *map, const char *key, const char *text)
{
	return text ? body_set(a, map, key, node_scalar(a, &nowhere, text, strlen(text))) : map;
}

/* null, true, 12: words of JSON, not text. */
static struct node *set_word(struct arena *a, struct node *map, const char *key, const char *word)
{
	struct node *n = node_scalar(a, &nowhere, word, strlen(word));

	n->quoted = false;
	return body_set(a, map, key, n);
}

struct node *body_number(struct arena *a, struct node *map, const char *key, int64_t value)
{
	return set_word(a, map, key, arena_printf(a, "%" PRId64, value));
}

struct node *body_bool(struct arena *a, struct node *map, const char *key, bool value)
{
	return set_word(a, map, key, value ? "true" : "false");
}

struct node *body_null(struct arena *a, struct node *map, const char *key)
{
	return set_word(a, map, key, "null");
}

const char *body_json(struct arena *a, const char *key, struct node *value)
{
	struct node *outer = body_set(a, body_map(a), key, value);
	_buf_ out = BUF_INIT;

	node_write_json(outer, 0, &out);
	while (out.len && out.data[out.len - 1] == '\n')
		out.data[--out.len] = '\0';
	return arena_strdup(a, buf_str(&out));
}

bool id_valid(const char *text)
{
	static const char letters[] =
		"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.";
	size_t len = text ? strlen(text) : 0;

	return len > 0 && len <= 255 && strspn(text, letters) == len && text[0] != '.';
}

const char *escaped(struct arena *a, const char *text)
{
	_buf_ out = BUF_INIT;

	api_escape(&out, text);
	return arena_strdup(a, buf_str(&out));
}
