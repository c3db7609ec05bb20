/*
 * QMP over a UNIX socket. The path of such a socket is limited to 107 bytes and state directories
 * are longer than that: both ends go through /proc/self/fd.
 */
#include "qmp.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "clock.h"
#include "error.h"
#include "fd.h"
#include "interrupt.h"
#include "json.h"
#include "node.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define REPLY_MAX MIB

static int address_of(int dirfd, const char *name, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (snprintf(ret->sun_path, sizeof ret->sun_path, "/proc/self/fd/%d/%s", dirfd, name) >=
		(int)sizeof ret->sun_path)
		return -ENAMETOOLONG;
	return 0;
}

int qmp_listen(int dirfd, const char *name)
{
	_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un sa;
	int r = address_of(dirfd, name, &sa);

	if (fd < 0)
		return -errno;
	if (r < 0)
		return r;
	if (unlinkat(dirfd, name, 0) < 0 && errno != ENOENT)
		return -errno;
	if (bind(fd, (struct sockaddr *)&sa, sizeof sa) < 0 || listen(fd, 4) < 0)
		return -errno;
	return TAKE_FD(fd);
}

struct qmp {
	int fd;
	int64_t deadline;
	struct buf in;
};

static void qmp_close(struct qmp *q)
{
	closep(&q->fd);
	buf_free(&q->in);
}

/* The next line, read into *ret (appended). QMP sends one JSON object a line. */
static int read_line(struct qmp *q, struct buf *ret)
{
	for (;;) {
		char *nl = q->in.len ? memchr(q->in.data, '\n', q->in.len) : NULL;
		struct pollfd p = { .fd = q->fd, .events = POLLIN };
		int64_t left = q->deadline - clock_now_ms(&clock_real);
		ssize_t n;

		if (nl) {
			size_t len = (size_t)(nl - q->in.data) + 1;

			buf_add(ret, q->in.data, len);
			memmove(q->in.data, q->in.data + len, q->in.len - len);
			q->in.len -= len;
			return 0;
		}
		if (left <= 0)
			return -ETIMEDOUT;
		if (interrupted())
			return -ECANCELED;
		if (q->in.len > REPLY_MAX)
			return -EMSGSIZE;
		if (poll(&p, 1, (int)MIN(left, 500)) < 0 && errno != EINTR)
			return -errno;
		if (!p.revents)
			continue;
		n = read(q->fd, buf_reserve(&q->in, 4096), 4096);
		if (n == 0)
			return -ECONNRESET;
		if (n > 0)
			q->in.len += (size_t)n;
		else if (errno != EINTR && errno != EAGAIN)
			return -errno;
	}
}

/* Reads until an answer (events come in between), which is in the arena. */
static int read_answer(struct qmp *q, struct arena *a, struct node **ret, struct error *e)
{
	for (;;) {
		_buf_ line = BUF_INIT;
		struct node *doc;
		int r = read_line(q, &line);

		if (r < 0)
			return error_errno(e, r, "asking QEMU");
		r = json_parse(&doc, a, "answer of QEMU", buf_str(&line), line.len, e);
		if (r < 0)
			return r;
		if (node_get(doc, "return") || node_get(doc, "QMP") || node_get(doc, "error")) {
			*ret = doc;
			return 0;
		}
	}
}

static int send_command(struct qmp *q, const char *command, struct error *e)
{
	_free_ char *text = xasprintf("{\"execute\": \"%s\"}\n", command);
	int r = fd_write(q->fd, text, strlen(text));

	return r < 0 ? error_errno(e, r, "asking QEMU") : 0;
}

/* Its greeting comes unasked, then each command has its answer; ret: that of the last. */
static int exchange(
	struct qmp *q, const char *command, struct arena *a, struct node **ret, struct error *e)
{
	const char *const commands[] = { NULL, "qmp_capabilities", command };

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		int r = commands[i] ? send_command(q, commands[i], e) : 0;
		const char *why;

		if (r == 0)
			r = read_answer(q, a, ret, e);
		if (r < 0)
			return r;
		why = node_str(node_path(*ret, "error.desc"));
		if (node_get(*ret, "error"))
			return error_set(e, ERR_FAILED, "QEMU refused %s: %s", commands[i],
				why ? why : "it gave no reason");
	}
	return 0;
}

static int ask(const struct qmp_peer *p, const char *command, struct arena *a, struct node **ret,
	struct error *e)
{
	_cleanup_(qmp_close) struct qmp q = {
		/* A QEMU that accepts nobody, because it hangs, would keep a blocking one for ever. */
		.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
		.deadline = clock_now_ms(&clock_real) + p->timeout_ms,
	};
	struct sockaddr_un sa;
	int r = address_of(p->dirfd, p->name, &sa);

	if (r < 0 || q.fd < 0)
		return error_errno(e, r < 0 ? r : errno, "asking QEMU");
	if (connect(q.fd, (struct sockaddr *)&sa, sizeof sa) < 0)
		return error_errno(e, errno == EAGAIN ? ETIMEDOUT : errno, "connecting to QEMU");
	return exchange(&q, command, a, ret, e);
}

int qmp_command(const struct qmp_peer *p, const char *command, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct node *reply;

	return ask(p, command, a, &reply, e);
}

int qmp_status(const struct qmp_peer *p, struct arena *a, const char **ret, struct error *e)
{
	struct node *reply;
	int r = ask(p, "query-status", a, &reply, e);
	const char *status;

	if (r < 0)
		return r;
	status = node_str(node_path(reply, "return.status"));
	*ret = status ? status : "unknown";
	return 0;
}
