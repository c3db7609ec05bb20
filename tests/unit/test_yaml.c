/* YAML to nodes and back: what users write, what hostile files try, and where complaints point. */
#include "arena.h"
#include "buf.h"
#include "check.h"
#include "error.h"
#include "mark.h"
#include "node.h"
#include "yaml_tree.h"

struct trial {
	struct arena *arena;
	struct diags diags;
	struct error error;
	struct node *root;
	int r;
};

static void trial_end(struct trial *t)
{
	diags_free(&t->diags);
	arena_free(t->arena);
}
#define _trial_ _cleanup_(trial_end) struct trial

static struct trial try_bytes(const char *text, size_t len)
{
	struct trial t = { .arena = arena_new() };

	t.r = yaml_parse(&t.root, t.arena, "t.yaml", text, len, &t.diags, &t.error);
	return t;
}

static struct trial try(const char *text)
{
	return try_bytes(text, strlen(text));
}

/* The tree as one line of JSON, or the complaints as "line:col id" lines. */
static char *outcome(const struct trial *t)
{
	struct buf b = BUF_INIT;

	if (t->r == 0) {
		node_write_json(t->root, 0, &b);
		return buf_detach(&b);
	}
	for (size_t i = 0; i < t->diags.n; i++)
		buf_printf(&b, "%s%u:%u %s", i ? ", " : "", t->diags.v[i].at.line,
			t->diags.v[i].at.col, t->diags.v[i].id);
	return buf_detach(&b);
}

struct row {
	const char *text, *want;
};

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		_trial_ t = try(rows[i].text);
		_free_ char *got = outcome(&t);

		if (strcmp(got, rows[i].want) != 0)
			check_fail("row %zu:\n%s\ngives\n<<<%s>>>\nwanted\n<<<%s>>>", i,
				rows[i].text, got, rows[i].want);
	}
}

static void what_users_write_is_read(void)
{
	static const struct row rows[] = {
		{ "", "{}" },
		{ "# nothing\n", "{}" },
		{ "#cloud-config\n---\na: b\n...\n", "{\"a\": \"b\"}" },
		{ "a: [1, two, {x: y}]", "{\"a\": [1, \"two\", {\"x\": \"y\"}]}" },
		{ "a: yes\nb: 'yes'\nc: y\nd: Off",
			"{\"a\": true, \"b\": \"yes\", \"c\": \"y\", \"d\": false}" },
		{ "a: ~\nb:\nc: ''", "{\"a\": null, \"b\": null, \"c\": \"\"}" },
		{ "a: 0644\nb: '0644'\nc: 0x1f\nd: 1_000\ne: 0o17",
			"{\"a\": 420, \"b\": \"0644\", \"c\": 31, \"d\": 1000, \"e\": \"0o17\"}" },
		{ "a: 1:30\nb: 02:00\nc: 1:99", "{\"a\": 90, \"b\": \"02:00\", \"c\": \"1:99\"}" },
		{ "a: 1.5\nb: -3\nc: [-1]\nd: 09",
			"{\"a\": 1.5, \"b\": -3, \"c\": [-1], \"d\": \"09\"}" },
		{ "a: |\n  one\n  two\nb: >-\n  x\n  y\n",
			"{\"a\": \"one\\ntwo\\n\", \"b\": \"x y\"}" },
		{ "a: !!binary aGk=\nb: !!str 5\nc: !!int \"5\"\nd: ! 5",
			"{\"a\": \"hi\", \"b\": \"5\", \"c\": 5, \"d\": \"5\"}" },
		{ "a: 18446744073709551616", "{\"a\": 18446744073709551616}" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void anchors_aliases_and_merge_keys_are_expanded(void)
{
	static const struct row rows[] = {
		{ "a: &x {k: 1}\nb: *x", "{\"a\": {\"k\": 1}, \"b\": {\"k\": 1}}" },
		{ "a: &x {k: 1, l: 2}\nb: {l: 3, <<: *x}",
			"{\"a\": {\"k\": 1, \"l\": 2}, \"b\": {\"l\": 3, \"k\": 1}}" },
		{ "a: &x {k: 1}\nb: &y {k: 2, m: 4}\nc: {<<: [*x, *y]}",
			"{\"a\": {\"k\": 1}, \"b\": {\"k\": 2, \"m\": 4}, \"c\": {\"k\": 1, \"m\": 4}}" },
		{ "a: &x 1\nb: &x 2\nc: *x", "{\"a\": 1, \"b\": 2, \"c\": 2}" },
		{ "&k a: 1\nb: *k", "{\"a\": 1, \"b\": \"a\"}" },
		{ "a: {'<<': {k: 1}}", "{\"a\": {\"<<\": {\"k\": 1}}}" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void complaints_point_at_the_place(void)
{
	static const struct row rows[] = {
		{ "a: 1\nb: 2\na: 3\nb: 4\n", "3:1 repeated-key, 4:1 repeated-key" },
		{ "a: {x: 1, x: 2}\nb: *nowhere\n", "1:11 repeated-key, 2:4 unknown-alias" },
		{ "a: &a [*a]", "1:8 alias-cycle" },
		{ "a: &a {b: {c: *a}}\nd: *a", "1:15 alias-cycle" },
		{ "a: {<<: 5}", "1:9 bad-merge" },
		{ "a: &x {k: 1}\nb: {<<: *x, <<: *x}", "2:13 repeated-key" },
		{ "[a, b]: c\nd: e\n", "1:1 bad-key" },
		{ "\"a\\0b\": c\n", "1:1 bad-key" },
		{ "a: !python/object x\nb: !!set {x}\n", "1:4 unknown-tag, 2:4 unknown-tag" },
		{ "a: !!binary '***'", "1:4 bad-base64" },
		{ "a: 1\n---\nb: 2\n", "2:1 second-document" },
		{ "a: 'x\n", "1:4 yaml-syntax" },
		{ "a:\n\tb: 1\n", "2:1 yaml-syntax" },
		{ "a: b: c\n", "1:5 yaml-syntax" },
		{ "a: [1, 2\nb: 3\n", "2:2 yaml-syntax" },
		{ "\xc3\xa9: 1\n\xc3\xa9\xc3\xa9: \xff\n", "2:5 yaml-syntax" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void the_alias_bomb_is_refused_before_it_is_built(void)
{
	_buf_ text = BUF_INIT;

	buf_adds(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
	for (int i = 1; i < 12; i++)
		buf_printf(&text,
			"a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i,
			i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	_trial_ t = try(buf_str(&text));
	check(t.r == -ERR_INVALID);
	check_int(t.diags.n, 1);
	check_str(t.diags.v[0].id, "too-many-nodes");
	check(t.diags.v[0].at.line > 3);
}

static void depth_size_and_anchors_are_bounded(void)
{
	_buf_ deep = BUF_INIT;
	_buf_ many = BUF_INIT;
	_free_ char *large = calloc(1, YAML_SIZE_MAX + 1);

	for (int i = 0; i < 1000; i++) {
		buf_adds(&deep, "[");
		buf_printf(&many, "k%d: &a%d 1\nl%d: &b%d 1\n", i, i, i, i);
	}
	memset(large, '#', YAML_SIZE_MAX + 1);
	_trial_ a = try(buf_str(&deep));
	check_int(a.diags.n, 1);
	check_str(a.diags.v[0].id, "too-deep");
	check_int(a.diags.v[0].at.col, YAML_DEPTH_MAX + 1);
	_trial_ b = try(buf_str(&many));
	check_str(b.diags.v[0].id, "too-many-anchors");
	_trial_ c = try_bytes(large, YAML_SIZE_MAX + 1);
	check_str(c.diags.v[0].id, "too-large");
}

static void aliases_do_not_deepen_beyond_the_bound(void)
{
	_buf_ text = BUF_INIT;

	/* 40 levels, twice 40 by an alias below 40: each is allowed, both together are not. */
	for (int k = 0; k < 2; k++) {
		buf_printf(&text, "%c: &%c ", 'a' + k, 'a' + k);
		for (int i = 0; i < 40; i++)
			buf_addc(&text, '[');
		buf_adds(&text, k ? "*a" : "x");
		for (int i = 0; i < 40; i++)
			buf_addc(&text, ']');
		buf_addc(&text, '\n');
	}
	_trial_ t = try(buf_str(&text));
	check_int(t.diags.n, 1);
	check_str(t.diags.v[0].id, "too-deep");
	check_int(t.diags.v[0].at.line, 2);
}

static void twenty_thousand_keys_are_read(void)
{
	_buf_ text = BUF_INIT;

	for (int i = 0; i < 20000; i++)
		buf_printf(&text, "key%d: 1\n", i);
	_trial_ t = try(buf_str(&text));
	check_int(t.r, 0);
	check_int(t.root->n, 20000);
}

static void keys_and_values_know_their_place(void)
{
	_trial_ t = try("a: 1\nb:\n  - x\n  - \xc3\xa9: y\n");
	const struct node *map;

	check_int(t.r, 0);
	check_int(t.root->keys[1]->at.line, 2);
	map = node_get(t.root, "b")->items[1];
	check_int(map->at.line, 4);
	check_int(map->at.col, 5);
	check_int(map->keys[0]->at.col, 5);
	check_int(map->items[0]->at.col, 8);
	check_str(map->at.file, "t.yaml");
}

static void syntax_errors_come_with_advice(void)
{
	_trial_ t = try("a:\n\tb: 1\n");

	check(strstr(t.diags.v[0].message, "cannot start any token"));
	check(strstr(t.diags.v[0].hint, "blanks"));
	check(strstr(t.error.msg, "t.yaml has 1 error"));
}

static void written_yaml_reads_back_equal(void)
{
	static const char *const texts[] = {
		"a: 1\nb: 'yes'\nc: [x, {y: z, l: [1, [2, 3], []]}, {}]\n",
		"t: \"line\\n\"\nu: \"two\\nlines\"\nv: \"end\\n\\n\"\nw: \" lead\\nx\"\n",
		"a: \"\\0nul\"\nb: \"tab\\tx\"\nc: \"\\e[0m\"\nd: \"it's\"\ne: \"\\x85\\u2028\\U0001F600\"\n",
		"a: !!binary /w==\nb: ''\nc: '~'\nd: ~\ne: '- x'\nf: -x\ng: 'a: b'\nh: 'a #b'\n",
		"? 'a: b'\n: c\n'yes': 1\n? ''\n: 2\n? \"two\\nlines\"\n: 3\n",
		"l:\n- |\n  script\n   indented\n\n  end\n- [[a]]\n- - b\n  - {c: d}\n",
		"a: '012'\nb: 2020-01-01\nc: '2020-01-01'\nd: '1.5'\ne: .5\nf: '=' \ng: '<<'\nh: '0x1'\n",
		"a: \"x\\n  \"\nb: \"x\\n\\n  y\\n\"\nc: \"x \\ny\\n\"\nd: \"\\n\"\ne: \"x\\r\\ny\"\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_trial_ a = try(texts[i]);
		_buf_ out = BUF_INIT;

		check_int(a.r, 0);
		node_write_yaml(a.root, &out);
		_trial_ b = try(buf_str(&out));
		if (b.r != 0 || !node_equal(a.root, b.root))
			check_fail("text %zu is written as\n%s", i, buf_str(&out));
	}
}

static void yaml_is_written_as_people_write_it(void)
{
	_trial_ t = try(
		"a: {b: [x, {c: d, e: [1]}], f: \"one\\ntwo\\n\"}\ng: []\nh: 'yes'\ni: /etc/x\nj: ~\n");
	_buf_ out = BUF_INIT;

	node_write_yaml(t.root, &out);
	check_str(buf_str(&out),
		"a:\n  b:\n  - x\n  - c: d\n    e:\n    - 1\n  f: |\n    one\n    two\n"
		"g: []\nh: 'yes'\ni: /etc/x\nj: null\n");
}

int main(void)
{
	run(what_users_write_is_read);
	run(anchors_aliases_and_merge_keys_are_expanded);
	run(complaints_point_at_the_place);
	run(the_alias_bomb_is_refused_before_it_is_built);
	run(depth_size_and_anchors_are_bounded);
	run(aliases_do_not_deepen_beyond_the_bound);
	run(twenty_thousand_keys_are_read);
	run(keys_and_values_know_their_place);
	run(syntax_errors_come_with_advice);
	run(written_yaml_reads_back_equal);
	run(yaml_is_written_as_people_write_it);
	return done();
}
