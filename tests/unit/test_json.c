/* JSON to nodes and back. */
#include "arena.h"
#include "buf.h"
#include "check.h"
#include "error.h"
#include "json.h"
#include "node.h"

static void replies_become_nodes(void)
{
	static const struct {
		const char *text, *want; /* want NULL: refused */
	} rows[] = {
		{ "{\"a\":[1,-2.5,true,null,\"x\"]}", "{\"a\": [1, -2.5, true, null, \"x\"]}" },
		{ "\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\"" },
		{ "\"5\"", "\"5\"" },
		{ "\"a\\u0000b\"", "\"a\\u0000b\"" },
		{ "\"q\\\"\\\\\\n\\u001f\"", "\"q\\\"\\\\\\n\\u001f\"" },
		{ "9007199254740993", "9007199254740993" },
		{ "[]", "[]" },
		{ "{\"a\":1,\"a\":2}", NULL },
		{ "{\"a\":}", NULL },
		{ "{} x", NULL },
		{ "<html>", NULL },
		{ "", NULL },
		{ "\"\\ud83d\"", NULL },
		{ "\"\xff\"", NULL },
		{ "99999999999999999999", NULL },
		{ "1e999", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		struct error e = {};
		struct node *n = NULL;
		_buf_ out = BUF_INIT;
		int r = json_parse(&n, a, "reply", rows[i].text, strlen(rows[i].text), &e);

		if ((r == 0) != (rows[i].want != NULL))
			check_fail("%s gives %d %s", rows[i].text, r, e.msg);
		if (r == 0) {
			node_write_json(n, 0, &out);
			check_str(buf_str(&out), rows[i].want);
		} else {
			check_int(r, -ERR_FAILED);
			check(strncmp(e.msg, "reply: ", 7) == 0);
		}
	}
}

static void depth_is_bounded(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct error e = {};
	struct node *n = NULL;
	char text[401];

	memset(text, '[', 200);
	memset(text + 200, ']', 200);
	check(json_parse(&n, a, "reply", text, 400, &e) < 0);
	check_str(e.msg, "reply: nested too deeply");
	check(!n);
}

static void strings_that_are_not_utf8_are_mended(void)
{
	_buf_ out = BUF_INIT;

	json_write_string(&out, "a\xff\xc3\xa9\xed\xa0\x80z", 8);
	check_str(buf_str(&out), "\"a\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\"");
}

static void json_is_written_indented(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const char *text = "{\"a\": [1, {}], \"b\": {\"c\": \"0644\"}}";
	struct error e = {};
	struct node *n = NULL;
	_buf_ out = BUF_INIT;

	check_int(json_parse(&n, a, "reply", text, strlen(text), &e), 0);
	node_write_json(n, 2, &out);
	check_str(buf_str(&out),
		"{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {\n    \"c\": \"0644\"\n  }\n}");
}

int main(void)
{
	run(replies_become_nodes);
	run(depth_is_bounded);
	run(strings_that_are_not_utf8_are_mended);
	run(json_is_written_indented);
	return done();
}
