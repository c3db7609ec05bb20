/*
 * The broker's words. An operation is a row: its name, the table its arguments are read by, how long it
 * may take, what it does. It runs as root in a process of its own, forked for this one request; whoever
 * asks is not trusted: what is run is built here, from arguments whose shape was checked.
 */
#pragma once

#include "base.h"
#include "ipc.h"

struct buf;
struct error;
struct field;
struct node;

struct broker {
	const char *root;     /* before all paths of the system; "" but in tests */
	const char *state;    /* /var/lib/kbuild-broker, root's alone */
	const char *agent;    /* /var/lib/kbuild, the agent's: nothing in it is trusted */
	const char *programs; /* instead of the table of programs; NULL but in tests */
};

struct call {
	const struct broker *b;
	const struct op *op;
	const void *args;      /* what op->fields read */
	struct ipc_message *q; /* the request with its descriptors */
	struct ipc_reply {
		struct buf *json; /* begun; the operation adds members to it */
		int fds[IPC_FDS]; /* owned */
		size_t n_fds;
	} reply;
	int sock; /* for operations that answer twice, call_reply() */
};

struct op {
	const char *name;
	const struct field *fields; /* ended by {}; a row "op" is needed in none */
	size_t args_size;	    /* of what they fill, zeroed before */
	size_t n_fds;		    /* how many descriptors come with it, at most */
	unsigned flags;
	unsigned timeout; /* seconds, after which its process is killed; up may be told others */
	int (*run)(struct call *c, struct error *e);
};

enum op_flags {
	OP_CHANGES = 1, /* one at a time: it holds the broker's lock */
};

#define OP_ARGS_MAX 512

/* All of them, in groups; each group ended by {}. */
extern const struct op ops_state[], ops_system[], ops_volume[], ops_docker[], ops_image[],
	ops_compose[], ops_postgres[], ops_files[], ops_files_back[], ops_handoff[];

/* NULL when there is none. For tests: op_at(i) is NULL after the last. */
const struct op *op_find(const char *name);
const struct op *op_at(size_t i);

/*
 * Checks a request and does it: arguments by the operation's table (ERR_USAGE says which is wrong), the
 * lock, the run. ret_done: an operation that has answered by itself.
 */
int op_run(struct call *c, struct error *e);
/* The part that looks at what was sent and does nothing yet: finds c->op, fills args. */
int op_read(struct call *c, void *args, struct error *e);

/* Sends the reply begun in c->reply; op_run()'s caller does that for those that do not. */
int call_reply(struct call *c, struct error *e);
/* Gives an fd with the reply (owned by it). */
void call_give(struct call *c, int fd);
/* The i-th descriptor that came with the request, or -1. Borrowed. */
int call_fd(const struct call *c, size_t i);

/* The broker's loop: serves the listening socket until it was idle. 0, or what ended it. */
int broker_serve(const struct broker *b, int listen_fd, int64_t allow_uid, struct error *e);
