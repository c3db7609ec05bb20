/*
 * The tree itself: making, changing, asking. What a scalar means (null, bool, number) is decided
 * here and nowhere else. Maps are arrays in the order written: definitions have tens of keys, and
 * the order is worth keeping; readers of large foreign input use node_add(), which does not search.
 */
#include "node.h"

#include "arena.h"

#include <ctype.h>
#include <string.h>

struct node *node_scalar(struct arena *a, const struct mark *at, const char *str, size_t len)
{
	struct node *n = arena_alloc(a, sizeof *n);
	char *copy = arena_alloc(a, len + 1);

	if (len)
		memcpy(copy, str, len);
	*n = (struct node){ NODE_SCALAR, .quoted = true, .at = *at, .str = copy, .len = len };
	return n;
}

struct node *node_list(struct arena *a, const struct mark *at)
{
	struct node *n = arena_alloc(a, sizeof *n);

	*n = (struct node){ NODE_LIST, .at = *at };
	return n;
}

struct node *node_map(struct arena *a, const struct mark *at)
{
	struct node *n = arena_alloc(a, sizeof *n);

	*n = (struct node){ NODE_MAP, .at = *at };
	return n;
}

/* Arrays are full at 0, 8, 16, 32 … entries; whoever adds one more then moves them. */
static struct node **extend(struct arena *a, struct node **v, size_t n)
{
	struct node **bigger;

	if (n != 0 && (n < 8 || (n & (n - 1)) != 0))
		return v;
	bigger = arena_alloc(a, MAX(n * 2, 8) * sizeof *bigger);
	if (n)
		memcpy(bigger, v, n * sizeof *bigger);
	return bigger;
}

void node_append(struct arena *a, struct node *list, struct node *item)
{
	list->items = extend(a, list->items, list->n);
	list->items[list->n++] = item;
}

void node_add(struct arena *a, struct node *map, struct node *key, struct node *value)
{
	map->keys = extend(a, map->keys, map->n);
	map->items = extend(a, map->items, map->n);
	map->keys[map->n] = key;
	map->items[map->n++] = value;
}

/* The index of a key, or map->n; in what is no map there is none. */
static size_t find(const struct node *map, const char *key)
{
	for (size_t i = 0; map->kind == NODE_MAP && i < map->n; i++) {
		if (strcmp(map->keys[i]->str, key) == 0)
			return i;
	}
	return map->n;
}

void node_set(struct arena *a, struct node *map, const struct mark *at, const char *key,
	struct node *value)
{
	size_t i = find(map, key);

	if (i == map->n) {
		node_add(a, map, node_scalar(a, at, key, strlen(key)), value);
		return;
	}
	map->keys[i] = node_scalar(a, at, key, strlen(key));
	map->items[i] = value;
}

void node_remove(struct node *map, const char *key)
{
	size_t i = find(map, key);

	if (i == map->n)
		return;
	map->n--;
	memmove(map->keys + i, map->keys + i + 1, (map->n - i) * sizeof *map->keys);
	memmove(map->items + i, map->items + i + 1, (map->n - i) * sizeof *map->items);
}

struct node *node_copy(struct arena *a, const struct node *n)
{
	struct node *copy;

	if (n->kind == NODE_SCALAR) {
		copy = node_scalar(a, &n->at, n->str, n->len);
		copy->quoted = n->quoted;
		return copy;
	}
	copy = n->kind == NODE_LIST ? node_list(a, &n->at) : node_map(a, &n->at);
	for (size_t i = 0; i < n->n; i++) {
		if (n->kind == NODE_LIST)
			node_append(a, copy, node_copy(a, n->items[i]));
		else
			node_add(a, copy, node_copy(a, n->keys[i]), node_copy(a, n->items[i]));
	}
	return copy;
}

struct node *node_get(const struct node *n, const char *key)
{
	size_t i;

	if (!n || n->kind != NODE_MAP)
		return NULL;
	i = find(n, key);
	return i < n->n ? n->items[i] : NULL;
}

struct node *node_path(const struct node *n, const char *path)
{
	struct node *found = NULL;

	for (;;) {
		size_t len = strcspn(path, ".");
		char key[256];

		if (len >= sizeof key)
			return NULL;
		memcpy(key, path, len);
		key[len] = '\0';
		found = node_get(n, key);
		if (!found || path[len] == '\0')
			return found;
		n = found;
		path += len + 1;
	}
}

static bool is_word(const struct node *n, const char *const *words)
{
	for (; *words; words++) {
		if (n->len == strlen(*words) && memcmp(n->str, *words, n->len) == 0)
			return true;
	}
	return false;
}

bool node_is_null(const struct node *n)
{
	static const char *const words[] = { "", "~", "null", "Null", "NULL", NULL };

	return !n || (n->kind == NODE_SCALAR && !n->quoted && is_word(n, words));
}

bool node_is_bool(const struct node *n, bool *ret)
{
	static const char *const yes[] = { "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On",
		"ON", NULL };
	static const char *const no[] = { "no", "No", "NO", "false", "False", "FALSE", "off", "Off",
		"OFF", NULL };
	bool value;

	if (!n || n->kind != NODE_SCALAR || n->quoted)
		return false;
	value = is_word(n, yes);
	if (!value && !is_word(n, no))
		return false;
	if (ret)
		*ret = value;
	return true;
}

/* Digits of a base, underscores ignored, at least one digit; false when it does not fit. */
static bool read_digits(const char *p, const char *end, unsigned base, uint64_t *ret)
{
	uint64_t value = 0;
	bool any = false;

	for (; p < end; p++) {
		unsigned digit;

		if (*p == '_')
			continue;
		if (!isxdigit((unsigned char)*p))
			return false;
		digit = isdigit((unsigned char)*p) ? (unsigned)(*p - '0')
						   : (unsigned)(tolower(*p) - 'a') + 10;
		if (digit >= base || __builtin_mul_overflow(value, base, &value) ||
			__builtin_add_overflow(value, digit, &value))
			return false;
		any = true;
	}
	*ret = value;
	return any;
}

/* "1:30" is 90: YAML 1.1 has numbers of base 60, and PyYAML reads them. */
static bool read_sexagesimal(const char *p, const char *end, uint64_t *ret)
{
	const char *colon = memchr(p, ':', (size_t)(end - p));
	uint64_t value, part;

	if (!colon || *p < '1' || *p > '9' || !read_digits(p, colon, 10, &value))
		return false;
	while (colon < end) {
		p = colon + 1;
		colon = memchr(p, ':', (size_t)(end - p));
		if (!colon)
			colon = end;
		if (colon - p < 1 || colon - p > 2 || memchr(p, '_', (size_t)(colon - p)) ||
			!read_digits(p, colon, 10, &part) || part > 59)
			return false;
		if (__builtin_mul_overflow(value, 60, &value) ||
			__builtin_add_overflow(value, part, &value))
			return false;
	}
	*ret = value;
	return true;
}

static bool read_magnitude(const char *p, const char *end, uint64_t *ret)
{
	if (p == end || !isdigit((unsigned char)*p))
		return false;
	if (*p != '0')
		return read_digits(p, end, 10, ret) || read_sexagesimal(p, end, ret);
	if (end - p == 1) {
		*ret = 0;
		return true;
	}
	if (p[1] == 'x')
		return read_digits(p + 2, end, 16, ret);
	if (p[1] == 'b')
		return read_digits(p + 2, end, 2, ret);
	return read_digits(p + 1, end, 8, ret);
}

bool node_is_int(const struct node *n, int64_t *ret)
{
	uint64_t magnitude;
	const char *p, *end;
	bool negative;

	if (!n || n->kind != NODE_SCALAR || n->quoted || n->len == 0)
		return false;
	p = n->str;
	end = p + n->len;
	negative = *p == '-';
	if (*p == '-' || *p == '+')
		p++;
	if (!read_magnitude(p, end, &magnitude) || magnitude > INT64_MAX)
		return false;
	if (ret)
		*ret = negative ? -(int64_t)magnitude : (int64_t)magnitude;
	return true;
}

const char *node_str(const struct node *n)
{
	if (node_is_null(n) || n->kind != NODE_SCALAR || strlen(n->str) != n->len)
		return NULL;
	return n->str;
}

static bool scalar_equal(const struct node *a, const struct node *b)
{
	bool truth_a, truth_b;
	int64_t number_a, number_b;

	if (node_is_null(a) || node_is_null(b))
		return node_is_null(a) && node_is_null(b);
	if (node_is_bool(a, &truth_a))
		return node_is_bool(b, &truth_b) && truth_a == truth_b;
	if (node_is_int(a, &number_a))
		return node_is_int(b, &number_b) && number_a == number_b;
	/* Text and other numbers: plain and quoted text are the same. */
	return !node_is_bool(b, NULL) && !node_is_int(b, NULL) && a->len == b->len &&
	       memcmp(a->str, b->str, a->len) == 0;
}

bool node_equal(const struct node *a, const struct node *b)
{
	if (!a || !b)
		return a == b;
	if (a->kind != b->kind || a->n != b->n)
		return false;
	if (a->kind == NODE_SCALAR)
		return scalar_equal(a, b);
	for (size_t i = 0; i < a->n; i++) {
		const struct node *other =
			a->kind == NODE_MAP ? node_get(b, a->keys[i]->str) : b->items[i];

		if (!node_equal(a->items[i], other))
			return false;
	}
	return true;
}

const char *node_what(const struct node *n)
{
	if (node_is_null(n))
		return "nothing";
	if (n->kind != NODE_SCALAR)
		return n->kind == NODE_LIST ? "a list" : "a map";
	if (node_is_bool(n, NULL))
		return "true or false";
	return node_is_int(n, NULL) ? "a number" : "text";
}
