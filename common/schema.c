/* Field tables; see schema.h. The words of every message about a wrong value are made here. */
#include "schema.h"

#include "arena.h"
#include "buf.h"
#include "mark.h"
#include "node.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

const char *schema_name(const struct schema *s, const char *key)
{
	return s->where ? arena_printf(s->arena, "%s.%s", s->where, key) : key;
}

void schema_wrong(
	const struct schema *s, const struct field *f, const struct node *node, const char *wanted)
{
	diag_add(s->diags, DIAG_ERROR, &node->at, "wrong-value", NULL, "'%s' must be %s, not %s",
		schema_name(s, f->key), wanted, node_what(node));
}

static const struct field *field_find(const struct field *fields, const char *key)
{
	for (; fields->key; fields++) {
		if (strcmp(fields->key, key) == 0)
			return fields;
	}
	return NULL;
}

/* The key of the table that an unknown one was meant to be, or NULL. */
static const char *meant(
	const struct schema *s, const struct node *key, const struct field *fields, size_t n)
{
	const char **names = arena_alloc(s->arena, (n + 1) * sizeof *names);

	for (size_t i = 0; i < n; i++)
		names[i] = fields[i].key;
	return diags_full(s->diags) ? NULL : nearest_word(key->str, names);
}

static size_t count_fields(const struct field *fields)
{
	size_t n = 0;

	while (fields[n].key)
		n++;
	return n;
}

static void unknown_key(const struct schema *s, const struct node *key, const struct field *fields)
{
	size_t n = count_fields(fields);
	const char *near = meant(s, key, fields, n), *hint;

	hint = near ? arena_printf(s->arena, "did you mean '%s'?", near) : NULL;
	if (!hint && n <= 16) {
		_buf_ all = BUF_INIT;

		for (size_t i = 0; i < n; i++)
			buf_printf(&all, "%s%s", i ? ", " : "known here: ", fields[i].key);
		hint = arena_strdup(s->arena, buf_str(&all));
	}
	diag_add(s->diags, DIAG_ERROR, &key->at, "unknown-key", hint, "unknown key '%s'%s%s%s",
		key->str, s->where ? " in '" : "", s->where ? s->where : "", s->where ? "'" : "");
}

/* Whether an unknown key of the map was complained about as meant to be this one. */
static bool misspelt(const struct schema *s, const struct node *map, const struct field *fields,
	const char *wanted)
{
	for (size_t i = 0; i < map->n; i++) {
		const char *near = NULL;

		if (!field_find(fields, map->keys[i]->str))
			near = meant(s, map->keys[i], fields, count_fields(fields));
		if (near && strcmp(near, wanted) == 0)
			return true;
	}
	return false;
}

static bool is_missing(const struct schema *s, const struct node *value)
{
	return !value || (s->open && node_is_null(value));
}

void schema_read(
	const struct schema *s, const struct node *map, const struct field *fields, void *out)
{
	if (!map)
		return;
	if (!node_is_null(map) && map->kind != NODE_MAP) {
		diag_add(s->diags, DIAG_ERROR, &map->at, "wrong-value", NULL,
			"'%s' must be a map, not %s", s->where ? s->where : "the document",
			node_what(map));
		return;
	}
	for (size_t i = 0; i < map->n; i++) {
		const struct field *f = field_find(fields, map->keys[i]->str);

		if (s->open && (!f || node_is_null(map->items[i])))
			continue;
		if (!f)
			unknown_key(s, map->keys[i], fields);
		else if (f->parse)
			f->parse(s, f, map->items[i], (char *)out + f->offset);
	}
	for (const struct field *f = fields; f->key; f++) {
		if ((f->flags & FIELD_REQUIRED) && is_missing(s, node_get(map, f->key)) &&
			(s->open || !misspelt(s, map, fields, f->key)))
			diag_add(s->diags, DIAG_ERROR, &map->at, "missing-key", NULL,
				"'%s' is missing", schema_name(s, f->key));
	}
}

void field_string(const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	const char *text = node_str(node);

	if (!text || *text == '\0') {
		schema_wrong(s, f, node, "text that is not empty");
		return;
	}
	*(const char **)out = text;
}

void field_bool(const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	if (!node_is_bool(node, out))
		schema_wrong(s, f, node, "true or false");
}

void field_int(const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	static const int64_t natural[] = { 0, INT64_MAX };
	const int64_t *range = f->arg ? f->arg : natural;
	char wanted[96];
	int64_t value;

	if (!node_is_int(node, &value)) {
		schema_wrong(s, f, node, "a whole number");
		return;
	}
	if (value >= range[0] && value <= range[1]) {
		*(int64_t *)out = value;
		return;
	}
	if (range[1] == INT64_MAX)
		snprintf(wanted, sizeof wanted, "at least %lld", (long long)range[0]);
	else
		snprintf(wanted, sizeof wanted, "from %lld to %lld", (long long)range[0],
			(long long)range[1]);
	diag_add(s->diags, DIAG_ERROR, &node->at, "wrong-value", NULL, "'%s' must be %s, not %lld",
		schema_name(s, f->key), wanted, (long long)value);
}

/* A scalar in one of our small languages: read by parse, else a diag that shows its text. */
static void field_by(const struct schema *s, const struct field *f, const struct node *node,
	void *out, bool (*parse)(const char *, uint64_t *), const char *wanted)
{
	const char *text = node_str(node);

	if (!text)
		schema_wrong(s, f, node, wanted);
	else if (!parse(text, out))
		diag_add(s->diags, DIAG_ERROR, &node->at, "wrong-value", NULL,
			"'%s' must be %s, not '%s'", schema_name(s, f->key), wanted, text);
}

void field_size(const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	field_by(s, f, node, out, parse_size, "a size such as 8G or 512M");
}

void field_duration(
	const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	field_by(s, f, node, out, parse_duration, "a duration such as 30s, 10m or 1h30m");
}

void field_strings(
	const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	const char **v;

	if (node->kind == NODE_SCALAR && node_str(node) && node->len > 0) {
		v = arena_alloc(s->arena, 2 * sizeof *v);
		v[0] = node->str;
		*(const char ***)out = v;
		return;
	}
	if (node->kind != NODE_LIST) {
		schema_wrong(s, f, node, "a list of texts");
		return;
	}
	v = arena_alloc(s->arena, (node->n + 1) * sizeof *v);
	for (size_t i = 0, n = 0; i < node->n; i++) {
		const char *text = node_str(node->items[i]);

		if (text && *text)
			v[n++] = text;
		else
			schema_wrong(s, f, node->items[i], "a list of texts that are not empty");
	}
	*(const char ***)out = v;
}

void field_word(const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	const char *const *words = f->arg, *text = node_str(node), *near;
	_buf_ all = BUF_INIT;
	_buf_ hint = BUF_INIT;

	for (size_t i = 0; words[i]; i++) {
		if (text && strcmp(words[i], text) == 0) {
			*(const char **)out = words[i];
			return;
		}
		buf_printf(&all, "%s%s", i == 0 ? "" : words[i + 1] ? ", " : " or ", words[i]);
	}
	if (!text) {
		schema_wrong(s, f, node, buf_str(&all));
		return;
	}
	near = nearest_word(text, words);
	if (near)
		buf_printf(&hint, "did you mean '%s'?", near);
	diag_add(s->diags, DIAG_ERROR, &node->at, "wrong-value", near ? buf_str(&hint) : NULL,
		"'%s' must be %s, not '%s'", schema_name(s, f->key), buf_str(&all), text);
}

void field_node(const struct schema *s _unused_, const struct field *f _unused_,
	const struct node *node, void *out)
{
	*(const struct node **)out = node;
}

void field_map(const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	struct schema inner = *s;

	inner.where = schema_name(s, f->key);
	schema_read(&inner, node, f->arg, out);
}

/* Decimal digits at *p, at least one, moved over; false when there are none or too many. */
static bool read_number(const char **p, uint64_t *ret)
{
	uint64_t value = 0;

	if (!isdigit((unsigned char)**p))
		return false;
	for (; isdigit((unsigned char)**p); (*p)++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, (unsigned)(**p - '0'), &value))
			return false;
	}
	*ret = value;
	return true;
}

bool parse_size(const char *text, uint64_t *ret)
{
	static const char units[] = "KMGT";
	uint64_t value, unit = 1;
	const char *found;

	if (!read_number(&text, &value))
		return false;
	found = *text ? strchr(units, *text) : NULL;
	if (found) {
		unit = KIB << (10 * (found - units));
		text++;
		if (strncmp(text, "iB", 2) == 0)
			text += 2;
	}
	/* Files and disks are counted by off_t. */
	if (*text != '\0' || __builtin_mul_overflow(value, unit, &value) || value > INT64_MAX)
		return false;
	*ret = value;
	return true;
}

bool parse_duration(const char *text, uint64_t *ret)
{
	static const struct {
		char name;
		uint32_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 } };
	uint64_t total = 0, value;
	bool plain = true;

	do {
		size_t u = 0;

		if (!read_number(&text, &value))
			return false;
		if (*text == '\0' && plain) {
			total = value;
			break;
		}
		while (u < ARRAY_SIZE(units) && units[u].name != *text)
			u++;
		if (u == ARRAY_SIZE(units) ||
			__builtin_mul_overflow(value, units[u].seconds, &value) ||
			__builtin_add_overflow(total, value, &total))
			return false;
		text++;
		plain = false;
	} while (*text != '\0');
	/* A hundred years is never meant, and keeps sums of durations from overflowing. */
	if (total > UINT64_C(100) * 366 * 86400)
		return false;
	*ret = total;
	return true;
}
