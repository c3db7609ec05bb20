/*
 * Roles: helpers of one verb, each a forked process with the rights of its kind and no more. They are
 * forked before the conductor confines itself, answer one request at a time, and end with it.
 *
 *   net     the only one with the network: HTTP, mail, DNS queries; no files, no exec
 *   tip     asks the git server what the branch points to: the network; no files, no exec
 *   git     libgit2: the network and its own two directories; no exec
 *   parse   foreign documents: neither network nor files
 *   resolve name lookups for net and git (started by them)
 */
#pragma once

#include "base.h"

struct agent;
struct buf;
struct error;
struct ipc_message;
struct role;

/* What a request is answered with: a finished message, and descriptors (owned by the reply). */
struct role_reply {
	struct buf *json; /* empty: {} */
	int fds[4];
	size_t n_fds;
};

struct role_type {
	const char *name; /* "net": also its process's name */
	/*
	 * Once, in the child, when the first request is there and before it is read: opens what it needs,
	 * then confines itself. A role that is never asked costs a fork.
	 */
	int (*enter)(const struct agent *a, void **ret_state, struct error *e);
	/* One request; a failure is sent to the conductor as an error, and the role goes on. */
	int (*handle)(
		void *state, struct ipc_message *q, struct role_reply *reply, struct error *e);
};

extern const struct role_type role_net, role_tip, role_git, role_parse;

/* Forks. Returns new. To be called before anything of the conductor is confined or threaded. */
int role_start(
	struct role **ret, const struct role_type *type, const struct agent *a, struct error *e);
/* Ends it (at once when it does not end by itself) and waits. NULL is fine. */
void role_stop(struct role *r);
DEFINE_CLEANUP(struct role *, role_stop);

/* Whether it is: then nothing more can be asked of it in this run, which says nothing of what was asked for. */
bool role_is_gone(const struct role *r);

/*
 * Asks and waits for the answer. After a timeout (ERR_NETWORK) or its death the role is gone, and
 * every later call fails; the next run of the verb starts a new one. fds are borrowed.
 */
int role_call(struct role *r, const struct buf *request, const int *fds, size_t n_fds,
	int64_t timeout_ms, struct ipc_message *ret, struct error *e);
