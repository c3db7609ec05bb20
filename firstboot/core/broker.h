/*
 * The conductor's side of the broker, which alone may run docker and what needs root. One connection
 * a call; the vocabulary is in broker/ops.c and in docs/ARCHITECTURE.md.
 */
#pragma once

#include "base.h"

struct agent;
struct buf;
struct error;
struct ipc_message;

/*
 * Asks and waits. request: built with ipc_begin_op() … ipc_end(). fds are borrowed. No broker, or
 * one that died, is transient.
 */
int broker_call(const struct agent *a, const struct buf *request, const int *fds, size_t n_fds,
	int64_t timeout_ms, struct ipc_message *ret, struct error *e);
/* The same for requests without arguments. ret may be NULL. */
int broker_simple(const struct agent *a, const char *op, int64_t timeout_ms,
	struct ipc_message *ret, struct error *e);

/*
 * For operations that answer twice (pg-dump: first a pipe, then how it ended): the connection stays
 * open after the first answer. Returns the socket, to be closed by the caller; the next answer is
 * got with ipc_answer().
 */
int broker_open(const struct agent *a, const struct buf *request, const int *fds, size_t n_fds,
	int *ret_sock, struct error *e);
