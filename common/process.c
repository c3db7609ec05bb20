/*
 * Children. One poll loop feeds standard input, collects both outputs and watches for the end,
 * the deadline and an interrupt. The end of the child is seen through a pidfd, so that a
 * grandchild that keeps a pipe open cannot hold us.
 */
#include "process_child.h"

#include "alloc.h"
#include "buf.h"
#include "clock.h"
#include "error.h"
#include "fd.h"
#include "interrupt.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define ERR_KEPT      (64 * KIB) /* of standard error, its end */
#define OUT_MAX	      (64 * MIB)
#define TAIL_LINES    20
#define LINE_MAX_KEPT (8 * KIB) /* a longer line is cut for the callback */
#define DRAIN_MS      200	/* to read what is left in the pipes after the child ended */

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

/* Standard output, on to where it is wanted. */
static int pass_on(struct child *c, const struct process *p, struct error *e)
{
	char block[16 * KIB];
	ssize_t n = read(c->out, block, sizeof block);
	int r;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n <= 0) {
		close(TAKE_FD(c->out));
		return 0;
	}
	*p->passed += (uint64_t)n;
	r = fd_write(p->out_fd, block, (size_t)n);
	return r < 0 ? error_errno(e, r, "writing what %s says", p->argv[0]) : 0;
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
		r = p->passed ? pass_on(c, p, e) : pump(c, p, &c->out, p->out, max, e);
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
		uint64_t passed = p->passed ? *p->passed : 0;
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
		/* Passing on waits for who reads there: that time is not the pipe's. */
		if (ended && (!was_ended || (p->passed && *p->passed > passed)))
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
	r = process_child_start(c, p);
	if (r < 0) {
		if (c->pid > 0)
			process_child_kill(c);
		return error_errno(e, r, "starting %s", p->argv[0]);
	}
	r = child_watch(c, p, e);
	if (r < 0) {
		process_child_kill(c);
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
	_cleanup_(process_child_free) struct child c = CHILD_INIT;

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
	_cleanup_(process_child_free) struct child c = CHILD_INIT;
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
