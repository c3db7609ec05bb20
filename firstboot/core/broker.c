/* See broker.h. */
#include "broker.h"

#include "agent.h"
#include "buf.h"
#include "error.h"
#include "ipc.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static int connect_to(const char *path, struct error *e)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	_close_ int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (sock < 0)
		return error_errno(e, errno, "cannot make a socket");
	if (strlen(path) >= sizeof sa.sun_path)
		return error_set(e, ERR_FAILED, "the broker's path is too long: %s", path);
	memcpy(sa.sun_path, path, strlen(path) + 1);
	if (connect(sock, (struct sockaddr *)&sa, sizeof sa) < 0) {
		error_errno(e, errno, "cannot reach the broker at %s", path);
		error_append(e, " (is kbuild-broker.socket active?)");
		return error_transient(e);
	}
	return TAKE_FD(sock);
}

int broker_open(const struct agent *a, const struct buf *request, const int *fds, size_t n_fds,
	int *ret_sock, struct error *e)
{
	_close_ int sock = connect_to(a->broker_path, e);
	int r;

	if (sock < 0)
		return sock;
	r = ipc_send(sock, request, fds, n_fds, e);
	if (r < 0)
		return r;
	*ret_sock = TAKE_FD(sock);
	return 0;
}

int broker_call(const struct agent *a, const struct buf *request, const int *fds, size_t n_fds,
	int64_t timeout_ms, struct ipc_message *ret, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	_close_ int sock = -1;
	int r = broker_open(a, request, fds, n_fds, &sock, e);

	if (r >= 0)
		r = ipc_answer(sock, timeout_ms, &m, e);
	if (r >= 0)
		r = ipc_whole(&m, e);
	if (r < 0)
		return r;
	*ret = m;
	m = (struct ipc_message)IPC_MESSAGE_INIT;
	return 0;
}

int broker_simple(const struct agent *a, const char *op, int64_t timeout_ms,
	struct ipc_message *ret, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	_buf_ request = BUF_INIT;
	int r;

	ipc_begin_op(&request, op);
	ipc_end(&request);
	r = broker_call(a, &request, NULL, 0, timeout_ms, &m, e);
	if (r >= 0 && ret) {
		*ret = m;
		m = (struct ipc_message)IPC_MESSAGE_INIT;
	}
	return r;
}
