/*
 * The broker's loop. It reads nothing itself: each connection is served by a forked child, which looks
 * at who is there, reads one request, does it, answers and ends. So a pull of minutes holds nobody up,
 * and what goes wrong in one request is gone with its process.
 */
#include "ops.h"

#include "arena.h"
#include "buf.h"
#include "clock.h"
#include "error.h"
#include "interrupt.h"
#include "report.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define CHILDREN_MAX 16
#define IDLE_MS	     10000
#define REQUEST_MS   10000 /* a client sends its request at once */

/* Root, ourselves, and the one user it is for. */
static int check_peer(int sock, int64_t allow_uid, struct error *e)
{
	struct ucred who;
	socklen_t len = sizeof who;

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0)
		return error_errno(e, errno, "cannot tell who asks");
	if (who.uid == 0 || who.uid == getuid() || (int64_t)who.uid == allow_uid)
		return 0;
	return error_set(e, ERR_FAILED, "user %u may not ask the broker", (unsigned)who.uid);
}

/* *ret: the operation that was run, whatever came of it; else left alone. */
static int answer(
	const struct broker *b, int sock, int64_t allow_uid, const struct op **ret, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message q = IPC_MESSAGE_INIT;
	_buf_ json = BUF_INIT;
	struct call c = {
		.b = b, .q = &q, .sock = sock, .reply = { .json = &json, .fds = { -1, -1, -1, -1 } }
	};
	int r = check_peer(sock, allow_uid, e);

	if (r < 0) {
		/* Let it finish its sentence, unread, so that it comes to hear the answer. */
		struct pollfd v = { .fd = sock, .events = POLLIN };
		char byte;

		if (poll(&v, 1, REQUEST_MS) > 0)
			(void)!recv(sock, &byte, 1, MSG_DONTWAIT);
		return r;
	}
	r = ipc_receive(sock, REQUEST_MS, &q, e);
	if (r == IPC_CLOSED)
		return 0;
	if (r < 0)
		return r;
	ipc_begin(&json);
	r = op_run(&c, e);
	alarm(0);
	*ret = c.op;
	if (r < 0)
		return r;
	return call_reply(&c, e);
}

static _noreturn_ void serve_one(const struct broker *b, int sock, int64_t allow_uid, pid_t parent)
{
	struct error e = { 0 };
	const struct op *op = NULL;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	if (answer(b, sock, allow_uid, &op, &e) < 0) {
		/* What a program said may hold a secret; the client knows them, and takes them out. */
		report(REPORT_WARNING, "kbuild-broker: %s%s", op ? op->name : e.msg,
			op ? " failed" : "");
		(void)ipc_send_error(sock, &e, &(struct error){ 0 });
		_exit(1);
	}
	_exit(0);
}

static unsigned reap(void)
{
	unsigned n = 0;

	while (waitpid(-1, NULL, WNOHANG) > 0)
		n++;
	return n;
}

static int take_one(const struct broker *b, int listen_fd, int64_t allow_uid, struct error *e)
{
	_close_ int sock = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	pid_t parent = getpid(), pid;

	if (sock < 0) /* who wanted something has gone again */
		return errno == EINTR || errno == EAGAIN || errno == ECONNABORTED
			       ? 0
			       : error_errno(e, errno, "cannot accept a connection");
	pid = fork();
	if (pid < 0)
		return error_errno(e, errno, "cannot fork");
	if (pid == 0) {
		close(listen_fd);
		serve_one(b, sock, allow_uid, parent);
	}
	return 1;
}

/* What children are doing does not matter here; only how many there are. */
int broker_serve(const struct broker *b, int listen_fd, int64_t allow_uid, struct error *e)
{
	int64_t idle_since = clock_now_ms(&clock_real);
	unsigned children = 0;

	while (!interrupted()) {
		/* With children it looks for their end five times a second; without, it sleeps. */
		int wait_ms = children ? 200 : IDLE_MS;
		struct pollfd v[] = {
			{ .fd = children < CHILDREN_MAX ? listen_fd : -1, .events = POLLIN },
			{ .fd = interrupt_fd(), .events = POLLIN },
		};
		int n = poll(v, ARRAY_SIZE(v), wait_ms), r;
		unsigned ended = reap();

		if (n < 0 && errno != EINTR)
			return error_errno(e, errno, "cannot wait for requests");
		children -= ended;
		if (ended)
			idle_since = clock_now_ms(&clock_real);
		if (n > 0 && (v[0].revents & POLLIN)) {
			r = take_one(b, listen_fd, allow_uid, e);
			if (r < 0)
				return r;
			children += (unsigned)r;
		} else if (!children && clock_now_ms(&clock_real) - idle_since >= IDLE_MS) {
			return 0; /* the socket starts us again */
		}
	}
	return 0;
}
