/* Replies of servers, read by field tables: members they add, leave out, send as null or wrong. */
#include "reply.h"

#include "arena.h"
#include "buf.h"
#include "check.h"
#include "error.h"
#include "json.h"

struct thing {
	const char *id, *name;
	int64_t size, made;
	struct {
		int64_t cores;
	} quota;
};

static const struct field quota_fields[] = {
	{ "cores", reply_number, offsetof(struct thing, quota.cores), FIELD_REQUIRED },
	{},
};

static const struct field thing_fields[] = {
	{ "id", reply_word, offsetof(struct thing, id), FIELD_REQUIRED },
	{ "name", reply_text, offsetof(struct thing, name), 0 },
	{ "size", reply_number, offsetof(struct thing, size), 0 },
	{ "made", reply_time, offsetof(struct thing, made), 0 },
	{ "quota", field_map, 0, 0, quota_fields },
	{},
};

/* Errors of reading text; "" when it was read. */
static const char *read_text(struct arena *a, const char *text, struct thing *ret)
{
	struct node *node = NULL;
	struct error e = {};

	*ret = (struct thing){ .size = -1 };
	check(json_parse(&node, a, "reply", text, strlen(text), &e) == 0);
	if (reply_read(node, "thing", thing_fields, ret, a, &e) == 0)
		return "";
	check_int(e.code, ERR_NETWORK);
	check(!e.transient);
	return arena_strdup(a, e.msg);
}

static void members_of_a_newer_release_are_left_alone(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct thing t;

	check_str(read_text(a,
			  "{\"id\":\"x\",\"nam\":1,\"links\":[],\"name\":\"\",\"size\":7,"
			  "\"quota\":{\"cores\":4,\"later\":{}}}",
			  &t),
		"");
	check_str(t.id, "x");
	check_str(t.name, "");
	check_int(t.size, 7);
	check_int(t.quota.cores, 4);
}

static void null_is_as_good_as_absent(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct thing t;

	check_str(
		read_text(a, "{\"id\":\"x\",\"name\":null,\"size\":null,\"quota\":null}", &t), "");
	check(!t.name);
	check_int(t.size, -1);
}

static void errors_name_the_member(void)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "{}", "the reply's 'thing.id' is missing" },
		{ "{\"id\":null}", "the reply's 'thing.id' is missing" },
		{ "{\"id\":\"\"}",
			"the reply's 'thing.id' must be text that is not empty, not text" },
		{ "{\"id\":\"a\\nb\"}",
			"the reply's 'thing.id' must be text without control characters, not text" },
		{ "{\"id\":\"x\",\"size\":\"7\"}",
			"the reply's 'thing.size' must be a whole number, not text" },
		{ "{\"id\":\"x\",\"size\":1.5}",
			"the reply's 'thing.size' must be a whole number, not text" },
		{ "{\"id\":\"x\",\"name\":7}",
			"the reply's 'thing.name' must be text without control characters, not a number" },
		{ "{\"id\":\"x\",\"name\":[]}",
			"the reply's 'thing.name' must be text without control characters, not a list" },
		{ "{\"id\":\"x\",\"name\":\"\\u001b[2J\"}",
			"the reply's 'thing.name' must be text without control characters, not text" },
		{ "{\"id\":\"x\",\"name\":\"a\\u009b2J\"}",
			"the reply's 'thing.name' must be text without control characters, not text" },
		{ "{\"id\":\"a\\u009d\"}",
			"the reply's 'thing.id' must be text without control characters, not text" },
		{ "{\"id\":\"x\",\"made\":\"yesterday\"}",
			"the reply's 'thing.made' must be a time as in 2026-11-29T11:04:14Z, not text" },
		{ "{\"id\":\"x\",\"quota\":{}}", "the reply's 'thing.quota.cores' is missing" },
		{ "{\"id\":\"x\",\"quota\":[]}",
			"the reply's 'thing.quota' must be a map, not a list" },
		{ "[]", "the reply's 'thing' must be a map, not a list" },
		{ "null", "the reply holds no 'thing'" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		struct thing t;

		check_str(read_text(a, rows[i].text, &t), rows[i].error);
	}
}

static void a_text_without_end_is_refused(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_buf_ text = BUF_INIT;
	struct thing t;

	buf_adds(&text, "{\"id\":\"x\",\"name\":\"");
	for (size_t i = 0; i <= REPLY_TEXT_MAX; i++)
		buf_addc(&text, 'n');
	buf_adds(&text, "\"}");
	check_str(read_text(a, buf_str(&text), &t),
		"the reply's 'thing.name' must be text of at most 4096 bytes, not text");
}

static void times_in_their_variants(void)
{
	static const struct {
		const char *text;
		int64_t at; /* -1: refused */
	} rows[] = {
		{ "1970-01-01T00:00:01Z", 1 },
		{ "2026-11-29T11:04:14Z", 1795950254 },
		{ "2026-11-29T11:04:14", 1795950254 },
		{ "2026-11-29T11:04:14.123456", 1795950254 },
		{ "2026-11-29T11:04:14.123456Z", 1795950254 },
		{ "2026-11-29T12:04:14+01:00", 1795950254 },
		{ "2026-11-29T12:04:14+0100", 1795950254 },
		{ "2026-11-29T06:34:14-04:30", 1795950254 },
		{ "2026-11-29 11:04:14", 1795950254 },
		{ "2026-11-29", -1 },
		{ "2026-11-29T11:04:14.", -1 },
		{ "2026-11-29T11:04:14 UTC", -1 },
		{ "2026-11-29T11:04:14+1", -1 },
		{ "2026-11-29T11:04:14+24:00", -1 },
		{ "2026-11-29T11:04:14+01:00x", -1 },
		{ "", -1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int64_t at = -1;

		check(parse_time(rows[i].text, &at) == (rows[i].at >= 0));
		check_int(at, rows[i].at);
	}
}

int main(void)
{
	run(members_of_a_newer_release_are_left_alone);
	run(null_is_as_good_as_absent);
	run(errors_name_the_member);
	run(a_text_without_end_is_refused);
	run(times_in_their_variants);
	return done();
}
