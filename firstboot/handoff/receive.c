/* See receive.h. What the conductor reads here was written by strangers, perhaps: see handoff.h. */
#include "receive.h"

#include "age.h"
#include "agent.h"
#include "arena.h"
#include "broker.h"
#include "buf.h"
#include "credentials.h"
#include "crypt.h"
#include "error.h"
#include "handoff.h"
#include "ipc.h"
#include "json.h"
#include "mark.h"
#include "node.h"
#include "operator_secrets.h"
#include "self.h"
#include "state.h"

#include <inttypes.h>
#include <string.h>

#define BROKER_MS     30000
#define IMAGE_KEY_MAX (4 * KIB)

static const struct mark here = { .file = "handoff" };

/* The bytes behind the descriptor of an answer; *ret_none when there was none in it. */
static int ask_bytes(const struct agent *a, const char *op, size_t max, struct buf *ret,
	bool *ret_none, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message answer = IPC_MESSAGE_INIT;
	int r = broker_simple(a, op, BROKER_MS, &answer, e);

	if (r < 0)
		return r;
	*ret_none = answer.n_fds == 0;
	if (*ret_none)
		return 0;
	r = ipc_read_fd(answer.fds[0], max, ret);
	return r < 0 ? error_errno(e, r, "reading the answer to %s", op) : 0;
}

static int read_key(const struct agent *a, struct age_identity *ret, struct error *e)
{
	_buf_ text = BUF_INIT;
	bool none = false;
	size_t n;
	int r = ask_bytes(a, "image-key", IMAGE_KEY_MAX, &text, &none, e);

	if (r == 0 && none)
		r = error_set(e, ERR_INVALID, "this image has no key to open the handoff with");
	if (r == 0)
		r = age_identities_parse("the image's key", buf_str(&text), ret, 1, &n, e);
	if (text.data)
		crypt_wipe(text.data, text.len);
	return r;
}

static int open_sealed(const struct agent *a, const struct handoff *h, struct arena *arena,
	struct node **ret, struct error *e)
{
	_cleanup_(age_identity_wipe) struct age_identity id = {};
	int r = h->sealed ? read_key(a, &id, e) : 0;

	if (r == 0)
		r = handoff_open(h, &id, arena, ret, e);
	return r < 0 ? error_prefix(e, "opening the handoff") : 0;
}

/*
 * Every part becomes a credential, those that did not come along included: a second launch with fewer
 * secrets must not leave old ones behind.
 */
static int store_parts(struct agent *a, const struct node *doc, struct arena *arena,
	struct received *ret, struct error *e)
{
	struct node *handed = node_map(arena, &here);
	const char **parts = arena_alloc(arena, 8 * sizeof *parts);
	size_t n = 0;

	for (const struct operator_part *p = operator_parts; p->key; p++) {
		struct node *part = node_get(doc, p->key);
		int r;

		if (part)
			parts[n++] = p->credential;
		else
			part = node_map(arena, &here);
		r = credential_store(a, p->credential, part, e);
		if (r < 0)
			return r;
		node_set(arena, handed, &here, p->credential, part);
	}
	ret->parts = parts;
	a->handed = handed;
	return 0;
}

static int remember(const struct agent *a, const struct received *got, struct error *e)
{
	_buf_ text = BUF_INIT;

	buf_adds(&text, "{\"v\":1,\"server\":");
	json_write_string(&text, got->server, strlen(got->server));
	buf_printf(&text, ",\"launched\":%" PRId64 ",\"parts\":[", got->launched);
	for (size_t i = 0; got->parts[i]; i++)
		buf_printf(&text, "%s\"%s\"", i ? "," : "", got->parts[i]);
	buf_adds(&text, "]}\n");
	return state_write(a, HANDOFF_STATE, &text, e);
}

int handoff_receive(struct agent *a, struct arena *arena, struct received *ret, struct error *e)
{
	struct node *doc = NULL;
	_buf_ text = BUF_INIT;
	struct received got = {};
	struct handoff h;
	bool none = false;
	int r = ask_bytes(a, "handoff-take", HANDOFF_SIZE_MAX, &text, &none, e);

	if (r < 0)
		return r;
	if (none) {
		r = broker_simple(a, "handoff-forget", BROKER_MS, NULL, e);
		return r < 0 ? r : RECEIVE_NOTHING;
	}
	r = handoff_read(&h, arena, buf_str(&text), text.len, e);
	if (r == 0)
		r = open_sealed(a, &h, arena, &doc, e);
	if (r < 0)
		return r;
	got.server = h.server;
	got.launched = h.launched;
	r = store_parts(a, doc, arena, &got, e);
	if (r == 0)
		r = remember(a, &got, e);
	if (r == 0)
		r = broker_simple(a, "handoff-forget", BROKER_MS, NULL, e);
	if (r < 0)
		return r;
	*ret = got;
	return 0;
}
