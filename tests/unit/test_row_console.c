/* The console of a server in a cloud: a window over its end, which moves. */
#include "cloud_play.h"

#include "row_parts.h"

static void windows_of_a_console(void)
{
	static const struct {
		const char *old, *text;
		size_t from;
	} rows[] = {
		{ "", "", 0 },
		{ "", "abc", 0 },
		{ "abc", "abc", 3 },
		{ "abc", "abcdef", 3 },
		{ "abcdef", "cdefghi", 7 - 7 }, /* shorter than it was remembered: all is new */
		{ "one\ntwo\n", "two\nthree\n", 0 },
		{ "abc", "xyz", 0 }, /* it began anew */
		{ "abc", "", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_int(row_window_new(rows[i].old, strlen(rows[i].old), rows[i].text,
				  strlen(rows[i].text)),
			rows[i].from);
}

/* A window of 2000 bytes over a console of lines that are all different. */
static void a_window_that_moves_loses_nothing(void)
{
	static char all[20000];
	size_t len = 0, at = 0, last = 0;
	_buf_ seen = BUF_INIT;

	for (int i = 0; len < sizeof all - 40; i++)
		len += (size_t)snprintf(all + len, 40, "[%6d] something happened\n", i);
	for (size_t end = 100; end <= len; last = end, end += 700) {
		size_t begin = end > 2000 ? end - 2000 : 0;
		size_t from = row_window_new(all + at, last - at, all + begin, end - begin);

		buf_add(&seen, all + begin + from, end - begin - from);
		at = begin;
	}
	check(strncmp(all, buf_str(&seen), seen.len) == 0);
	check(seen.len > len - 700);
}

static void a_console_is_read_on(void)
{
	_buf_ text = BUF_INIT;
	uint64_t end = 0;
	RUN r = run_begin();

	play_fresh();
	play_server("web", "ACTIVE", 1);
	fake.console = "one\n";
	check_int(row_console(&r.cloud, "web", 0, &text, &end, &r.e), 0);
	check_int(end, 4);
	fake.console = "one\ntwo\n";
	check_int(row_console(&r.cloud, "web", end, &text, &end, &r.e), 0);
	check_str(buf_str(&text), "one\ntwo\n");
	check_int(row_console(&r.cloud, "web", end, &text, &end, &r.e), 0);
	check_int(end, 8);
	/* From the beginning, again. */
	buf_reset(&text);
	check_int(row_console(&r.cloud, "web", 0, &text, &end, &r.e), 0);
	check_str(buf_str(&text), "one\ntwo\n");
	fake.console = "reborn\n";
	check_int(row_console(&r.cloud, "web", end, &text, &end, &r.e), 0);
	check_str(buf_str(&text), "one\ntwo\nreborn\n");
}

/* Portions as they come when windows end in the middle of something. */
static void what_a_window_cuts_comes_whole(void)
{
	static const struct {
		const char *window, *all;
	} rows[] = {
		{ "one \033[0;3", "one " },
		{ "one \033[0;32mgreen\033", "one \033[0;32mgreen" },
		{ "one \033[0;32mgreen\033[0m \357\277\275", "one \033[0;32mgreen\033[0m " },
		{ "one \033[0;32mgreen\033[0m grü", "one \033[0;32mgreen\033[0m grü" },
		/* It began anew: the line before is over. */
		{ "reborn\n", "one \033[0;32mgreen\033[0m grü\nreborn\n" },
	};
	_buf_ text = BUF_INIT;
	uint64_t end = 0;
	RUN r = run_begin();

	play_fresh();
	play_server("web", "ACTIVE", 1);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		fake.console = rows[i].window;
		check_int(row_console(&r.cloud, "web", end, &text, &end, &r.e), 0);
		check_str(buf_str(&text), rows[i].all);
		check_int(end, text.len);
	}
}

static void a_full_window_begins_with_its_first_whole_line(void)
{
	static char text[70000];

	memset(text, 'x', sizeof text);
	memcpy(text, "2mOK\nnext", 9);
	check_int(row_window_begin(text, sizeof text), 5);
	check_int(row_window_begin(text, 1000), 0);
	text[4] = 'x';
	check_int(row_window_begin(text, sizeof text), 0);
}

int main(void)
{
	run(windows_of_a_console);
	run(a_window_that_moves_loses_nothing);
	run(a_console_is_read_on);
	run(what_a_window_cuts_comes_whole);
	run(a_full_window_begins_with_its_first_whole_line);
	return done();
}
