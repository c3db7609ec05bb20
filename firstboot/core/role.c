/* See role.h. The child keeps nothing of the conductor but its own socket and the standard fds. */
#include "role.h"

#include "agent.h"
#include "alloc.h"
#include "buf.h"
#include "error.h"
#include "ipc.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

struct role {
	const struct role_type *type;
	pid_t pid; /* 0: gone */
	int sock;
};

static int answer(
	int sock, const struct role_type *t, void *state, struct ipc_message *q, struct error *e)
{
	_buf_ json = BUF_INIT;
	struct role_reply reply = { .json = &json, .fds = { -1, -1, -1, -1 } };
	struct error failed = { 0 };
	int r = t->handle(state, q, &reply, &failed);

	if (r >= 0 && json.len == 0)
		buf_adds(&json, "{}");
	r = r < 0 ? ipc_send_error(sock, &failed, e)
		  : ipc_send(sock, &json, reply.fds, reply.n_fds, e);
	for (size_t i = 0; i < reply.n_fds; i++)
		closep(&reply.fds[i]);
	return r;
}

static int serve(int sock, const struct role_type *t, const struct agent *a)
{
	struct pollfd first = { .fd = sock, .events = POLLIN };
	struct error e = { 0 };
	void *state = NULL;
	int r;

	/* Nothing of anybody is read before it is confined. */
	while (poll(&first, 1, -1) < 0 && errno == EINTR)
		;
	r = t->enter ? t->enter(a, &state, &e) : 0;

	if (r < 0) {
		char none;

		/*
		 * The first request is answered with why there is nobody to answer it. It is taken, unread:
		 * a socket that is closed with something in it loses what it has sent.
		 */
		(void)recv(sock, &none, sizeof none, 0);
		(void)ipc_send_error(sock, &e, &(struct error){ 0 });
		return 1;
	}
	for (;;) {
		_cleanup_(ipc_message_free) struct ipc_message q = IPC_MESSAGE_INIT;

		r = ipc_receive(sock, -1, &q, &e);
		if (r == IPC_CLOSED)
			return 0;
		if (r < 0 || answer(sock, t, state, &q, &e) < 0)
			return 1;
	}
}

int role_start(
	struct role **ret, const struct role_type *type, const struct agent *a, struct error *e)
{
	int pair[2];
	struct role *role;
	pid_t parent = getpid(), pid;
	int r = ipc_pair(pair);

	if (r < 0)
		return error_errno(e, r, "cannot start the %s process", type->name);
	pid = fork();
	if (pid < 0) {
		r = errno;
		close(pair[0]);
		close(pair[1]);
		return error_errno(e, r, "cannot start the %s process", type->name);
	}
	if (pid == 0) {
		/* Nothing else of the conductor's: neither its files nor its sockets to other roles. */
		dup2(pair[1], 3);
		closefrom(4);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, type->name);
		/* The conductor decides when to stop; a Ctrl-C reaches it too. */
		signal(SIGINT, SIG_IGN);
		signal(SIGTERM, SIG_IGN);
		if (getppid() != parent)
			_exit(1);
		_exit(serve(3, type, a));
	}
	close(pair[1]);
	role = xcalloc(1, sizeof *role);
	*role = (struct role){ type, pid, pair[0] };
	*ret = role;
	return 0;
}

static void end(struct role *r)
{
	if (r->pid <= 0)
		return;
	kill(r->pid, SIGKILL);
	while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR)
		;
	r->pid = 0;
}

void role_stop(struct role *r)
{
	if (!r)
		return;
	/* It holds nothing that needs an orderly end: what it writes has its name last. */
	end(r);
	closep(&r->sock);
	free(r);
}

bool role_is_gone(const struct role *r)
{
	return r->pid <= 0;
}

int role_call(struct role *r, const struct buf *request, const int *fds, size_t n_fds,
	int64_t timeout_ms, struct ipc_message *ret, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	int status;

	if (r->pid <= 0)
		return error_set(e, ERR_NETWORK, "the %s process has ended", r->type->name);
	status = ipc_send(r->sock, request, fds, n_fds, e);
	if (status >= 0)
		status = ipc_receive(r->sock, timeout_ms, &m, e);
	if (status == IPC_CLOSED)
		status = error_set(e, ERR_NETWORK, "it ended before it had answered");
	if (status < 0) {
		/* A late answer would be taken for that of the next request. */
		end(r);
		return error_prefix(e, "the %s process", r->type->name);
	}
	status = ipc_check(&m, e);
	if (status < 0)
		return status;
	*ret = m;
	m = (struct ipc_message)IPC_MESSAGE_INIT;
	return 0;
}
