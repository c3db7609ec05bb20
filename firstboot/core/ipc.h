/*
 * Messages between the agent's processes: one JSON object a message on a SOCK_SEQPACKET socket, with
 * up to IPC_FDS descriptors beside it. What is large (a document, a dump) goes through a descriptor.
 * Both sides mistrust the other: sizes are bounded, JSON is strict, what is not expected is an error.
 */
#pragma once

#include "base.h"

struct arena;
struct buf;
struct error;
struct node;

#define IPC_MAX	     (64 * KIB) /* of a message; well below the kernel's 208 KiB for a socket's buffer */
#define IPC_FDS	     4
#define IPC_LONG_MAX (4 * MIB) /* of a message that goes as a file */

#define IPC_CLOSED 1 /* the other side has closed */

struct ipc_message {
	struct arena *arena;
	const struct node *doc; /* a map; lives in the arena */
	int fds[IPC_FDS];	/* owned; take one with TAKE_FD */
	size_t n_fds;
};
#define IPC_MESSAGE_INIT                                                                           \
	{                                                                                          \
		.fds = { -1, -1, -1, -1 }                                                          \
	}
void ipc_message_free(struct ipc_message *m); /* leaves IPC_MESSAGE_INIT; for _cleanup_ */

/* A connected pair, close-on-exec. 0 or -errno. */
int ipc_pair(int ret[2]);

/*
 * Building a message: begin, add, end. Keys are ours and need no escaping; values may be anything
 * (bytes that are not UTF-8 become U+FFFD). ipc_add() takes a value that is JSON already.
 */
void ipc_begin(struct buf *m);
void ipc_begin_op(struct buf *m, const char *op); /* with "op" as its first member */
void ipc_add(struct buf *m, const char *key, const char *json);
void ipc_add_str(struct buf *m, const char *key, const char *value); /* NULL: null */
void ipc_add_int(struct buf *m, const char *key, int64_t value);
void ipc_add_bool(struct buf *m, const char *key, bool value);
void ipc_add_strs(struct buf *m, const char *key, const char *const *values); /* NULL-terminated */
void ipc_end(struct buf *m);

/* Sends a finished message. fds are borrowed. ERR_FAILED when the other side is gone. */
int ipc_send(int sock, const struct buf *m, const int *fds, size_t n_fds, struct error *e);
/*
 * The same for an answer that may be longer than IPC_MAX: then it goes as a file, the last of the descriptors, and
 * ipc_whole() makes it one message again.
 */
int ipc_send_long(int sock, const struct buf *m, const int *fds, size_t n_fds, struct error *e);
int ipc_whole(struct ipc_message *m, struct error *e);

/* Sends an error in place of an answer: {"error": {"code", "transient", "message"}}. */
int ipc_send_error(int sock, const struct error *what, struct error *e);

/*
 * Waits for a message, at most timeout_ms (negative: for ever). 0, or IPC_CLOSED. A timeout is
 * ERR_NETWORK. A message {"error": …} is given as it is: ipc_answer() turns it into an error.
 */
int ipc_receive(int sock, int64_t timeout_ms, struct ipc_message *ret, struct error *e);

/* 0, or the error that an answer is. */
int ipc_check(const struct ipc_message *m, struct error *e);

/* ipc_receive() for who waits for an answer: closed and {"error": …} become errors. */
int ipc_answer(int sock, int64_t timeout_ms, struct ipc_message *ret, struct error *e);

/* A sealed memory file that holds these bytes, at offset 0. The fd, or -errno. */
int ipc_memfd(const void *data, size_t len);
/* Appends what a passed fd holds, at most max bytes, from its beginning. 0 or -errno. */
int ipc_read_fd(int fd, size_t max, struct buf *ret);
