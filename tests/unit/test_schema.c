/* Field tables: what they store, and the sentences of their complaints. */
#include "arena.h"
#include "buf.h"
#include "check.h"
#include "error.h"
#include "mark.h"
#include "node.h"
#include "schema.h"
#include "yaml_tree.h"

struct inner {
	bool on;
	uint64_t wait;
};

struct record {
	const char *name, *color;
	uint64_t size;
	int64_t count;
	const char **tags;
	struct inner inner;
	const struct node *raw;
};

static const char *const colors[] = { "red", "green", "blue", NULL };
static const int64_t range[] = { 1, 9 };

static const struct field inner_fields[] = {
	{ "on", field_bool, offsetof(struct inner, on) },
	{ "wait", field_duration, offsetof(struct inner, wait) },
	{},
};

static const struct field fields[] = {
	{ "name", field_string, offsetof(struct record, name), FIELD_REQUIRED },
	{ "color", field_word, offsetof(struct record, color), .arg = colors },
	{ "size", field_size, offsetof(struct record, size) },
	{ "count", field_int, offsetof(struct record, count), .arg = range },
	{ "tags", field_strings, offsetof(struct record, tags) },
	{ "inner", field_map, offsetof(struct record, inner), .arg = inner_fields },
	{ "raw", field_node, offsetof(struct record, raw) },
	{},
};

static void read_record(struct arena *a, const char *text, struct record *rec, struct diags *d)
{
	struct schema s = { .arena = a, .diags = d };
	struct node *root = NULL;
	struct error e = {};

	check_int(yaml_parse(&root, a, "t", text, strlen(text), d, &e), 0);
	schema_read(&s, root, fields, rec);
}

static void values_are_stored(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct record rec = { .count = 7 };
	_cleanup_(diags_free) struct diags d = DIAGS_INIT;

	read_record(a,
		"name: x\ncolor: blue\nsize: 8G\ntags: [a, b]\nraw: {k: 1}\n"
		"inner: {on: yes, wait: 1h30m}\n",
		&rec, &d);
	check_int(d.n, 0);
	check_str(rec.name, "x");
	check_str(rec.color, "blue");
	check_int(rec.size, 8 * GIB);
	check_int(rec.count, 7);
	check_str(rec.tags[1], "b");
	check(!rec.tags[2]);
	check(rec.inner.on);
	check_int(rec.inner.wait, 5400);
	check(node_get(rec.raw, "k"));
}

static void complaints_name_the_key_and_what_it_is(void)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "color: red", "1:1 'name' is missing" },
		{ "name: [x]", "1:7 'name' must be text that is not empty, not a list" },
		{ "name:", "1:6 'name' must be text that is not empty, not nothing" },
		{ "name: x\ncolour: red", "2:1 unknown key 'colour' | did you mean 'color'?" },
		{ "name: x\nzzzzzz: 1",
			"2:1 unknown key 'zzzzzz' | known here: name, color, size, count, tags, inner, raw" },
		{ "name: x\ncolor: gren",
			"2:8 'color' must be red, green or blue, not 'gren' | did you mean 'green'?" },
		{ "name: x\ncolor: 5\nsize: 8Q",
			"2:8 'color' must be red, green or blue, not '5', 3:7 'size' must be a size such as 8G or 512M, not '8Q'" },
		{ "name: x\ncount: 10", "2:8 'count' must be from 1 to 9, not 10" },
		{ "name: x\ncount: many", "2:8 'count' must be a whole number, not text" },
		{ "name: x\ntags: [a, [b]]",
			"2:11 'tags' must be a list of texts that are not empty, not a list" },
		{ "name: x\ninner: {on: 1}",
			"2:13 'inner.on' must be true or false, not a number" },
		{ "name: x\ninner: {wait: soon, zzzzzzzz: 2}",
			"2:15 'inner.wait' must be a duration such as 30s, 10m or 1h30m, not 'soon', 2:21 unknown key 'zzzzzzzz' in 'inner' | known here: on, wait" },
		{ "name: x\ninner: 5", "2:8 'inner' must be a map, not a number" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		_cleanup_(diags_free) struct diags d = DIAGS_INIT;
		struct record rec = {};
		_buf_ got = BUF_INIT;

		read_record(a, rows[i].text, &rec, &d);
		for (size_t k = 0; k < d.n; k++)
			buf_printf(&got, "%s%u:%u %s%s%s", k ? ", " : "", d.v[k].at.line,
				d.v[k].at.col, d.v[k].message, d.v[k].hint ? " | " : "",
				d.v[k].hint ? d.v[k].hint : "");
		check_str(buf_str(&got), rows[i].want);
	}
}

static void sizes(void)
{
	static const struct {
		const char *text;
		uint64_t want; /* UINT64_MAX: refused */
	} rows[] = {
		{ "0", 0 },
		{ "512", 512 },
		{ "1K", KIB },
		{ "512M", 512 * MIB },
		{ "8G", 8 * GIB },
		{ "8GiB", 8 * GIB },
		{ "2T", 2048 * GIB },
		{ "", UINT64_MAX },
		{ "G", UINT64_MAX },
		{ "-1", UINT64_MAX },
		{ "8g", UINT64_MAX },
		{ "8GB", UINT64_MAX },
		{ "8 G", UINT64_MAX },
		{ "8388607T", 8388607 * (1024 * GIB) },
		{ "8388608T", UINT64_MAX },
		{ "99999999999999999999", UINT64_MAX },
		{ "18014398509481984K", UINT64_MAX },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t got = UINT64_MAX;

		if (!parse_size(rows[i].text, &got))
			got = UINT64_MAX;
		if (got != rows[i].want)
			check_fail("'%s' gives %llu", rows[i].text, (unsigned long long)got);
	}
}

static void durations(void)
{
	static const struct {
		const char *text;
		uint64_t want; /* UINT64_MAX: refused */
	} rows[] = {
		{ "0", 0 },
		{ "90", 90 },
		{ "30s", 30 },
		{ "10m", 600 },
		{ "1h30m", 5400 },
		{ "3d", 259200 },
		{ "1w", 604800 },
		{ "", UINT64_MAX },
		{ "m", UINT64_MAX },
		{ "10 m", UINT64_MAX },
		{ "1h30", UINT64_MAX },
		{ "5min", UINT64_MAX },
		{ "-5m", UINT64_MAX },
		{ "99999999999d", UINT64_MAX },
		{ "18446744073709551615s", UINT64_MAX },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t got = UINT64_MAX;

		if (!parse_duration(rows[i].text, &got))
			got = UINT64_MAX;
		if (got != rows[i].want)
			check_fail("'%s' gives %llu", rows[i].text, (unsigned long long)got);
	}
}

int main(void)
{
	run(values_are_stored);
	run(complaints_name_the_key_and_what_it_is);
	run(sizes);
	run(durations);
	return done();
}
