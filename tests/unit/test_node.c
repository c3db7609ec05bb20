/* Nodes: changing trees, and the small codecs beside them (base64, UTF-8). */
#include "arena.h"
#include "base64.h"
#include "buf.h"
#include "check.h"
#include "mark.h"
#include "node.h"
#include "utf8.h"

static const struct mark here = { "t", 1, 1 };

static struct node *text(struct arena *a, const char *s)
{
	return node_scalar(a, &here, s, strlen(s));
}

static void maps_keep_their_order_through_changes(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct node *map = node_map(a, &here), *copy;
	char key[16];

	for (int i = 0; i < 40; i++) {
		snprintf(key, sizeof key, "k%d", i);
		node_set(a, map, &here, key, text(a, key));
	}
	for (int i = 0; i < 40; i += 2) {
		snprintf(key, sizeof key, "k%d", i);
		node_remove(map, key);
	}
	node_remove(map, "absent");
	check_int(map->n, 20);
	node_set(a, map, &here, "k3", text(a, "new"));
	copy = node_copy(a, map);
	for (int i = 0; i < 30; i++) {
		snprintf(key, sizeof key, "x%d", i);
		node_set(a, copy, &here, key, text(a, key));
	}
	check_int(map->n, 20);
	check_int(copy->n, 50);
	check_str(copy->keys[1]->str, "k3");
	check_str(node_get(copy, "k3")->str, "new");
	check_str(copy->keys[49]->str, "x29");
	check(!node_get(map, "x1"));
}

static void paths_lead_through_maps_only(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct node *root = node_map(a, &here), *inner = node_map(a, &here);

	node_set(a, root, &here, "a", inner);
	node_set(a, inner, &here, "b", text(a, "deep"));
	check_str(node_str(node_path(root, "a.b")), "deep");
	check(node_path(root, "a") == inner);
	check(!node_path(root, "a.c"));
	check(!node_path(root, "a.b.c"));
	check(!node_path(NULL, "a"));
}

static void text_with_a_nul_is_no_string(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();

	check(!node_str(node_scalar(a, &here, "a\0b", 3)));
	check(!node_str(NULL));
	check(!node_str(node_map(a, &here)));
	check_str(node_str(text(a, "")), "");
}

static void equality_ignores_order_and_quotes_but_not_types(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct node *m1 = node_map(a, &here), *m2 = node_map(a, &here);
	struct node *five = text(a, "5"), *number = text(a, "5"), *word = text(a, "word");

	number->quoted = word->quoted = false;
	node_set(a, m1, &here, "x", five);
	node_set(a, m1, &here, "y", word);
	node_set(a, m2, &here, "y", text(a, "word"));
	node_set(a, m2, &here, "x", text(a, "5"));
	check(node_equal(m1, m2));
	node_set(a, m2, &here, "x", number);
	check(!node_equal(m1, m2));
	check(!node_equal(m1, NULL));
	check(node_equal(NULL, NULL));
}

static void base64_both_ways(void)
{
	static const struct {
		const char *encoded, *plain; /* plain NULL: refused */
	} rows[] = {
		{ "", "" },
		{ "YQ==", "a" },
		{ "YWI=", "ab" },
		{ "YWJj", "abc" },
		{ "YW\nJj\r\n ", "abc" },
		{ "YQ=", NULL },
		{ "YQ", NULL },
		{ "YQ==YQ==", NULL },
		{ "=", NULL },
		{ "A===", NULL },
		{ "====", NULL },
		{ "Y*==", NULL },
		{ "-_8=", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_buf_ out = BUF_INIT;
		_buf_ back = BUF_INIT;
		bool ok = base64_decode(rows[i].encoded, strlen(rows[i].encoded), &out);

		if (ok != (rows[i].plain != NULL))
			check_fail("'%s' is %s", rows[i].encoded, ok ? "accepted" : "refused");
		if (!ok) {
			check_int(out.len, 0);
			continue;
		}
		check_str(buf_str(&out), rows[i].plain);
		base64_encode(rows[i].plain, strlen(rows[i].plain), &back);
		if (!strpbrk(rows[i].encoded, " \n"))
			check_str(buf_str(&back), rows[i].encoded);
	}
}

static void utf8_follows_the_standard(void)
{
	static const struct {
		const char *bytes;
		bool valid;
	} rows[] = {
		{ "", true },
		{ "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", true },
		{ "\xc0\x80", false },
		{ "\xe0\x80\x80", false },
		{ "\xed\xa0\x80", false },
		{ "\xf4\x90\x80\x80", false },
		{ "\xf5\x80\x80\x80", false },
		{ "\x80", false },
		{ "\xe2\x82", false },
		{ "\xff", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (utf8_valid(rows[i].bytes, strlen(rows[i].bytes)) != rows[i].valid)
			check_fail("row %zu", i);
	}
}

int main(void)
{
	run(maps_keep_their_order_through_changes);
	run(paths_lead_through_maps_only);
	run(text_with_a_nul_is_no_string);
	run(equality_ignores_order_and_quotes_but_not_types);
	run(base64_both_ways);
	run(utf8_follows_the_standard);
	return done();
}
