/* Signing in at Keystone: what is said, and what is made of the answer. */
#include "os_parts.h"

#include "alloc.h"
#include "arena.h"
#include "base64.h"
#include "buf.h"
#include "error.h"
#include "http.h"
#include "json.h"
#include "reply.h"

#include <string.h>
#include <time.h>

/* Of a token; one that says to live longer is made anew then. */
#define LIFE_MAX_S INT64_C(172800)
/* Fernet's have some 250 characters, those with a signed catalogue thousands. */
#define TOKEN_MAX 16384

static void wipe(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	buf_free(b);
}
#define _secret_ _cleanup_(wipe) struct buf

/* "key":"text", with a comma before it where one is due. */
static void put(struct buf *out, const char *key, const char *text)
{
	const char last = out->len ? out->data[out->len - 1] : '{';

	if (last != '{')
		buf_addc(out, ',');
	json_write_string(out, key, strlen(key));
	buf_addc(out, ':');
	json_write_string(out, text, strlen(text));
}

/* A domain by id or name; the one that is always there when nothing is said. */
static void put_domain(struct buf *out, const char *id, const char *name)
{
	buf_adds(out, ",\"domain\":{");
	if (os_given(id))
		put(out, "id", id);
	else if (os_given(name))
		put(out, "name", name);
	else
		put(out, "id", "default");
	buf_addc(out, '}');
}

/* The members of "user", without braces. */
static void put_user(struct buf *out, const struct os_access *k)
{
	if (os_given(k->user_id)) {
		put(out, "id", k->user_id);
		return;
	}
	put(out, "name", k->user_name);
	put_domain(out, k->user_domain_id, k->user_domain_name);
}

static void put_scope(struct buf *out, const struct os_access *k)
{
	buf_adds(out, ",\"scope\":{\"project\":{");
	if (os_given(k->project_id)) {
		put(out, "id", k->project_id);
	} else {
		const bool own = os_given(k->project_domain_id) || os_given(k->project_domain_name);

		put(out, "name", k->project_name);
		put_domain(out, own ? k->project_domain_id : k->user_domain_id,
			own ? k->project_domain_name : k->user_domain_name);
	}
	buf_adds(out, "}}");
}

static void put_token_way(struct buf *out, const struct os_access *k, const char *token)
{
	buf_adds(out, "{\"auth\":{\"identity\":{\"methods\":[\"token\"],\"token\":{");
	put(out, "id", token);
	buf_adds(out, "}}");
	put_scope(out, k);
	buf_adds(out, "}}");
}

static void put_credential_way(struct buf *out, const struct os_access *k)
{
	buf_adds(out,
		"{\"auth\":{\"identity\":{\"methods\":[\"application_credential\"],"
		"\"application_credential\":{");
	if (os_given(k->credential_id)) {
		put(out, "id", k->credential_id);
	} else {
		put(out, "name", k->credential_name);
		buf_adds(out, ",\"user\":{");
		put_user(out, k);
		buf_addc(out, '}');
	}
	put(out, "secret", k->credential_secret);
	buf_adds(out, "}}}}"); /* its project is its own: a scope would be refused */
}

static void put_password_way(struct buf *out, const struct os_access *k)
{
	buf_adds(out,
		"{\"auth\":{\"identity\":{\"methods\":[\"password\"],"
		"\"password\":{\"user\":{");
	put_user(out, k);
	put(out, "password", k->password);
	buf_adds(out, "}}}");
	put_scope(out, k);
	buf_adds(out, "}}");
}

/* One call without a token. r as of api_make(), outcomes folded. */
static int plain_call(struct os *o, struct api_call *c, const struct os_own *own, struct arena *a,
	struct node **ret, struct error *e)
{
	int r;

	c->style = &os_plain_style;
	c->arg = o;
	c->own = own;
	c->repeat = true; /* one token more is no harm */
	r = api_plain(api_make(&o->api, c, a, ret, e), e);
	if (r < 0 && os_given(o->k->from))
		error_prefix(e, "%s", o->k->from);
	return r;
}

/* It becomes a header, or the line of a request. */
static bool is_plain(const char *text)
{
	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p > '~')
			return false;
	return true;
}

static bool token_valid(const char *token)
{
	return *token && strlen(token) <= TOKEN_MAX && is_plain(token);
}

static int read_header(const struct http_response *res, const char **ret, struct error *e)
{
	const char *token = http_response_header(res, "x-subject-token");

	if (!token || !token_valid(token))
		return error_set(e, ERR_FAILED, "identity: the answer to signing in %s",
			token ? "has a token that is none"
			      : "lacks the header X-Subject-Token; is auth_url Keystone's?");
	*ret = token;
	return 0;
}

int os_read_token(const struct http_response *res, const struct node *answer, struct arena *a,
	struct os_signed_in *ret, struct error *e)
{
	struct times {
		int64_t issued, expires;
	} t = { 0 };
	static const struct field fields[] = {
		{ "issued_at", reply_time, offsetof(struct times, issued), FIELD_REQUIRED },
		{ "expires_at", reply_time, offsetof(struct times, expires), FIELD_REQUIRED }, {}
	};
	int r = read_header(res, &ret->token, e);

	if (r < 0)
		return r;
	ret->body = node_get(answer, "token");
	r = reply_read(ret->body, "token", fields, &t, a, e);
	if (r < 0)
		return error_prefix(e, "identity: signing in");
	/* By the server's clock both: what ours says does not matter. */
	if (t.expires <= t.issued)
		return error_set(e, ERR_FAILED,
			"identity: signing in: the token ended before it was made "
			"(the reply's 'token.expires_at')");
	ret->issued = t.issued;
	ret->life_s = MIN(t.expires - t.issued, LIFE_MAX_S);
	return 0;
}

/* Signs in with that body and takes the session over. ret_status: of Keystone's answer, 0: none. */
static int tokens_call(struct os *o, const struct buf *body, long *ret_status, struct error *e)
{
	_cleanup_(http_response_free) struct http_response res = HTTP_RESPONSE_INIT;
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const struct os_own own = { .service = OS_IDENTITY };
	struct os_signed_in in = { 0 };
	struct node *answer = NULL;
	_buf_ url = BUF_INIT;
	int r;

	buf_printf(&url, "%s/auth/tokens", o->base);
	r = plain_call(o,
		&(struct api_call){ .who = "identity",
			.path = "/auth/tokens",
			.method = "POST",
			.url = buf_str(&url),
			.body = buf_str(body),
			.answer = &res },
		&own, a, &answer, e);
	*ret_status = res.status;
	if (r == 0)
		r = os_read_token(&res, answer, a, &in, e);
	if (r < 0)
		return r;
	o->behind_s = in.issued - (int64_t)time(NULL);
	os_session_take(o, xstrdup(in.token), TAKE(a), in.body, in.life_s, in.life_s);
	os_cache_store(o);
	return 0;
}

/* Where the token server is; in the arena. */
static int discover(struct os *o, struct arena *a, const char **ret, struct error *e)
{
	const struct os_own own = { .service = OS_IDENTITY, .foreign = true };
	struct node *answer = NULL;
	int r = plain_call(o,
		&(struct api_call){ .who = "OIDC",
			.path = o->k->oidc_discovery,
			.method = "GET",
			.url = o->k->oidc_discovery },
		&own, a, &answer, e);

	if (r == 0)
		r = api_text(answer, "token_endpoint", "OIDC: the discovery document", ret, e);
	if (r == 0 && !is_plain(*ret))
		r = error_set(
			e, ERR_FAILED, "OIDC: the discovery document: 'token_endpoint' is no URL");
	if (r == 0 && http_in_clear(*ret))
		r = error_set(
			e, ERR_FAILED, "OIDC: the token server is at %.200s, not https://", *ret);
	return r;
}

static int take_oidc_token(
	const struct os *o, const struct node *answer, const char **ret, struct error *e)
{
	const char *wanted = o->k->oidc_token;

	if (!os_given(wanted))
		wanted = node_get(answer, "id_token") ? "id_token" : "access_token";
	if (api_text(answer, wanted, "OIDC: the token server's answer", ret, e) < 0)
		return -e->code;
	if (!token_valid(*ret))
		return error_set(
			e, ERR_FAILED, "OIDC: the token server's answer: '%s' is no token", wanted);
	return 0;
}

/* A token of the provider, for client credentials; in the arena. */
static int provider_token(struct os *o, struct arena *a, const char **ret, struct error *e)
{
	struct os_own own = { .service = OS_IDENTITY, .foreign = true };
	_buf_ form = BUF_INIT;
	struct node *answer = NULL;
	_secret_ pair = BUF_INIT;
	_secret_ basic = BUF_INIT;
	const char *url;
	int r = discover(o, a, &url, e);

	if (r < 0)
		return r;
	buf_adds(&form, "grant_type=client_credentials&scope=");
	api_escape(&form, os_given(o->k->oidc_scope) ? o->k->oidc_scope : "openid profile");
	buf_printf(&pair, "%s:%s", o->k->oidc_client, o->k->oidc_secret);
	buf_adds(&basic, "Basic ");
	base64_encode(pair.data, pair.len, &basic);
	own.authorization = buf_str(&basic);
	r = plain_call(o,
		&(struct api_call){ .who = "OIDC",
			.path = url,
			.method = "POST",
			.url = url,
			.body = buf_str(&form),
			.content_type = "application/x-www-form-urlencoded" },
		&own, a, &answer, e);
	return r < 0 ? r : take_oidc_token(o, answer, ret, e);
}

/* Keystone's own token for the provider's: without a project, good for getting one that has. */
static int federate(struct os *o, struct arena *a, const char **ret, struct error *e)
{
	_cleanup_(http_response_free) struct http_response res = HTTP_RESPONSE_INIT;
	struct os_own own = { .service = OS_IDENTITY };
	_secret_ bearer = BUF_INIT;
	_buf_ path = BUF_INIT;
	const char *token;
	int r = provider_token(o, a, &token, e);

	if (r < 0)
		return r;
	buf_adds(&path, "/OS-FEDERATION/identity_providers/");
	api_escape(&path, o->k->oidc_provider);
	buf_adds(&path, "/protocols/");
	api_escape(&path, o->k->oidc_protocol);
	buf_adds(&path, "/auth");
	buf_printf(&bearer, "Bearer %s", token);
	own.authorization = buf_str(&bearer);
	r = plain_call(o,
		&(struct api_call){ .who = "identity",
			.path = buf_str(&path),
			.method = "POST",
			.url = arena_printf(a, "%s%s", o->base, buf_str(&path)),
			.answer = &res },
		&own, a, NULL, e);
	if (r == 0)
		r = read_header(&res, &token, e);
	if (r == 0)
		*ret = arena_strdup(a, token);
	return r;
}

static int sign_in_once(struct os *o, long *ret_status, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const char *token = o->k->token;
	_secret_ body = BUF_INIT;
	int r;

	switch (os_access_way(o->k)) {
	case OS_BY_CREDENTIAL:
		put_credential_way(&body, o->k);
		break;
	case OS_BY_OIDC:
		r = federate(o, a, &token, e);
		if (r < 0)
			return r;
		put_token_way(&body, o->k, token);
		break;
	case OS_BY_TOKEN:
		put_token_way(&body, o->k, token);
		break;
	default:
		put_password_way(&body, o->k);
	}
	return tokens_call(o, &body, ret_status, e);
}

int os_sign_in(struct os *o, struct error *e)
{
	for (;;) {
		struct error other = { 0 };
		long status = 0;
		int r = sign_in_once(o, &status, e), renewed;

		if (r == 0 || status != 401 || !o->k->renew)
			return r;
		renewed = o->k->renew(o->k->renew_arg, &o->access, &other);
		if (renewed > 0)
			return r;
		*e = other;
		if (renewed < 0)
			return renewed;
	}
}
