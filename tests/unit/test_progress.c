/* Every line that progress writes, by a clock that moves when told and a file in memory. */
#include "progress.h"

#include "buf.h"
#include "check.h"
#include "clock.h"
#include "fd.h"

#include <fcntl.h>
#include <sys/mman.h>

static int64_t now;

static int64_t fake_now(_unused_ void *arg)
{
	return now;
}

static int fake_sleep(_unused_ void *arg, int64_t ms)
{
	now += ms;
	return 0;
}

static const struct clock fake = { .now_ms = fake_now, .sleep_ms = fake_sleep };

static struct progress *make(enum progress_style style, bool color, int *fd)
{
	struct progress *p;

	*fd = memfd_create("progress", MFD_CLOEXEC);
	check(*fd >= 0);
	p = progress_new(style, *fd, color);
	progress_clock(p, &fake);
	now = 1000;
	return p;
}

static void check_output(int fd, const char *want)
{
	_buf_ b = BUF_INIT;

	check_int(lseek(fd, 0, SEEK_SET), 0);
	check_int(fd_read(fd, MIB, &b), 0);
	check_str(buf_str(&b), want);
}

static void plain_tells_begin_heartbeat_and_end(void)
{
	_close_ int fd = -1;
	_cleanup_(progress_freep) struct progress *p = make(PROGRESS_PLAIN, false, &fd);

	progress_begin(p, "Fetching", "B", 100 * MIB);
	for (int i = 0; i < 35; i++) {
		now += 1000;
		progress_detail(p, "apt");
		progress_advance(p, MIB);
	}
	progress_end(p, NULL);
	check_output(fd,
		"Fetching: 100.0 MiB …\n"
		"Fetching: 29.0 of 100.0 MiB, 1.0 MiB/s, 1:11 left, after 30.0 s (apt)\n"
		"Fetching: done, 35.0 MiB in 35.0 s\n");
}

static void a_detail_is_cut_between_characters(void)
{
	_close_ int fd = -1;
	_cleanup_(progress_freep) struct progress *p = make(PROGRESS_PLAIN, false, &fd);
	char want[200];

	progress_begin(p, "Waiting", NULL, 0);
	now += 31000;
	progress_detail(p, "%094d…", 0);
	snprintf(want, sizeof want, "Waiting …\nWaiting: still working after 31.0 s (%094d)\n", 0);
	check_output(fd, want);
}

static void a_silent_wait_still_has_a_heartbeat(void)
{
	_close_ int fd = -1;
	_cleanup_(progress_freep) struct progress *p = make(PROGRESS_PLAIN, false, &fd);

	progress_begin(p, "Waiting", NULL, 0);
	for (int i = 0; i < 70; i++) {
		now += 1000;
		progress_tick(p);
	}
	progress_end(p, "answered");
	check_output(fd,
		"Waiting …\n"
		"Waiting: still working after 30.0 s\n"
		"Waiting: still working after 1 min 00 s\n"
		"Waiting: answered in 1 min 10 s\n");
}

static void steps_nest_once_and_deeper_ones_are_silent(void)
{
	_close_ int fd = -1;
	_cleanup_(progress_freep) struct progress *p = make(PROGRESS_PLAIN, false, &fd);

	progress_begin(p, "Tree", NULL, 0);
	progress_begin(p, "Unpacking", "packages", 2);
	progress_begin(p, "Too deep", NULL, 0);
	progress_advance(p, 7);
	progress_end(p, NULL);
	progress_advance(p, 2);
	progress_end(p, NULL);
	progress_end(p, NULL);
	progress_end(p, "one too many is nothing");
	check_output(fd,
		"Tree …\n"
		"  Unpacking: 2 packages …\n"
		"  Unpacking: done, 2 packages in 0.0 s\n"
		"Tree: done in 0.0 s\n");
}

static void failing_ends_all_that_is_open(void)
{
	_close_ int fd = -1;
	_cleanup_(progress_freep) struct progress *p = make(PROGRESS_PLAIN, false, &fd);

	progress_begin(p, "Tree", NULL, 0);
	progress_begin(p, "Unpacking", "packages", 0);
	progress_advance(p, 1);
	progress_fail(p);
	progress_fail(p);
	check_output(fd,
		"Tree …\n"
		"  Unpacking …\n"
		"  Unpacking: failed, 1 packages in 0.0 s\n"
		"Tree: failed in 0.0 s\n");
}

static void the_terminal_redraws_one_line(void)
{
	_close_ int fd = -1;
	_cleanup_(progress_freep) struct progress *p = make(PROGRESS_TERM, true, &fd);

	progress_begin(p, "Fetching", "B", 4 * MIB);
	now += 99;
	progress_advance(p, MIB); /* too soon to be drawn */
	now += 901;
	progress_advance(p, MIB);
	progress_note(p, "retrying");
	progress_end(p, NULL);
	check_output(fd,
		"Fetching  [>                   ]   0%  0.0 of 4.0 MiB"
		"\r\033[KFetching  [==========>         ]  50%  2.0 of 4.0 MiB, 2.0 MiB/s, 0:01 left"
		"\r\033[Kretrying\n"
		"Fetching  [==========>         ]  50%  2.0 of 4.0 MiB, 2.0 MiB/s, 0:01 left"
		"\r\033[KFetching: \033[32mdone\033[0m, 2.0 MiB in 1.0 s\n");
}

static void a_line_never_exceeds_the_terminal(void)
{
	_close_ int fd = -1;
	_cleanup_(progress_freep) struct progress *p = make(PROGRESS_TERM, false, &fd);

	progress_begin(p,
		"A step whose name is longer than eighty characters, which a terminal of eighty "
		"columns cannot show",
		NULL, 0);
	check_output(fd,
		"A step whose name is longer than eighty characters, which a terminal of eighty ");
}

static void no_escape_of_a_stranger_reaches_the_terminal(void)
{
	_close_ int fd = -1;
	_cleanup_(progress_freep) struct progress *p = make(PROGRESS_PLAIN, false, &fd);

	progress_note(p, "%s", "evil\033[2J\nname");
	check_output(fd, "evil [2J name\n");
}

static void json_is_one_object_a_line(void)
{
	_close_ int fd = -1;
	_cleanup_(progress_freep) struct progress *p = make(PROGRESS_JSON, false, &fd);

	progress_begin(p, "say \"hi\"", "files", 3);
	now += 1500;
	progress_detail(p, "a\\b");
	progress_set(p, 2);
	progress_note(p, "well");
	progress_end(p, "unchanged");
	progress_begin(p, "next", NULL, 0);
	progress_fail(p);
	check_output(fd,
		"{\"event\":\"begin\",\"step\":\"say \\\"hi\\\"\",\"depth\":1,\"ms\":0,"
		"\"unit\":\"files\",\"done\":0,\"total\":3}\n"
		"{\"event\":\"progress\",\"step\":\"say \\\"hi\\\"\",\"depth\":1,\"ms\":1500,"
		"\"unit\":\"files\",\"done\":0,\"total\":3,\"detail\":\"a\\\\b\"}\n"
		"{\"event\":\"note\",\"text\":\"well\"}\n"
		"{\"event\":\"end\",\"step\":\"say \\\"hi\\\"\",\"depth\":1,\"ms\":1500,"
		"\"unit\":\"files\",\"done\":2,\"total\":3,\"detail\":\"a\\\\b\","
		"\"outcome\":\"unchanged\"}\n"
		"{\"event\":\"begin\",\"step\":\"next\",\"depth\":1,\"ms\":0}\n"
		"{\"event\":\"failed\",\"step\":\"next\",\"depth\":1,\"ms\":0,"
		"\"outcome\":\"failed\"}\n");
}

static void going_back_shows_no_rate(void)
{
	_close_ int fd = -1;
	_cleanup_(progress_freep) struct progress *p = make(PROGRESS_PLAIN, false, &fd);

	progress_begin(p, "Fetching", "B", 4 * MIB);
	now += 1000;
	progress_set(p, 3 * MIB);
	now += 29000;
	progress_set(p, MIB);
	progress_fail(p);
	check_output(fd,
		"Fetching: 4.0 MiB …\n"
		"Fetching: 1.0 of 4.0 MiB, 0.0 MiB/s, 1:30 left, after 30.0 s\n"
		"Fetching: failed, 1.0 MiB in 30.0 s\n");
}

static void none_and_null_do_nothing(void)
{
	_close_ int fd = -1;
	_cleanup_(progress_freep) struct progress *p = make(PROGRESS_NONE, false, &fd);
	struct progress *all[] = { p, NULL };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		progress_begin(all[i], "x", "B", 1);
		progress_total(all[i], 2);
		progress_advance(all[i], 1);
		progress_set(all[i], 1);
		progress_detail(all[i], "d");
		progress_note(all[i], "n");
		progress_tick(all[i]);
		progress_end(all[i], NULL);
		progress_fail(all[i]);
	}
	check_output(fd, "");
}

static void what_a_result_lacks_is_said_in_every_style(void)
{
	static const struct {
		enum progress_style style;
		const char *want;
	} rows[] = {
		{ PROGRESS_PLAIN, "evil [2J\n" },
		{ PROGRESS_JSON, "{\"event\":\"note\",\"text\":\"evil [2J\"}\n" },
		{ PROGRESS_NONE, "evil [2J\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_close_ int fd = -1;
		_cleanup_(progress_freep) struct progress *p = make(rows[i].style, false, &fd);

		progress_warn(p, "%s", "evil\033[2J");
		check_output(fd, rows[i].want);
	}
	progress_warn(NULL, "n");
}

static void a_closed_sink_fails_nothing(void)
{
	_cleanup_(progress_freep) struct progress *p = progress_new(PROGRESS_PLAIN, -1, false);

	progress_begin(p, "x", NULL, 0);
	progress_end(p, NULL);
	check(p != NULL);
}

int main(void)
{
	run(plain_tells_begin_heartbeat_and_end);
	run(a_detail_is_cut_between_characters);
	run(a_silent_wait_still_has_a_heartbeat);
	run(steps_nest_once_and_deeper_ones_are_silent);
	run(failing_ends_all_that_is_open);
	run(the_terminal_redraws_one_line);
	run(a_line_never_exceeds_the_terminal);
	run(no_escape_of_a_stranger_reaches_the_terminal);
	run(json_is_one_object_a_line);
	run(going_back_shows_no_rate);
	run(none_and_null_do_nothing);
	run(what_a_result_lacks_is_said_in_every_style);
	run(a_closed_sink_fails_nothing);
	return done();
}
