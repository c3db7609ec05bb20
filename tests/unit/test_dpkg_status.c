/* What dpkg says while it works, and what people are told of it. */
#include "check.h"
#include "dpkg_status.h"
#include "error.h"

static void feed(struct dpkg_status *s, const char *const *lines)
{
	const char *stage, *package;

	for (; *lines; lines++)
		dpkg_status_line(s, *lines, &stage, &package);
}

static void lines_are_told_apart(void)
{
	static const struct {
		const char *line;
		enum dpkg_line kind;
		const char *package;
	} rows[] = {
		{ "processing: configure: libc6:amd64", DPKG_BEGINS, "libc6:amd64" },
		{ "processing: install: ", DPKG_BEGINS, "" },
		{ "processing: nothing", DPKG_OUTPUT, NULL },
		{ "status: bash: half-configured", DPKG_OTHER, NULL },
		{ "Setting up bash (5.2) ...", DPKG_OUTPUT, NULL },
		{ "", DPKG_OUTPUT, NULL },
	};
	_cleanup_(dpkg_status_freep) struct dpkg_status *s = dpkg_status_new();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *stage = NULL, *package = NULL;

		check_int(dpkg_status_line(s, rows[i].line, &stage, &package), rows[i].kind);
		check_str(package, rows[i].package);
	}
}

static void stages_are_whole_words(void)
{
	check(dpkg_stage_is("configure: a", "configure"));
	check(!dpkg_stage_is("configured: a", "configure"));
	check(!dpkg_stage_is("conf", "configure"));
}

static void a_failed_script_is_named_with_its_lines_alone(void)
{
	static const char *const lines[] = {
		"processing: configure: good",
		"a line of good",
		"processing: configure: bad",
		"one",
		"two",
		"status: bad : error : installed bad package post-installation script subprocess "
		"returned error exit status 7",
		"processing: configure: other",
		"status: other : error : dependency problems - leaving unconfigured",
		NULL,
	};
	_cleanup_(dpkg_status_freep) struct dpkg_status *s = dpkg_status_new();
	struct error e = {};

	feed(s, lines);
	check_int(dpkg_status_error(s, 1, &e), -ERR_FAILED);
	check_str(e.msg, "bad failed to configure (postinst, exit status 7):\n  one\n  two");
}

static void a_signal_is_told_in_dpkgs_words(void)
{
	static const char *const lines[] = {
		"status: /run/kbuild/plain/ab/abc.deb : error : new x package pre-installation "
		"script subprocess was killed by signal (Killed)",
		NULL,
	};
	_cleanup_(dpkg_status_freep) struct dpkg_status *s = dpkg_status_new();
	struct error e = {};

	feed(s, lines);
	dpkg_status_error(s, 1, &e);
	check(strstr(e.msg, "abc.deb failed to unpack (preinst, ") == e.msg);
	check(strstr(e.msg, "killed by signal (Killed)"));
}

static void other_failures_are_quoted(void)
{
	static const char *const lines[] = { "status: a/zz.deb : error : trying to overwrite '/x'",
		NULL };
	_cleanup_(dpkg_status_freep) struct dpkg_status *s = dpkg_status_new();
	struct error e = {};

	feed(s, lines);
	dpkg_status_error(s, 1, &e);
	check_str(e.msg, "zz.deb: trying to overwrite '/x'");
}

static void without_a_told_failure_the_last_twenty_lines_are_shown(void)
{
	_cleanup_(dpkg_status_freep) struct dpkg_status *s = dpkg_status_new();
	const char *stage, *package;
	struct error e = {};

	for (int i = 0; i < 50; i++) {
		char line[32];

		snprintf(line, sizeof line, "line %d", i);
		dpkg_status_line(s, line, &stage, &package);
	}
	dpkg_status_error(s, 2, &e);
	check(strstr(e.msg, "exit status 2):\n  line 30\n") && strstr(e.msg, "\n  line 49"));
	check(!strstr(e.msg, "line 29"));
}

int main(void)
{
	run(lines_are_told_apart);
	run(stages_are_whole_words);
	run(a_failed_script_is_named_with_its_lines_alone);
	run(a_signal_is_told_in_dpkgs_words);
	run(other_failures_are_quoted);
	run(without_a_told_failure_the_last_twenty_lines_are_shown);
	return done();
}
