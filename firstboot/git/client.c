/* See client.h. Each call is one message to the git role (the check: to the tip role) and one back. */
#include "client.h"

#include "agent.h"
#include "arena.h"
#include "buf.h"
#include "credentials.h"
#include "crypt.h"
#include "error.h"
#include "ipc.h"
#include "node.h"
#include "role.h"

#include <string.h>

/*
 * How long the roles may take. The check: name, connection, one answer, each with limits of their own in
 * wire.h. The rest may have to fetch anew, when the repository turns out to be damaged.
 */
#define CHECK_MS 60000
#define FETCH_MS (INT64_C(10) * 60000)
#define LOCAL_MS (INT64_C(10) * 60000)

static int call(struct agent *a, const struct buf *q, int64_t deadline, struct ipc_message *ret,
	struct error *e)
{
	return a->git ? role_call(a->git, q, NULL, 0, deadline, ret, e)
		      : error_set(e, ERR_FAILED, "this command has no repository");
}

static int call_sha(
	struct agent *a, const char *op, const char *sha, struct ipc_message *ret, struct error *e)
{
	_buf_ q = BUF_INIT;

	ipc_begin_op(&q, op);
	ipc_add_str(&q, "sha", sha);
	ipc_end(&q);
	return call(a, &q, LOCAL_MS, ret, e);
}

static int read_sha(
	const struct ipc_message *m, const char *key, char ret[REPO_SHA], struct error *e)
{
	const char *sha = node_str(node_get(m->doc, key));

	if (!sha || strlen(sha) != REPO_SHA - 1)
		return error_set(e, ERR_FAILED, "the git process gave no answer that can be read");
	memcpy(ret, sha, REPO_SHA);
	return 0;
}

static int read_int(
	const struct ipc_message *m, const char *key, int max, int *ret, struct error *e)
{
	int64_t n;

	if (!node_is_int(node_get(m->doc, key), &n) || n < 0 || n > max)
		return error_set(e, ERR_FAILED, "the git process gave no answer that can be read");
	*ret = (int)n;
	return 0;
}

static const char *read_text(const struct ipc_message *m, const char *key, struct arena *arena)
{
	const char *s = node_str(node_get(m->doc, key));

	return arena_strdup(arena, s ? s : "");
}

int repo_use_credential(struct agent *a, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct role *const roles[] = { a->tip, a->git };
	const struct node *doc = NULL;
	_buf_ text = BUF_INIT;
	_buf_ q = BUF_INIT;
	_close_ int fd = -1;
	int r = credential_read(a, "git", arena, &doc, e);

	if (r != 0)
		return MIN(r, 0);
	node_write_json(doc, 0, &text);
	fd = ipc_memfd(buf_str(&text), text.len);
	crypt_wipe(text.data, text.len);
	if (fd < 0)
		return error_errno(e, fd, "cannot hand over the repository's credential");
	ipc_begin_op(&q, "credential");
	ipc_end(&q);
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(roles); i++) {
		_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;

		if (roles[i])
			r = role_call(roles[i], &q, &fd, 1, LOCAL_MS, &m, e);
	}
	return r;
}

int repo_check(struct agent *a, const char *known, char ret_tip[REPO_SHA], struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	_buf_ q = BUF_INIT;
	int r;

	if (!a->tip)
		return error_set(e, ERR_FAILED, "this command has no repository");
	ipc_begin_op(&q, "check");
	ipc_end(&q);
	r = role_call(a->tip, &q, NULL, 0, CHECK_MS, &m, e);
	if (r >= 0)
		r = read_sha(&m, "tip", ret_tip, e);
	if (r < 0)
		return r;
	return known && strcmp(known, ret_tip) == 0 ? REPO_UNCHANGED : 0;
}

int repo_fetch(struct agent *a, char ret_tip[REPO_SHA], struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	_buf_ q = BUF_INIT;
	int r;

	ipc_begin_op(&q, "fetch");
	ipc_end(&q);
	r = call(a, &q, FETCH_MS, &m, e);
	return r < 0 ? r : read_sha(&m, "tip", ret_tip, e);
}

int repo_relation(
	struct agent *a, const char *old, const char *new, enum repo_relation *ret, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	_buf_ q = BUF_INIT;
	int r, n = 0;

	ipc_begin_op(&q, "relation");
	ipc_add_str(&q, "old", old);
	ipc_add_str(&q, "sha", new);
	ipc_end(&q);
	r = call(a, &q, LOCAL_MS, &m, e);
	if (r >= 0)
		r = read_int(&m, "relation", REPO_DIVERGED, &n, e);
	if (r < 0)
		return r;
	*ret = (enum repo_relation)n;
	return 0;
}

int repo_verify(struct agent *a, const char *sha, struct arena *arena, const char **ret_who,
	struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	int r = call_sha(a, "verify", sha, &m, e), n = 0;

	if (r >= 0)
		r = read_int(&m, "outcome", REPO_UNTRUSTED, &n, e);
	if (r < 0)
		return r;
	*ret_who = read_text(&m, "who", arena);
	return n;
}

int repo_describe(struct agent *a, const char *sha, struct arena *arena, struct repo_commit *ret,
	struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	int r = call_sha(a, "describe", sha, &m, e);

	if (r < 0)
		return r;
	ret->subject = read_text(&m, "subject", arena);
	ret->author = read_text(&m, "author", arena);
	ret->time = 0;
	(void)node_is_int(node_get(m.doc, "time"), &ret->time);
	return 0;
}

int repo_write_release(struct agent *a, const char *sha, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;

	return call_sha(a, "write", sha, &m, e);
}

int repo_mark_good(struct agent *a, const char *sha, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;

	return call_sha(a, "good", sha, &m, e);
}

int repo_gc(struct agent *a, const char *const *keep, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	_buf_ q = BUF_INIT;

	ipc_begin_op(&q, "gc");
	ipc_add_strs(&q, "keep", keep);
	ipc_end(&q);
	return call(a, &q, LOCAL_MS, &m, e);
}
