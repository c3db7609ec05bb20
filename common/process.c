/*
 * Children. One poll loop feeds standard input, collects both outputs and watches for the end,
 * the deadline and an interrupt. The end of the child is seen through a pidfd, so that a
 * grandchild that keeps a pipe open cannot hold us.
 */
#include "process.h"

#include "alloc.h"
#include "buf.h"
#include "clock.h"
#include "error.h"
#include "fd.h"
#include "interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define ERR_KEPT      (64 * KIB) /* of standard error, its end */
#define OUT_MAX	      (64 * MIB)
#define TAIL_LINES    20
#define LINE_MAX_KEPT (8 * KIB) /* a longer line is cut for the callback */
#define DRAIN_MS      200	/* to read what is left in the pipes after the child ended */

/* What the child says on a close-on-exec pipe when it did not get as far as exec. */
struct report {
	int err;
	char what[64];
};

struct child {
	pid_t pid;
	int pidfd, in, out, err, report;
	size_t fed; /* bytes of input written */
	struct buf line, tail;
};

static void child_free(struct child *c)
{
	int *const fds[] = { &c->pidfd, &c->in, &c->out, &c->err, &c->report };

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		closep(fds[i]);
	buf_free(&c->line);
	buf_free(&c->tail);
}

static _noreturn_ void child_fail(int fd, int err, const char *what)
{
	struct report r = { .err = err < 0 ? -err : err };

	snprintf(r.what, sizeof r.what, "%s", what);
	if (fd_write(fd, &r, sizeof r) < 0)
		_exit(126);
	_exit(127);
}

/*
 * Dies with kbuild, also when kbuild died before we could ask for it: then nobody reads the report.
 * (getppid() would not do: in a pid namespace of its own the child has no parent.)
 */
static void die_with_parent(int report_reader, int report)
{
	struct pollfd v = { .fd = report };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(report_reader);
	if (poll(&v, 1, 0) > 0)
		_exit(127);
}

static _noreturn_ void child_main(const struct process *p, int in, int out, int err, int report)
{
	const char *what = "preparing";
	sigset_t none;
	int r;

	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	/* Everything is opened O_CLOEXEC; this is for what a library or our parent left open. */
	syscall(SYS_close_range, 3, UINT_MAX, 4 /* CLOSE_RANGE_CLOEXEC */);
	for (const int *k = p->keep_fds; k && *k >= 0; k++)
		fcntl(*k, F_SETFD, 0);
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		child_fail(report, errno, "redirecting");
	if (p->setup) {
		r = p->setup(p->setup_arg, &what);
		if (r < 0)
			child_fail(report, r, what);
	}
	if (p->cwd && chdir(p->cwd) < 0)
		child_fail(report, errno, p->cwd);
	if (p->env)
		execvpe(p->argv[0], (char *const *)(uintptr_t)p->argv,
			(char *const *)(uintptr_t)p->env);
	else
		execvp(p->argv[0], (char *const *)(uintptr_t)p->argv);
	child_fail(report, errno, "exec");
}

static int make_pipe(int fds[2])
{
	return pipe2(fds, O_CLOEXEC) < 0 ? -errno : 0;
}

static int child_start(struct child *c, const struct process *p)
{
	_close_ int in0 = -1;
	_close_ int out1 = -1;
	_close_ int err1 = -1;
	_close_ int rep1 = -1;
	int fds[2];
	pid_t pid;

	if (p->input) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
			return -errno;
		in0 = fds[0];
		c->in = fds[1];
		fcntl(c->in, F_SETFL, O_NONBLOCK);
	} else if (p->in_fd > 0) {
		in0 = fcntl(p->in_fd, F_DUPFD_CLOEXEC, 3);
		if (in0 < 0)
			return -errno;
	} else {
		in0 = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (in0 < 0)
			return -errno;
	}
	if (p->out_fd > 0) {
		out1 = fcntl(p->out_fd, F_DUPFD_CLOEXEC, 3);
		if (out1 < 0)
			return -errno;
	} else if (p->out) {
		if (make_pipe(fds) < 0)
			return -errno;
		c->out = fds[0];
		out1 = fds[1];
	}
	if (make_pipe(fds) < 0)
		return -errno;
	c->err = fds[0];
	err1 = fds[1];
	if (make_pipe(fds) < 0)
		return -errno;
	c->report = fds[0];
	rep1 = fds[1];

	/* fork() repairs the allocator's locks in the child; clone() does not, see setup in process.h. */
	if (p->clone_flags)
		pid = (pid_t)syscall(SYS_clone, p->clone_flags | SIGCHLD, NULL, NULL, NULL, NULL);
	else
		pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		die_with_parent(c->report, rep1);
		child_main(p, in0, out1 >= 0 ? out1 : err1, err1, rep1);
	}
	c->pid = pid;
	setpgid(pid, pid);
	c->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	return c->pidfd < 0 ? -errno : 0;
}

static void child_kill(struct child *c)
{
	siginfo_t info;

	kill(-c->pid, SIGKILL);
	kill(c->pid, SIGKILL);
	while (waitid(P_PID, (id_t)c->pid, &info, WEXITED) < 0 && errno == EINTR)
		;
}

static void cut_front(struct buf *b, size_t keep)
{
	if (b->len <= keep)
		return;
	memmove(b->data, b->data + b->len - keep, keep);
	b->len = keep;
	b->data[keep] = '\0';
}

/* The last bytes of a stream: halves the buffer when it has twice what is kept. */
static void keep_tail(struct buf *b, const char *data, size_t len)
{
	buf_add(b, data, len);
	if (b->len > 2 * ERR_KEPT)
		cut_front(b, ERR_KEPT);
}

static void feed_lines(struct child *c, const struct process *p, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool end = data[i] == '\n' || (data[i] == '\r' && c->line.len > 0);

		if (!end) {
			if (c->line.len < LINE_MAX_KEPT && data[i] != '\r')
				buf_addc(&c->line, data[i]);
			continue;
		}
		p->line(p->line_arg, buf_str(&c->line));
		buf_reset(&c->line);
	}
}

/* One read of one of the pipes. Closes it at its end. */
static int pump(struct child *c, const struct process *p, int *fd, struct buf *into, size_t max,
	struct error *e)
{
	char block[16 * KIB];
	ssize_t n = read(*fd, block, sizeof block);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n <= 0) {
		close(TAKE_FD(*fd));
		return 0;
	}
	if (p->log_fd > 0)
		(void)fd_write(p->log_fd, block, (size_t)n);
	if (p->line)
		feed_lines(c, p, block, (size_t)n);
	if (!into || into != p->out)
		keep_tail(&c->tail, block, (size_t)n);
	if (!into)
		return 0;
	if (into == p->out && into->len + (size_t)n > max)
		return error_set(e, ERR_FAILED, "%s wrote more than %zu bytes", p->argv[0], max);
	if (into == p->out)
		buf_add(into, block, (size_t)n);
	else
		keep_tail(into, block, (size_t)n);
	return 0;
}

static void feed_input(struct child *c, const struct process *p)
{
	ssize_t n =
		send(c->in, (const char *)p->input + c->fed, p->input_len - c->fed, MSG_NOSIGNAL);

	if (n > 0)
		c->fed += (size_t)n;
	else if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0 || c->fed == p->input_len)
		close(TAKE_FD(c->in));
}

static int child_poll(
	struct child *c, const struct process *p, int wait_ms, bool *ended, struct error *e)
{
	size_t max = p->out_max ? p->out_max : OUT_MAX;
	struct pollfd v[] = {
		{ .fd = c->in, .events = POLLOUT },
		{ .fd = c->out, .events = POLLIN },
		{ .fd = c->err, .events = POLLIN },
		{ .fd = c->pidfd, .events = POLLIN },
		{ .fd = interrupt_fd(), .events = POLLIN },
	};
	int r;

	if (*ended)
		v[3].fd = -1;
	if (poll(v, ARRAY_SIZE(v), wait_ms) < 0 && errno != EINTR)
		return error_errno(e, errno, "waiting for %s", p->argv[0]);
	if (interrupted())
		return error_set(e, ERR_INTERRUPTED, "interrupted");
	if (v[0].revents)
		feed_input(c, p);
	if (v[1].revents) {
		r = pump(c, p, &c->out, p->out, max, e);
		if (r < 0)
			return r;
	}
	if (v[2].revents) {
		r = pump(c, p, &c->err, p->err, max, e);
		if (r < 0)
			return r;
	}
	if (v[3].revents)
		*ended = true;
	return 0;
}

static int child_watch(struct child *c, const struct process *p, struct error *e)
{
	int64_t deadline = p->timeout_ms ? clock_now_ms(&clock_real) + p->timeout_ms : INT64_MAX;
	bool ended = false;

	while (!ended || c->out >= 0 || c->err >= 0) {
		int64_t left = deadline - clock_now_ms(&clock_real);
		bool was_ended = ended;
		int r;

		if (left <= 0 && ended)
			return 0; /* somebody else keeps our pipes open */
		if (left <= 0)
			return error_set(e, ERR_FAILED, "%s timed out after %lld s", p->argv[0],
				(long long)(p->timeout_ms / 1000));
		r = child_poll(c, p, (int)MIN(left, 60000), &ended, e);
		if (r < 0)
			return r;
		if (p->enough && *p->enough && !ended)
			kill(c->pid, SIGKILL);
		if (ended && !was_ended)
			deadline = clock_now_ms(&clock_real) + DRAIN_MS;
	}
	return 0;
}

static int child_status(struct child *c, const struct process *p, struct error *e)
{
	struct report rep;
	siginfo_t info;

	while (waitid(P_PID, (id_t)c->pid, &info, WEXITED) < 0) {
		if (errno != EINTR)
			return error_errno(e, errno, "waiting for %s", p->argv[0]);
	}
	if (read(c->report, &rep, sizeof rep) == (ssize_t)sizeof rep) {
		if (rep.err == ENOENT && strcmp(rep.what, "exec") == 0)
			return error_set(
				e, ERR_FAILED, "the program '%s' is not installed", p->argv[0]);
		return error_errno(e, rep.err, "starting %s: %s", p->argv[0], rep.what);
	}
	if (c->line.len > 0 && p->line)
		p->line(p->line_arg, buf_str(&c->line));
	if (p->err)
		cut_front(p->err, ERR_KEPT);
	return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

static int run(struct child *c, const struct process *p, struct error *e)
{
	int r;

	if (interrupted())
		return error_set(e, ERR_INTERRUPTED, "interrupted");
	r = child_start(c, p);
	if (r < 0) {
		if (c->pid > 0)
			child_kill(c);
		return error_errno(e, r, "starting %s", p->argv[0]);
	}
	r = child_watch(c, p, e);
	if (r < 0) {
		child_kill(c);
		return r;
	}
	return child_status(c, p, e);
}

#define CHILD_INIT                                                                                 \
	{                                                                                          \
		.pidfd = -1, .in = -1, .out = -1, .err = -1, .report = -1                          \
	}

int process_run(const struct process *p, struct error *e)
{
	_cleanup_(child_free) struct child c = CHILD_INIT;

	return run(&c, p, e);
}

/* The last lines, at most TAIL_LINES and at most room bytes: the end is what matters. */
static const char *last_lines(const struct buf *b, size_t room)
{
	const char *end = buf_str(b) + b->len, *p = end, *line = end;
	int lines = 0;

	while (p > buf_str(b) && (size_t)(end - p) < room && lines < TAIL_LINES) {
		p--;
		if (p == buf_str(b) || p[-1] == '\n') {
			line = p;
			lines++;
		}
	}
	return lines > 0 ? line : p; /* one long line: its end */
}

int process_check(const struct process *p, struct error *e)
{
	_cleanup_(child_free) struct child c = CHILD_INIT;
	int r = run(&c, p, e);

	if (r <= 0)
		return r;
	if (r > 128)
		r = error_set(e, ERR_FAILED, "%s was ended by signal %d (%s)", p->argv[0], r - 128,
			strsignal(r - 128));
	else
		r = error_set(e, ERR_FAILED, "%s failed (exit status %d)", p->argv[0], r);
	while (c.tail.len > 0 && c.tail.data[c.tail.len - 1] == '\n')
		c.tail.data[--c.tail.len] = '\0';
	if (c.tail.len > 0)
		r = error_append(
			e, ":\n%s", last_lines(&c.tail, sizeof e->msg - strlen(e->msg) - 256));
	return r;
}

bool program_exists(const char *name)
{
	const char *path = getenv("PATH");
	_free_ char *copy = xstrdup(
		path ? path : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	char *save = NULL;

	for (char *dir = strtok_r(copy, ":", &save); dir; dir = strtok_r(NULL, ":", &save)) {
		_free_ char *full = xasprintf("%s/%s", dir, name);

		if (access(full, X_OK) == 0)
			return true;
	}
	return false;
}
