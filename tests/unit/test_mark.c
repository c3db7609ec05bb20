/* Complaints about files: order, carets under the right character, suggestions. */
#include "mark.h"

#include "buf.h"
#include "check.h"
#include "error.h"
#include "tmpdir.h"

static void write_source(const char *name, const char *text)
{
	check_int(file_replace(tmp_fd(), name, text, strlen(text), 0644), 0);
}

/* What one error at line:col of the text looks like, without its first line. */
static void check_excerpt(const char *text, unsigned line, unsigned col, const char *want)
{
	_cleanup_(diags_free) struct diags d = DIAGS_INIT;
	_buf_ out = BUF_INIT;
	const char *rest;

	write_source("s.yaml", text);
	diag_add(&d, DIAG_ERROR, &(struct mark){ tmp_name("s.yaml"), line, col }, "id", NULL,
		"wrong");
	diags_render(&d, false, &out);
	rest = strchr(buf_str(&out), '\n');
	check(rest != NULL);
	check_str(rest + 1, want);
}

static void a_complaint_shows_place_line_caret_and_hint(void)
{
	_cleanup_(diags_free) struct diags d = DIAGS_INIT;
	_buf_ out = BUF_INIT;
	_buf_ want = BUF_INIT;

	write_source("a.yaml", "name: x\npakages: [htop]\n");
	diag_add(&d, DIAG_ERROR, &(struct mark){ tmp_name("a.yaml"), 2, 1 }, "unknown-key",
		"did you mean 'packages'?", "unknown key '%s'", "pakages");
	diags_render(&d, false, &out);
	buf_printf(&want,
		"%s:2:1: error: unknown key 'pakages'\n"
		"    2 | pakages: [htop]\n"
		"      | ^\n"
		"      = did you mean 'packages'?\n",
		tmp_name("a.yaml"));
	check_str(buf_str(&out), buf_str(&want));
}

static void complaints_are_sorted_by_place_and_keep_their_order_there(void)
{
	_cleanup_(diags_free) struct diags d = DIAGS_INIT;
	_buf_ out = BUF_INIT;

	diag_add(&d, DIAG_ERROR, &(struct mark){ "/nowhere/b", 1, 1 }, "x", NULL, "5");
	diag_add(&d, DIAG_WARNING, &(struct mark){ "/nowhere/a", 2, 9 }, "x", NULL, "4");
	diag_add(&d, DIAG_ERROR, &(struct mark){ "/nowhere/a", 2, 1 }, "x", NULL, "2");
	diag_add(&d, DIAG_ERROR, &(struct mark){ "/nowhere/a", 2, 1 }, "x", NULL, "3");
	diag_add(&d, DIAG_ERROR, &(struct mark){ "/nowhere/a", 0, 0 }, "x", NULL, "1");
	diags_render(&d, false, &out);
	check_str(buf_str(&out),
		"/nowhere/a: error: 1\n"
		"/nowhere/a:2:1: error: 2\n"
		"/nowhere/a:2:1: error: 3\n"
		"/nowhere/a:2:9: warning: 4\n"
		"/nowhere/b:1:1: error: 5\n");
	check_int(d.errors, 4);
}

static void the_caret_counts_characters(void)
{
	check_excerpt("\xc3\xa9t\xc3\xa9: bad\n", 1, 6,
		"    1 | \xc3\xa9t\xc3\xa9: bad\n"
		"      |      ^\n");
}

static void tabs_and_control_characters_are_one_blank_each(void)
{
	check_excerpt("a:\t\tb\033[31m\r\n", 1, 5,
		"    1 | a:  b [31m \n"
		"      |     ^\n");
}

static void a_last_line_without_newline_is_shown(void)
{
	check_excerpt("x\nlast", 2, 3,
		"    2 | last\n"
		"      |   ^\n");
}

static void a_line_that_is_not_there_is_not_shown(void)
{
	check_excerpt("x\n", 2, 1, "");
	check_excerpt("", 1, 1, "");
	check_excerpt("x\n", 99, 1, "");
}

static void a_long_line_is_cut_between_characters(void)
{
	char text[161 * 2 + 2] = "", want[512] = "    1 | ";

	for (int i = 0; i < 161; i++)
		strcat(text, "\xc3\xa9");
	strcat(text, "\n");
	for (int i = 0; i < 160; i++)
		strcat(want, "\xc3\xa9");
	strcat(want, "\n");
	check_excerpt(text, 1, 161, want); /* its caret would stand outside: none */
}

static void messages_cannot_command_the_terminal(void)
{
	_cleanup_(diags_free) struct diags d = DIAGS_INIT;
	_buf_ out = BUF_INIT;

	diag_add(&d, DIAG_ERROR, &(struct mark){ "/nowhere/a", 0, 0 }, "x", "try\033]0;x",
		"key '\033[2J\n'");
	diags_render(&d, false, &out);
	check_str(buf_str(&out), "/nowhere/a: error: key ' [2J '\n      = try ]0;x\n");
}

static void only_errors_make_the_result_negative(void)
{
	_cleanup_(diags_free) struct diags d = DIAGS_INIT;
	struct error e = {};

	diag_add(&d, DIAG_WARNING, &(struct mark){ "f", 1, 1 }, "x", NULL, "w");
	check_int(diags_result(&d, "f", &e), 0);
	diag_add(&d, DIAG_ERROR, &(struct mark){ "f", 1, 1 }, "x", NULL, "e");
	check_int(diags_result(&d, "f", &e), -ERR_INVALID);
	check_str(e.msg, "f has 1 error");
	diag_add(&d, DIAG_ERROR, &(struct mark){ NULL, 1, 1 }, "x", NULL, "e");
	check_int(diags_result(&d, "f", &e), -ERR_INVALID);
	check_str(e.msg, "f has 2 errors");
}

static void the_nearest_word_is_near(void)
{
	static const char *const words[] = { "packages", "timezone", "users", "ntp", "apt", NULL };
	static const struct {
		const char *word, *want;
	} cases[] = {
		{ "pakages", "packages" },
		{ "packagse", "packages" },
		{ "Packages", "packages" },
		{ "time-zone", "timezone" },
		{ "user", "users" },
		{ "npt", "ntp" },
		{ "q", NULL },
		{ "", NULL },
		{ "firewall", NULL },
		{ "packages", "packages" },
	};
	char big[200];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_str(nearest_word(cases[i].word, words), cases[i].want);
	memset(big, 'a', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	check_str(nearest_word(big, words), NULL);
}

static void complaints_beyond_the_bound_are_counted(void)
{
	_cleanup_(diags_free) struct diags d = DIAGS_INIT;
	const struct mark at = { "nowhere", 0, 0 };
	struct error e = { 0 };
	_buf_ out = BUF_INIT;

	for (int i = 0; i < DIAGS_MAX + 5; i++)
		diag_add(&d, DIAG_ERROR, &at, "x", NULL, "no %d", i);
	check_int(d.n, DIAGS_MAX);
	check(diags_full(&d));
	diags_render(&d, false, &out);
	check(strstr(buf_str(&out), "no 199\n5 more complaints are not shown\n"));
	check(diags_result(&d, "f", &e) < 0);
	check_str(e.msg, "f has 205 errors");
}

int main(void)
{
	run(complaints_beyond_the_bound_are_counted);
	run(a_complaint_shows_place_line_caret_and_hint);
	run(complaints_are_sorted_by_place_and_keep_their_order_there);
	run(the_caret_counts_characters);
	run(tabs_and_control_characters_are_one_blank_each);
	run(a_last_line_without_newline_is_shown);
	run(a_line_that_is_not_there_is_not_shown);
	run(a_long_line_is_cut_between_characters);
	run(messages_cannot_command_the_terminal);
	run(only_errors_make_the_result_negative);
	run(the_nearest_word_is_near);
	return done();
}
