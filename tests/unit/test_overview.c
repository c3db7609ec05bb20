/* What status shows to people, of whole and of half-empty documents. */
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "json.h"
#include "overview.h"

#include "check.h"

static void what_is_known_is_shown_and_nothing_else(void)
{
	static const struct {
		const char *json, *text;
	} rows[] = {
		{ "{}", "this server is unknown\n"
			"  first boot  not yet, or at work: journalctl -u kbuild-firstboot\n"
			"  versions    \n" },
		{ "{\"state\":\"failed\",\"name\":\"web\",\"first_boot\":{\"at\":900,\"reasons\":[\"volume: "
		  "two\\nlines\"],\"steps\":[{\"step\":\"clock\",\"state\":\"done\"},{\"step\":\"volume\","
		  "\"state\":\"failed\",\"note\":\"x\"},{\"step\":\"dns\",\"state\":\"skipped\"}]},"
		  "\"timers\":[{\"unit\":\"a.timer\",\"state\":\"active\",\"next\":\"soon\"}],"
		  "\"versions\":{\"agent\":\"1\",\"kernel\":\"6\",\"docker\":null},"
		  "\"drift\":{\"count\":1,\"packages\":[{\"package\":\"p\",\"image\":\"1\",\"now\":null}]}}",
			"web is failed\n"
			"  first boot  1 of 2 steps done, 100 seconds ago\n"
			"              volume: failed\n"
			"  reasons     volume: two\n"
			"              lines\n"
			"  timers      a.timer: active, next soon\n"
			"  versions    agent 1, kernel 6\n"
			"  drift       1 package changed since the image was made\n"
			"              p 1 -> removed\n" },
		/* Wrong types are as if absent. */
		{ "{\"state\":[],\"first_boot\":7,\"timers\":{},\"drift\":{\"packages\":null},"
		  "\"backup\":{\"count\":0},\"health\":{\"at\":1000,\"faults\":0,\"checks\":3}}",
			"this server is unknown\n"
			"  first boot  not yet, or at work: journalctl -u kbuild-firstboot\n"
			"  backup      none that is good\n"
			"  health      all is well, looked at 0 seconds ago\n"
			"  versions    \n"
			"  drift       0 packages changed since the image was made\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		struct error e = { 0 };
		_buf_ out = BUF_INIT;
		struct node *doc;

		check_int(json_parse(&doc, a, "x", rows[i].json, strlen(rows[i].json), &e), 0);
		overview_text(doc, 1000, &out);
		check_str(buf_str(&out), rows[i].text);
	}
}

int main(void)
{
	run(what_is_known_is_shown_and_nothing_else);
	return done();
}
