/*
 * Signing in, the same for all registries: /v2/ is asked for, and what it answers says how. Tokens are for
 * one repository and some minutes; where nobody gave credentials, an anonymous one is asked for likewise.
 */
#include "alloc.h"
#include "arena.h"
#include "base64.h"
#include "buf.h"
#include "challenge.h"
#include "clock.h"
#include "crypt.h"
#include "error.h"
#include "image_ref.h"
#include "json.h"
#include "node.h"
#include "registry_parts.h"
#include "reply.h"

#include <string.h>
#include <strings.h>

#define TOKEN_MAX (64 * KIB)
#define LIFE_S	  60 /* what is meant when nothing is said, and the least that there is */
#define MARGIN_S  15 /* before its end it is made anew */

static void wipe(struct buf *b)
{
	if (b->data)
		crypt_wipe(b->data, b->cap);
	buf_free(b);
}

#define _secret_ _cleanup_(wipe) struct buf

static void forget(struct grant *g)
{
	if (g->authorization)
		crypt_wipe(g->authorization, strlen(g->authorization));
	free(g->authorization);
	g->authorization = NULL;
}

void grants_free(struct grant *g)
{
	while (g) {
		struct grant *next = g->next;

		forget(g);
		free(g->host);
		free(g->repository);
		free(g);
		g = next;
	}
}

static void basic(const struct node *credentials, struct buf *out)
{
	_secret_ pair = BUF_INIT;

	buf_printf(&pair, "%s:%s", node_str(node_get(credentials, "user")),
		node_str(node_get(credentials, "password")));
	buf_adds(out, "Basic ");
	base64_encode(pair.data, pair.len, out);
}

static void add_escaped(struct buf *out, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (strchr("-._~/:", *p) || (*p >= '0' && *p <= '9') ||
			((*p | 32) >= 'a' && (*p | 32) <= 'z'))
			buf_addc(out, (char)*p);
		else
			buf_printf(out, "%%%02X", *p);
	}
}

struct token {
	const char *token, *access_token; /* two names of one thing */
	int64_t expires_in;
};
static const struct field token_fields[] = {
	{ "token", field_string, offsetof(struct token, token) },
	{ "access_token", field_string, offsetof(struct token, access_token) },
	{ "expires_in", reply_number, offsetof(struct token, expires_in) },
	{},
};

/* Header values are one line; a token that is none would add headers of its own. */
static bool token_good(const char *t)
{
	for (; t && *t; t++) {
		if (*t <= ' ' || *t > '~')
			return false;
	}
	return t != NULL;
}

static int read_token(
	struct registry *r, const struct http_response *answer, struct grant *g, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct token t = {};
	struct node *doc;
	int k = json_parse(&doc, a, "its answer", buf_str(&answer->body), answer->body.len, e);

	if (k == 0)
		k = reply_read(doc, "token", token_fields, &t, a, e);
	if (k < 0)
		return k;
	if (!t.token)
		t.token = t.access_token;
	if (!token_good(t.token))
		return error_set(e, ERR_NETWORK, "it gives no token that could be used");
	g->authorization = xasprintf("Bearer %s", t.token);
	g->until_ms = clock_now_ms(r->seams.clock) +
		      1000 * (MAX(MIN(t.expires_in, 86400), LIFE_S) - MARGIN_S);
	crypt_wipe((char *)answer->body.data, answer->body.len);
	return 0;
}

static char *token_url(const struct challenge *c, const struct image_ref *ref)
{
	_buf_ url = BUF_INIT;

	buf_printf(&url, "%s%cservice=", c->realm, strchr(c->realm, '?') ? '&' : '?');
	add_escaped(&url, c->service ? c->service : ref->host);
	buf_printf(&url, "&scope=repository:%s:pull", ref->repository);
	return buf_detach(&url);
}

static int ask_token(struct registry *r, const struct image_ref *ref, const struct challenge *c,
	struct grant *g, struct error *e)
{
	_cleanup_(http_response_free) struct http_response answer = HTTP_RESPONSE_INIT;
	const struct node *credentials = registry_credentials(r, ref);
	_free_ char *url = token_url(c, ref);
	_secret_ authorization = BUF_INIT;
	struct http_header headers[2] = {};
	struct http_request q = {
		.method = "GET", .url = url, .headers = headers, .max = TOKEN_MAX
	};
	int k;

	/* The registry says where; what is sent there is a password. */
	if (strncasecmp(url, "http", 4) != 0 || http_in_clear(url))
		return error_set(e, ERR_NETWORK,
			"%s sends who signs in to '%.200s', where others could read along",
			ref->registry, c->realm);
	if (credentials) {
		basic(credentials, &authorization);
		headers[0] = (struct http_header){ "Authorization", buf_str(&authorization) };
	}
	k = registry_get(r, &q, &answer, e);
	if (k < 0)
		return k;
	if (answer.status != 200)
		return registry_refused(r, ref, &answer, e);
	k = read_token(r, &answer, g, e);
	return k < 0 ? error_prefix(e, "signing in to %s", ref->registry) : 0;
}

static int sign_in(
	struct registry *r, const struct image_ref *ref, struct grant *g, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_(http_response_free) struct http_response answer = HTTP_RESPONSE_INIT;
	const struct http_request q = { .method = "GET",
		.url = arena_printf(a, "%s://%s/v2/", ref->loopback ? "http" : "https", ref->host),
		.max = TOKEN_MAX };
	struct challenge c = { .kind = CHALLENGE_NONE };
	_secret_ authorization = BUF_INIT;
	int k = registry_get(r, &q, &answer, e);

	if (k < 0)
		return k;
	if (answer.status == 200)
		return 0;
	for (size_t i = 0; answer.status == 401 && i < answer.n_headers; i++) {
		if (strcmp(answer.headers[i].name, "www-authenticate") == 0)
			challenge_parse(answer.headers[i].value, a, &c);
	}
	if (c.kind == CHALLENGE_BEARER)
		return ask_token(r, ref, &c, g, e);
	if (c.kind == CHALLENGE_NONE || !registry_credentials(r, ref))
		return registry_refused(r, ref, &answer, e);
	basic(registry_credentials(r, ref), &authorization);
	g->authorization = xstrdup(buf_str(&authorization));
	return 0;
}

int registry_grant(
	struct registry *r, const struct image_ref *ref, const struct grant **ret, struct error *e)
{
	struct grant *g = r->grants;
	int k = 0;

	while (g &&
		(strcmp(g->host, ref->host) != 0 || strcmp(g->repository, ref->repository) != 0))
		g = g->next;
	if (g && g->until_ms && clock_now_ms(r->seams.clock) >= g->until_ms)
		forget(g);
	else if (g) {
		*ret = g;
		return 0;
	}
	if (!g) {
		g = xcalloc(1, sizeof *g);
		g->host = xstrdup(ref->host);
		g->repository = xstrdup(ref->repository);
		g->next = r->grants;
		r->grants = g;
	}
	g->until_ms = 0;
	k = sign_in(r, ref, g, e);
	if (k < 0)
		g->until_ms = 1; /* long ago: the next who asks tries again */
	else
		*ret = g;
	return k;
}
