/*
 * The two roles that reach the application's repository. The tip role asks what the branch points to: it has
 * the network and no files, and is all that most runs need. The git role has the repository and the releases,
 * and libgit2, which is loaded before it is confined.
 */
#include "role.h"

#include "agent.h"
#include "arena.h"
#include "buf.h"
#include "confine.h"
#include "crypt.h"
#include "error.h"
#include "ipc.h"
#include "json.h"
#include "lookup.h"
#include "node.h"
#include "remote.h"
#include "store.h"

#include <errno.h>
#include <string.h>

#define CREDENTIAL_MAX (64 * KIB)

/* Where certificates are: the list itself is a directory of links into the other two. */
#define CERTIFICATES                                                                               \
	"/etc/ssl", "/usr/lib/ssl", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates"

/* Which credential to use from now on: the role was started before the handoff was opened. */
static int take_credential(struct remote *r, struct ipc_message *q, struct error *e)
{
	struct error quoting = { 0 }; /* the parser's words could quote the secret */
	_buf_ text = BUF_INIT;
	struct node *doc = NULL;
	int n = q->n_fds == 1 ? ipc_read_fd(q->fds[0], CREDENTIAL_MAX, &text) : -EINVAL;

	if (n >= 0)
		n = json_parse(&doc, q->arena, "credential", buf_str(&text), text.len, &quoting);
	if (text.data)
		crypt_wipe(text.data, text.len);
	if (n < 0)
		return error_set(e, ERR_FAILED, "the repository's credential cannot be read");
	remote_set_credential(r, doc);
	return 0;
}

static bool is_credential(const struct ipc_message *q)
{
	const char *op = node_str(node_get(q->doc, "op"));

	return op && strcmp(op, "credential") == 0;
}

static int enter_tip(const struct agent *a, void **ret_state, struct error *e)
{
	static const char *const read[] = { CERTIFICATES, NULL };
	struct remote *remote;
	int r = lookup_start(e);

	if (r >= 0)
		r = remote_new(&remote, a, e);
	if (r < 0)
		return r;
	*ret_state = remote;
	return confine_enter(CONFINE_NET, &(struct confine_files){ .read = read }, e);
}

static int handle_tip(void *state, struct ipc_message *q, struct role_reply *reply, struct error *e)
{
	const char *op = node_str(node_get(q->doc, "op"));
	char tip[REPO_SHA];
	int r;

	if (is_credential(q))
		return take_credential(state, q, e);
	if (!op || strcmp(op, "check") != 0)
		return error_set(e, ERR_FAILED, "the tip process does not know '%s'", op ? op : "");
	r = remote_tip(state, tip, e);
	if (r < 0)
		return r;
	ipc_begin(reply->json);
	ipc_add_str(reply->json, "tip", tip);
	ipc_end(reply->json);
	return 0;
}

const struct role_type role_tip = { "tip", enter_tip, handle_tip };

static int enter_git(const struct agent *a, void **ret_state, struct error *e)
{
	static const char *const read[] = { CERTIFICATES, NULL };
	struct store *store;
	int r = lookup_start(e);

	if (r >= 0)
		r = store_new(&store, a, e);
	if (r < 0)
		return r;
	*ret_state = store;
	return confine_enter(CONFINE_GIT,
		&(struct confine_files){ .read = read, .write = store_directories(store) }, e);
}

static int handle_git(void *state, struct ipc_message *q, struct role_reply *reply, struct error *e)
{
	return is_credential(q) ? take_credential(store_remote(state), q, e)
				: store_handle(state, q, reply, e);
}

const struct role_type role_git = { "git", enter_git, handle_git };
