/* Children: their output, their end, and that nothing of them can hold us. */
#include "process.h"

#include "alloc.h"
#include "buf.h"
#include "check.h"
#include "clock.h"
#include "error.h"
#include "interrupt.h"
#include "tmpdir.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#define SH(script)                                                                                 \
	(const char *const[])                                                                      \
	{                                                                                          \
		"sh", "-c", script, NULL                                                           \
	}

static void output_and_status_come_back(void)
{
	_buf_ out = BUF_INIT;
	_buf_ err = BUF_INIT;
	struct error e = {};
	struct process p = {
		.argv = SH("echo out; echo err >&2; exit 3"), .out = &out, .err = &err
	};

	check_int(process_run(&p, &e), 3);
	check_str(buf_str(&out), "out\n");
	check_str(buf_str(&err), "err\n");
}

static void without_out_both_streams_are_one(void)
{
	_buf_ err = BUF_INIT;
	struct error e = {};
	struct process p = { .argv = SH("echo out; echo err >&2"), .err = &err };

	check_int(process_run(&p, &e), 0);
	check_str(buf_str(&err), "out\nerr\n");
}

static void what_is_passed_on_is_counted(void)
{
	_buf_ err = BUF_INIT;
	_buf_ out = BUF_INIT;
	struct error e = {};
	uint64_t passed = 0;
	struct process p = {
		.argv = SH("echo out; echo err >&2; exit 3"), .err = &err, .passed = &passed
	};
	int fds[2];

	check_int(pipe(fds), 0);
	p.out_fd = fds[1];
	check_int(process_run(&p, &e), 3);
	close(fds[1]);
	check_int(fd_read(fds[0], KIB, &out), 0);
	close(fds[0]);
	check_str(buf_str(&out), "out\n");
	check_str(buf_str(&err), "err\n");
	check_int(passed, 4);
	/* Nobody reads on: it is ended. */
	check_int(pipe(fds), 0);
	close(fds[0]);
	signal(SIGPIPE, SIG_IGN);
	p.argv = SH("echo out; sleep 60");
	p.out_fd = fds[1];
	check_int(process_run(&p, &e), -ERR_FAILED);
	close(fds[1]);
	check(strstr(e.msg, "writing what sh says"));
}

static void what_a_slow_reader_has_not_taken_is_not_lost(void)
{
	_free_ char *command = NULL;
	uint64_t passed = 0;
	_buf_ got = BUF_INIT;
	struct error e = {};
	struct process p = { .argv = SH("head -c 140000 /dev/zero"), .passed = &passed };
	FILE *reader;

	check(asprintf(&command,
		      "(sleep .4; dd bs=10000 count=4 iflag=fullblock; sleep .4; cat) 2>/dev/null | wc -c >%s",
		      tmp_name("got")) > 0);
	reader = popen(command, "w");
	check(reader);
	p.out_fd = fileno(reader);
	check_int(process_run(&p, &e), 0);
	pclose(reader);
	check_int(passed, 140000);
	check_int(file_read(tmp_fd(), "got", KIB, &got), 0);
	check_str(buf_str(&got), "140000\n");
}

static void large_input_and_output_pass_at_once(void)
{
	const size_t size = 8 * MIB;
	_free_ char *in = xmalloc(size);
	_buf_ out = BUF_INIT;
	struct error e = {};
	struct process p = {
		.argv = (const char *const[]){ "cat", NULL },
		.input = in,
		.input_len = size,
		.out = &out,
	};

	for (size_t i = 0; i < size; i++)
		in[i] = (char)(i * 31 >> 3);
	check_int(process_run(&p, &e), 0);
	check_int(out.len, size);
	check(memcmp(out.data, in, size) == 0);
}

static void empty_input_is_an_end_of_file(void)
{
	_buf_ out = BUF_INIT;
	struct error e = {};
	struct process p = {
		.argv = SH("cat; echo end"), .input = "", .out = &out, .timeout_ms = 20000
	};

	errno = EAGAIN; /* a stale one must not be taken for an answer */
	check_int(process_run(&p, &e), 0);
	check_str(buf_str(&out), "end\n");
}

static void a_child_that_does_not_read_its_input_is_no_failure(void)
{
	_free_ char *in = xcalloc(1, 4 * MIB);
	struct error e = {};
	struct process p = { .argv = SH("exit 0"), .input = in, .input_len = 4 * MIB };

	check_int(process_run(&p, &e), 0);
}

static void too_much_output_is_an_error(void)
{
	_buf_ out = BUF_INIT;
	struct error e = {};
	struct process p = { .argv = SH("yes"), .out = &out, .out_max = 100000 };

	check_int(process_run(&p, &e), -ERR_FAILED);
	check_str(e.msg, "sh wrote more than 100000 bytes");
}

static void of_standard_error_the_end_is_kept(void)
{
	_buf_ err = BUF_INIT;
	struct error e = {};
	struct process p = { .argv = SH("seq 1 30000"), .err = &err };

	check_int(process_run(&p, &e), 0);
	check(err.len > 30000 && err.len <= 64 * KIB);
	check_str(buf_str(&err) + err.len - 12, "29999\n30000\n");
}

static void collect(void *arg, const char *line)
{
	buf_printf(arg, "<%s>", line);
}

static void lines_are_told_as_they_come(void)
{
	_buf_ got = BUF_INIT;
	struct error e = {};
	struct process p = {
		.argv = SH("printf 'a\\n\\nb c\\nlast'"), .line = collect, .line_arg = &got
	};

	check_int(process_run(&p, &e), 0);
	check_str(buf_str(&got), "<a><><b c><last>");
}

static void the_log_gets_both_streams(void)
{
	_close_ int fd = openat(tmp_fd(), "log", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	_buf_ out = BUF_INIT;
	_buf_ log = BUF_INIT;
	struct error e = {};
	struct process p = { .argv = SH("echo out; echo err >&2"), .out = &out, .log_fd = fd };

	check_int(process_run(&p, &e), 0);
	check_int(file_read(tmp_fd(), "log", MIB, &log), 0);
	check(strstr(buf_str(&log), "out\n") && strstr(buf_str(&log), "err\n"));
}

static void a_signal_is_128_and_its_number(void)
{
	struct error e = {};
	struct process p = { .argv = SH("kill -9 $$") };

	check_int(process_run(&p, &e), 128 + SIGKILL);
	check_int(process_check(&p, &e), -ERR_FAILED);
	check_str(e.msg, "sh was ended by signal 9 (Killed)");
}

static void redrawn_lines_are_told_one_by_one(void)
{
	struct error e = {};
	_buf_ got = BUF_INIT;
	struct process p = {
		.argv = SH("printf '  10%%\r  20%%\r\n'"), .line = collect, .line_arg = &got
	};

	check_int(process_run(&p, &e), 0);
	check_str(buf_str(&got), "<  10%><  20%><>");
}

static void a_failure_shows_the_last_twenty_lines(void)
{
	_buf_ want = BUF_INIT;
	struct error e = {};
	struct process p = { .argv = SH("seq 1 50; exit 7") };

	buf_adds(&want, "sh failed (exit status 7):");
	for (int i = 31; i <= 50; i++)
		buf_printf(&want, "\n%d", i);
	check_int(process_check(&p, &e), -ERR_FAILED);
	check_str(e.msg, buf_str(&want));
}

static void of_long_lines_the_end_is_shown(void)
{
	struct error e = {};
	struct process many = {
		.argv = SH(
			"for i in 1 2 3 4 5 6 7 8 9; do printf '%0400d\\n' $i; done; echo cause; exit 1")
	};
	struct process one = { .argv = SH("printf '%09999d the cause' 1; exit 1") };

	check_int(process_check(&many, &e), -ERR_FAILED);
	check_str(e.msg + strlen(e.msg) - 6, "\ncause");
	check_int(process_check(&one, &e), -ERR_FAILED);
	check_str(e.msg + strlen(e.msg) - 10, " the cause");
}

static void a_silent_failure_is_one_line(void)
{
	struct error e = {};
	struct process p = { .argv = SH("exit 9") };

	check_int(process_check(&p, &e), -ERR_FAILED);
	check_str(e.msg, "sh failed (exit status 9)");
}

static void a_program_that_is_not_there_is_named(void)
{
	struct error e = {};
	struct process p = { .argv = (const char *const[]){ "no-such-program", NULL } };

	check_int(process_run(&p, &e), -ERR_FAILED);
	check_str(e.msg, "the program 'no-such-program' is not installed");
}

static void a_directory_that_is_not_there_is_named(void)
{
	struct error e = {};
	struct process p = { .argv = SH("true"), .cwd = "/nowhere" };

	check_int(process_run(&p, &e), -ERR_FAILED);
	check_str(e.msg, "starting sh: /nowhere: No such file or directory");
}

static void a_file_that_is_no_program_is_an_error(void)
{
	struct error e = {};
	struct process p = { .argv = (const char *const[]){ tmp_name("script"), NULL } };

	check_int(file_replace(tmp_fd(), "script", "x", 1, 0644), 0);
	check_int(process_run(&p, &e), -ERR_FAILED);
	check(strstr(e.msg, "Permission denied") != NULL);
}

static void environment_and_directory_are_as_given(void)
{
	_buf_ out = BUF_INIT;
	_buf_ want = BUF_INIT;
	struct error e = {};
	struct process p = {
		.argv = SH("pwd; echo $A; echo ${HOME:-none}"),
		.env = (const char *const[]){ "A=1", "PATH=/usr/bin:/bin", NULL },
		.cwd = tmp_name("."),
		.out = &out,
	};

	buf_printf(&want, "%s\n1\nnone\n", tmp_path);
	check_int(process_run(&p, &e), 0);
	check_str(buf_str(&out), buf_str(&want));
}

static void only_asked_fds_pass_on(void)
{
	_buf_ out = BUF_INIT;
	_free_ char *script = NULL;
	struct error e = {};
	int kept = open("/dev/null", O_RDONLY | O_CLOEXEC), leaked = open("/dev/null", O_RDONLY);
	struct process p = { .keep_fds = (const int[]){ kept, -1 }, .out = &out };

	script = xasprintf(
		"test -e /proc/self/fd/%d && echo kept; test -e /proc/self/fd/%d && echo leaked",
		kept, leaked);
	p.argv = SH(script);
	check(process_run(&p, &e) >= 0);
	check_str(buf_str(&out), "kept\n");
	close(kept);
	close(leaked);
}

static void a_deadline_kills_the_child_and_its_children(void)
{
	_buf_ out = BUF_INIT;
	struct process p = {
		.argv = SH("sleep 1000 & echo $!; wait"), .out = &out, .timeout_ms = 300
	};
	pid_t pid;

	/* On a busy machine the shell may not have got as far as to tell before: then with more time. */
	for (; out.len == 0 && p.timeout_ms < 100000; p.timeout_ms *= 3) {
		struct error e = {};

		check_int(process_run(&p, &e), -ERR_FAILED);
		check(strstr(e.msg, "sh timed out after") != NULL);
	}
	pid = atoi(buf_str(&out));
	check(pid > 1);
	/* A zombie until whoever inherited it waits; only a running one would be wrong. */
	for (int i = 0; i < 6000 && kill(pid, 0) == 0; i++) {
		_buf_ stat = BUF_INIT;
		_free_ char *path = xasprintf("/proc/%d/stat", pid);

		if (file_read(AT_FDCWD, path, MIB, &stat) < 0 || strstr(buf_str(&stat), ") Z "))
			return;
		usleep(10000);
	}
	check(kill(pid, 0) < 0);
}

static void a_grandchild_that_keeps_the_pipe_does_not_hold_us(void)
{
	_buf_ out = BUF_INIT;
	struct error e = {};
	struct process p = { .argv = SH("sleep 1000 & echo $!"), .out = &out };

	check_int(process_run(&p, &e), 0); /* meson's timeout is the failure */
	check(kill(atoi(buf_str(&out)), SIGKILL) == 0);
}

static int setup_says(_unused_ void *arg, const char **what)
{
	*what = "doing the thing";
	return -ENOTUNIQ;
}

static void a_failed_setup_says_what_it_was_doing(void)
{
	struct error e = {};
	struct process p = { .argv = SH("true"), .setup = setup_says };

	check_int(process_run(&p, &e), -ERR_FAILED);
	check_str(e.msg, "starting sh: doing the thing: Name not unique on network");
}

/* The child's pid goes to the test through a file; SIGKILL for its parent, and it must be gone too. */
static void a_child_dies_with_its_parent(void)
{
	struct process p = { .argv = SH("echo $$ > pid.tmp; mv pid.tmp pid; exec sleep 1000"),
		.cwd = tmp_name(".") };
	struct error e = {};
	_buf_ text = BUF_INIT;
	_free_ char *stat_path = NULL;
	pid_t pid = fork();

	if (pid == 0)
		_exit(process_run(&p, &e) != 0);
	while (file_read(tmp_fd(), "pid", 100, &text) < 0)
		usleep(10000);
	check(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
	stat_path = xasprintf("/proc/%d/stat", atoi(buf_str(&text)));
	for (;;) { /* meson's timeout is the failure */
		_buf_ stat = BUF_INIT;

		if (file_read(AT_FDCWD, stat_path, MIB, &stat) < 0 ||
			strstr(buf_str(&stat), ") Z "))
			return;
		usleep(10000);
	}
}

static void programs_are_found_in_path(void)
{
	check(program_exists("sh"));
	check(!program_exists("no-such-program"));
}

/* Last: the flag stays set. */
static void an_interrupt_ends_the_wait_and_the_child(void)
{
	struct error e = {};
	struct process p = { .argv = SH("kill -INT $PPID; exec sleep 1000") };

	interrupt_install();
	check_int(process_run(&p, &e), -ERR_INTERRUPTED);
	check(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
	check(interrupted());
	check_int(process_run(&p, &e), -ERR_INTERRUPTED);
	check_int(clock_sleep_ms(&clock_real, 1000000), -ECANCELED);
}

static void a_second_signal_ends_the_program(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		interrupt_install();
		raise(SIGINT);
		raise(SIGINT);
		_exit(0);
	}
	check(waitpid(pid, &status, 0) == pid);
	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
}

static void an_ignored_hangup_stays_ignored(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		signal(SIGHUP, SIG_IGN);
		interrupt_install();
		raise(SIGHUP);
		_exit(interrupted());
	}
	check(waitpid(pid, &status, 0) == pid);
	check(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	run(output_and_status_come_back);
	run(without_out_both_streams_are_one);
	run(what_is_passed_on_is_counted);
	run(what_a_slow_reader_has_not_taken_is_not_lost);
	run(large_input_and_output_pass_at_once);
	run(empty_input_is_an_end_of_file);
	run(a_child_that_does_not_read_its_input_is_no_failure);
	run(too_much_output_is_an_error);
	run(of_standard_error_the_end_is_kept);
	run(lines_are_told_as_they_come);
	run(redrawn_lines_are_told_one_by_one);
	run(the_log_gets_both_streams);
	run(a_signal_is_128_and_its_number);
	run(a_failure_shows_the_last_twenty_lines);
	run(of_long_lines_the_end_is_shown);
	run(a_silent_failure_is_one_line);
	run(a_program_that_is_not_there_is_named);
	run(a_directory_that_is_not_there_is_named);
	run(a_file_that_is_no_program_is_an_error);
	run(environment_and_directory_are_as_given);
	run(only_asked_fds_pass_on);
	run(a_deadline_kills_the_child_and_its_children);
	run(a_grandchild_that_keeps_the_pipe_does_not_hold_us);
	run(a_failed_setup_says_what_it_was_doing);
	run(a_child_dies_with_its_parent);
	run(programs_are_found_in_path);
	run(an_ignored_hangup_stays_ignored);
	run(a_second_signal_ends_the_program);
	run(an_interrupt_ends_the_wait_and_the_child);
	return done();
}
