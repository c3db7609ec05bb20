/*
 * Writing and reading the handoff; see handoff.h. The reader trusts nothing: anybody who may set
 * user-data may have written it. What is sealed proves no origin either, so it is checked as a stranger's.
 */
#include "handoff.h"

#include "age.h"
#include "arena.h"
#include "base64.h"
#include "buf.h"
#include "crypt.h"
#include "error.h"
#include "json.h"
#include "mark.h"
#include "node.h"
#include "operator_secrets.h"
#include "schema.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define VERSION	   1
#define SERVER_MAX 64 /* of a server's name */

/* Every value is text: a password of 0123 must not come out as the number 83. */
static void all_text(struct node *n)
{
	n->quoted = true;
	for (size_t i = 0; n->kind != NODE_SCALAR && i < n->n; i++)
		all_text(n->items[i]);
}

static int write_sealed(const struct handoff_intent *q, struct buf *out, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_buf_ plain = BUF_INIT, sealed = BUF_INIT;
	struct node *secrets;
	struct age_recipient to;
	int r;

	if (!q->recipient || !age_recipient_parse(q->recipient, &to))
		return error_set(e, ERR_INVALID,
			"the image has no key to seal secrets to; build it again with this kbuild");
	secrets = node_map(a, &q->secrets->at);
	for (size_t i = 0; i < q->secrets->n; i++) {
		/* A part that is empty ("alert:") is none. */
		if (!node_is_null(q->secrets->items[i]))
			node_set(a, secrets, &q->secrets->at, q->secrets->keys[i]->str,
				node_copy(a, q->secrets->items[i]));
	}
	all_text(secrets);
	node_write_json(secrets, 0, &plain);
	r = age_seal(&to, 1, plain.data, plain.len, &sealed, e);
	crypt_wipe(plain.data, plain.len);
	if (r < 0)
		return r;
	buf_adds(out, ",\"sealed\":\"");
	base64_encode(sealed.data, sealed.len, out);
	buf_addc(out, '"');
	return 0;
}

int handoff_write(const struct handoff_intent *q, struct buf *out, struct error *e)
{
	_buf_ text = BUF_INIT;
	int r = 0;

	buf_printf(&text, "{\"v\":%d,\"server\":", VERSION);
	json_write_string(&text, q->server, strlen(q->server));
	buf_printf(&text, ",\"launched\":%" PRId64, q->launched);
	if (operator_secrets_any(q->secrets))
		r = write_sealed(q, &text, e);
	if (r < 0)
		return r;
	buf_addc(&text, '}');
	if (text.len > HANDOFF_SIZE_MAX)
		return error_set(e, ERR_INVALID,
			"the secrets take %zu bytes when sealed, and user-data has room for %llu; give the server fewer or shorter ones",
			text.len, (unsigned long long)HANDOFF_SIZE_MAX);
	buf_add(out, text.data, text.len);
	return 0;
}

/* What a table found wrong with it, as one error: there is no source line worth a caret. */
static int first_complaint(const struct diags *d, const char *what, struct error *e)
{
	if (d->errors == 0)
		return 0;
	return error_set(e, ERR_INVALID, "%s: %s", what, d->n > 0 ? d->v[0].message : "wrong");
}

static const int64_t versions[] = { VERSION, VERSION };

struct document {
	int64_t version, launched;
	const char *server, *sealed;
};

static const struct field fields[] = {
	{ "v", field_int, offsetof(struct document, version), FIELD_REQUIRED, versions },
	{ "server", field_string, offsetof(struct document, server), FIELD_REQUIRED },
	{ "launched", field_int, offsetof(struct document, launched), FIELD_REQUIRED },
	{ "sealed", field_string, offsetof(struct document, sealed) },
	{},
};

/* It goes into lines of status and log: nothing but what a name is made of. */
static bool server_valid(const char *name)
{
	return strlen(name) <= SERVER_MAX &&
	       name[strspn(name,
		       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")] ==
		       '\0';
}

static int take_sealed(struct handoff *ret, struct arena *a, const char *text, struct error *e)
{
	_buf_ sealed = BUF_INIT;
	char *copy;

	if (!base64_decode(text, strlen(text), &sealed) || sealed.len == 0)
		return error_set(e, ERR_INVALID, "the handoff: 'sealed' is not base64");
	copy = arena_alloc(a, sealed.len);
	memcpy(copy, sealed.data, sealed.len);
	ret->sealed = copy;
	ret->sealed_len = sealed.len;
	return 0;
}

int handoff_read(
	struct handoff *ret, struct arena *a, const char *text, size_t len, struct error *e)
{
	_cleanup_(diags_free) struct diags d = DIAGS_INIT;
	const struct schema s = { .arena = a, .diags = &d };
	struct document doc = {};
	struct node *root;
	int r;

	if (len > HANDOFF_SIZE_MAX)
		return error_set(e, ERR_INVALID, "the handoff is larger than %llu bytes",
			(unsigned long long)HANDOFF_SIZE_MAX);
	r = json_parse(&root, a, "the handoff", text, len, e);
	if (r < 0)
		return r;
	schema_read(&s, root, fields, &doc);
	r = first_complaint(&d, "the handoff", e);
	if (r < 0)
		return r;
	if (!server_valid(doc.server))
		return error_set(e, ERR_INVALID, "the handoff: 'server' is no name");
	*ret = (struct handoff){ .server = doc.server, .launched = doc.launched };
	return doc.sealed ? take_sealed(ret, a, doc.sealed, e) : 0;
}

int handoff_open(const struct handoff *h, const struct age_identity *id, struct arena *a,
	struct node **ret, struct error *e)
{
	static const struct mark at = { .file = "the sealed secrets" };
	_cleanup_(diags_free) struct diags d = DIAGS_INIT;
	_buf_ plain = BUF_INIT;
	struct node *doc = node_map(a, &at);
	struct error ignored = {};
	int r = 0;

	if (h->sealed) {
		r = age_open(id, 1, h->sealed, h->sealed_len, &plain, e);
		if (r < 0)
			return error_prefix(e, "%s", at.file);
		/* The parser's own message would quote what it stumbled over. */
		if (json_parse(&doc, a, at.file, buf_str(&plain), plain.len, &ignored) < 0)
			r = error_set(e, ERR_INVALID, "%s: not JSON", at.file);
		if (plain.data)
			crypt_wipe(plain.data, plain.len);
		if (r < 0)
			return r;
		operator_secrets_check(a, doc, &d);
	}
	r = first_complaint(&d, at.file, e);
	if (r < 0)
		return r;
	*ret = doc;
	return 0;
}
