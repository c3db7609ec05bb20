/*
 * See ipc.h. A message is one datagram, so there is no framing to get wrong; descriptors beyond
 * IPC_FDS and bytes beyond IPC_MAX are seen as truncation and refused.
 */
#include "ipc.h"

#include "arena.h"
#include "buf.h"
#include "error.h"
#include "fd.h"
#include "json.h"
#include "node.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

/* The only member of a message that stands for one in a file. */
#define LONG_KEY "in_file"

void ipc_message_free(struct ipc_message *m)
{
	for (size_t i = 0; i < m->n_fds; i++)
		closep(&m->fds[i]);
	if (m->arena)
		arena_free(m->arena);
	*m = (struct ipc_message)IPC_MESSAGE_INIT;
}

int ipc_pair(int ret[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) < 0 ? -errno : 0;
}

void ipc_begin(struct buf *m)
{
	buf_reset(m);
	buf_addc(m, '{');
}

void ipc_begin_op(struct buf *m, const char *op)
{
	ipc_begin(m);
	ipc_add_str(m, "op", op);
}

static void add_key(struct buf *m, const char *key)
{
	if (m->len > 1)
		buf_addc(m, ',');
	buf_printf(m, "\"%s\":", key);
}

void ipc_add(struct buf *m, const char *key, const char *json)
{
	add_key(m, key);
	buf_adds(m, json);
}

void ipc_add_str(struct buf *m, const char *key, const char *value)
{
	add_key(m, key);
	if (value)
		json_write_string(m, value, strlen(value));
	else
		buf_adds(m, "null");
}

void ipc_add_int(struct buf *m, const char *key, int64_t value)
{
	add_key(m, key);
	buf_printf(m, "%" PRId64, value);
}

void ipc_add_bool(struct buf *m, const char *key, bool value)
{
	ipc_add(m, key, value ? "true" : "false");
}

void ipc_add_strs(struct buf *m, const char *key, const char *const *values)
{
	add_key(m, key);
	buf_addc(m, '[');
	for (size_t i = 0; values && values[i]; i++) {
		if (i > 0)
			buf_addc(m, ',');
		json_write_string(m, values[i], strlen(values[i]));
	}
	buf_addc(m, ']');
}

void ipc_end(struct buf *m)
{
	buf_addc(m, '}');
}

union control {
	char bytes[CMSG_SPACE(IPC_FDS * sizeof(int))];
	struct cmsghdr align;
};

static void attach(struct msghdr *h, union control *c, const int *fds, size_t n)
{
	struct cmsghdr *m;

	if (n == 0)
		return;
	memset(c, 0, sizeof *c);
	h->msg_control = c->bytes;
	h->msg_controllen = CMSG_SPACE(n * sizeof(int));
	m = CMSG_FIRSTHDR(h);
	m->cmsg_level = SOL_SOCKET;
	m->cmsg_type = SCM_RIGHTS;
	m->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(m), fds, n * sizeof(int));
}

int ipc_send(int sock, const struct buf *m, const int *fds, size_t n_fds, struct error *e)
{
	struct iovec v = { m->data, m->len };
	struct msghdr h = { .msg_iov = &v, .msg_iovlen = 1 };
	union control c;
	ssize_t n;

	if (m->len > IPC_MAX || n_fds > IPC_FDS)
		return error_set(e, ERR_FAILED, "a message of %zu bytes is too long", m->len);
	attach(&h, &c, fds, n_fds);
	do {
		n = sendmsg(sock, &h, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? error_errno(e, errno, "cannot send a message") : 0;
}

int ipc_send_long(int sock, const struct buf *m, const int *fds, size_t n_fds, struct error *e)
{
	int all[IPC_FDS];
	_close_ int file = -1;
	_buf_ instead = BUF_INIT;

	if (m->len <= IPC_MAX || m->len > IPC_LONG_MAX || n_fds >= IPC_FDS)
		return ipc_send(sock, m, fds, n_fds, e);
	file = ipc_memfd(m->data, m->len);
	if (file < 0)
		return error_errno(e, file, "cannot keep a message");
	for (size_t i = 0; i < n_fds; i++)
		all[i] = fds[i];
	all[n_fds] = file;
	ipc_begin(&instead);
	ipc_add_bool(&instead, LONG_KEY, true);
	ipc_end(&instead);
	return ipc_send(sock, &instead, all, n_fds + 1, e);
}

int ipc_whole(struct ipc_message *m, struct error *e)
{
	_buf_ text = BUF_INIT;
	struct node *doc;
	bool is_long = false;
	int r;

	(void)node_is_bool(node_get(m->doc, LONG_KEY), &is_long);
	if (!is_long)
		return 0;
	if (m->n_fds == 0)
		return error_set(e, ERR_FAILED, "a message without its file");
	r = ipc_read_fd(m->fds[m->n_fds - 1], IPC_LONG_MAX, &text);
	if (r < 0)
		return error_errno(e, r, "cannot read a message's file");
	r = json_parse(&doc, m->arena, "message", buf_str(&text), text.len, e);
	if (r < 0)
		return r;
	if (doc->kind != NODE_MAP)
		return error_set(e, ERR_FAILED, "a message was no object");
	closep(&m->fds[--m->n_fds]);
	m->doc = doc;
	return 0;
}

int ipc_send_error(int sock, const struct error *what, struct error *e)
{
	_buf_ m = BUF_INIT;
	_buf_ inner = BUF_INIT;

	ipc_begin(&inner);
	ipc_add_int(&inner, "code", what->code);
	ipc_add_bool(&inner, "transient", what->transient);
	if (what->denied)
		ipc_add_bool(&inner, "denied", true);
	ipc_add_str(&inner, "message", what->msg);
	ipc_end(&inner);
	ipc_begin(&m);
	ipc_add(&m, "error", buf_str(&inner));
	ipc_end(&m);
	return ipc_send(sock, &m, NULL, 0, e);
}

static void take_fds(struct msghdr *h, struct ipc_message *ret)
{
	for (struct cmsghdr *m = CMSG_FIRSTHDR(h); m; m = CMSG_NXTHDR(h, m)) {
		size_t n = (m->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (m->cmsg_level != SOL_SOCKET || m->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(m) + i * sizeof(int), sizeof fd);
			if (ret->n_fds < IPC_FDS)
				ret->fds[ret->n_fds++] = fd;
			else
				close(fd);
		}
	}
}

/* 1: there is something to read. */
static int wait_readable(int sock, int64_t timeout_ms, struct error *e)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };
	int n;

	/* A signal begins the wait anew: it is bounded by what sends signals to us. */
	do {
		n = poll(&p, 1, timeout_ms < 0 ? -1 : (int)MIN(timeout_ms, INT32_MAX));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_errno(e, errno, "cannot wait for a message");
	if (n == 0)
		return error_set(e, ERR_NETWORK, "no answer within %" PRId64 " ms", timeout_ms);
	return 1;
}

int ipc_receive(int sock, int64_t timeout_ms, struct ipc_message *ret, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	_buf_ text = BUF_INIT;
	struct iovec v = { buf_reserve(&text, IPC_MAX), IPC_MAX };
	union control c;
	struct msghdr h = {
		.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = c.bytes,
		.msg_controllen = sizeof c.bytes,
	};
	struct node *doc;
	ssize_t n;
	int r;

	r = wait_readable(sock, timeout_ms, e);
	if (r < 0)
		return r;
	do {
		n = recvmsg(sock, &h, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return IPC_CLOSED;
	if (n < 0)
		return error_errno(e, errno, "cannot receive a message");
	take_fds(&h, &m);
	if (h.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		return error_set(e, ERR_FAILED, "a message was too long");
	m.arena = arena_new();
	r = json_parse(&doc, m.arena, "message", text.data, (size_t)n, e);
	if (r < 0)
		return r;
	if (doc->kind != NODE_MAP)
		return error_set(e, ERR_FAILED, "a message was no object");
	m.doc = doc;
	*ret = m;
	m = (struct ipc_message)IPC_MESSAGE_INIT;
	return 0;
}

int ipc_check(const struct ipc_message *m, struct error *e)
{
	const struct node *error = node_get(m->doc, "error");
	const char *text = node_str(node_get(error, "message"));
	bool transient = false;
	int64_t code = ERR_FAILED;

	if (!error)
		return 0;
	/* Checked: it comes from another process. */
	if (!node_is_int(node_get(error, "code"), &code) || code < 1 || code > 255)
		code = ERR_FAILED;
	(void)node_is_bool(node_get(error, "transient"), &transient);
	error_set(e, (int)code, "%s", text ? text : "it failed and gave no reason");
	e->transient = transient;
	(void)node_is_bool(node_get(error, "denied"), &e->denied);
	return -e->code;
}

int ipc_answer(int sock, int64_t timeout_ms, struct ipc_message *ret, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	int r = ipc_receive(sock, timeout_ms, &m, e);

	if (r < 0)
		return r;
	if (r == IPC_CLOSED)
		return error_set(e, ERR_NETWORK, "it ended before it had answered");
	r = ipc_check(&m, e);
	if (r < 0)
		return r;
	*ret = m;
	m = (struct ipc_message)IPC_MESSAGE_INIT;
	return 0;
}

int ipc_memfd(const void *data, size_t len)
{
	_close_ int fd = memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0)
		return -errno;
	r = fd_write_at(fd, data, len, 0);
	if (r < 0)
		return r;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int ipc_read_fd(int fd, size_t max, struct buf *ret)
{
	/* A pipe has no beginning to go to. */
	if (lseek(fd, 0, SEEK_SET) < 0 && errno != ESPIPE)
		return -errno;
	return fd_read(fd, max, ret);
}
