/* See ops.h: finding an operation, reading its arguments, running it under the lock. */
#include "ops.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "mark.h"
#include "node.h"
#include "schema.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>

static const struct op *const groups[] = {
	ops_system,
	ops_state,
	ops_volume,
	ops_handoff,
	ops_docker,
	ops_image,
	ops_compose,
	ops_postgres,
	ops_files,
	ops_files_back,
};

const struct op *op_at(size_t i)
{
	for (size_t g = 0; g < ARRAY_SIZE(groups); g++) {
		for (const struct op *o = groups[g]; o->name; o++) {
			if (i-- == 0)
				return o;
		}
	}
	return NULL;
}

const struct op *op_find(const char *name)
{
	const struct op *o;

	for (size_t i = 0; (o = op_at(i)); i++) {
		if (strcmp(o->name, name) == 0)
			return o;
	}
	return NULL;
}

/* The request without "op", which every one has. */
static const struct node *arguments(const struct ipc_message *q)
{
	struct node *copy = node_copy(q->arena, q->doc);

	node_remove(copy, "op");
	return copy;
}

int op_read(struct call *c, void *args, struct error *e)
{
	_cleanup_(diags_free) struct diags diags = DIAGS_INIT;
	const char *name = node_str(node_get(c->q->doc, "op"));
	const struct schema s = { c->q->arena, &diags, NULL };

	c->op = name ? op_find(name) : NULL;
	if (!c->op)
		return error_set(
			e, ERR_USAGE, "the broker has no operation '%s'", name ? name : "");
	memset(args, 0, OP_ARGS_MAX);
	schema_read(&s, arguments(c->q), c->op->fields, args);
	if (diags.n > 0)
		return error_set(e, ERR_USAGE, "%s: %s", name, diags.v[0].message);
	if (c->q->n_fds > c->op->n_fds)
		return error_set(
			e, ERR_USAGE, "%s: %zu descriptors are too many", name, c->q->n_fds);
	c->args = args;
	return 0;
}

/* Nothing else comes on this connection while a request is at work. */
static bool has_gone(int sock)
{
	char byte;

	return recv(sock, &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/*
 * Waits for who changes something now: their time is bounded by their own limits. Who asked may have given up by then,
 * and have done something else since: what he did not wait for is not begun.
 */
static int lock(const struct call *c, int *ret, struct error *e)
{
	const struct broker *b = c->b;
	_free_ char *path = xasprintf("%s/lock", b->state);
	_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return error_errno(e, errno, "cannot open %s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		while (flock(fd, LOCK_EX) < 0) {
			if (errno != EINTR)
				return error_errno(e, errno, "cannot lock %s", path);
		}
		if (has_gone(c->sock))
			return error_set(
				e, ERR_FAILED, "%s: nobody waits for it any more", c->op->name);
	}
	*ret = TAKE_FD(fd);
	return 0;
}

int op_run(struct call *c, struct error *e)
{
	char args[OP_ARGS_MAX] __attribute__((aligned(16)));
	_close_ int held = -1;
	int r = op_read(c, args, e);

	if (r >= 0 && (c->op->flags & OP_CHANGES))
		r = lock(c, &held, e);
	if (r < 0)
		return r;
	alarm(c->op->timeout);
	return c->op->run(c, e);
}

int call_reply(struct call *c, struct error *e)
{
	int r;

	ipc_end(c->reply.json);
	r = ipc_send_long(c->sock, c->reply.json, c->reply.fds, c->reply.n_fds, e);
	for (size_t i = 0; i < c->reply.n_fds; i++)
		closep(&c->reply.fds[i]);
	c->reply.n_fds = 0;
	ipc_begin(c->reply.json);
	return r;
}

void call_give(struct call *c, int fd)
{
	c->reply.fds[c->reply.n_fds++] = fd;
}

int call_fd(const struct call *c, size_t i)
{
	return i < c->q->n_fds ? c->q->fds[i] : -1;
}
