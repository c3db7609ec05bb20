/*
 * Calls of OVH's API: one after another, ten a second at most, each repeated when that cannot do
 * harm. Time is the monotonic clock and the server's own: what the clock of this machine says, which
 * is wrong more often than not on a first boot, does not matter.
 */
#include "ovh.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "clock.h"
#include "error.h"
#include "http.h"
#include "json.h"
#include "node.h"
#include "ovh_parts.h"
#include "retry.h"

#include <stdio.h>
#include <string.h>

#define GAP_MS	   100	 /* no published limit; record by record at full speed was blocked before */
#define TIMEOUT_MS 30000 /* of one attempt */
#define MAX_BODY   (16 * MIB)
#define EARLY_MS   30000 /* a token is renewed so long before its end */

static const struct retry patience = { .base_ms = 500, .cap_ms = 30000, .tries = 6 };

struct ovh {
	const struct ovh_keys *keys;
	const struct http *http;
	const struct clock *clock;
	const char *url;
	int64_t next_ms; /* no call before */
	bool timed;
	int64_t delta_ms; /* the server's time less our monotonic one */
	char *token;
	int64_t token_end_ms;
};

/* One attempt's worth of a request, whatever authenticates it. */
struct call {
	const struct ovh_query *q;
	const char *url;
	enum { PLAIN, SIGNED, BEARER } auth;
	const char *content_type;
	bool repeat; /* twice is as good as once */
};

int ovh_new(struct ovh **ret, const struct ovh_keys *k, const struct http *http,
	const struct clock *clock, struct error *e)
{
	int r = ovh_keys_check(k, e);

	if (r < 0)
		return r;
	*ret = xcalloc(1, sizeof **ret);
	**ret = (struct ovh){ .keys = k, .http = http, .clock = clock, .url = ovh_endpoint_url(k) };
	return 0;
}

static void forget_token(struct ovh *o)
{
	if (o->token)
		explicit_bzero(o->token, strlen(o->token));
	free(TAKE(o->token));
}

void ovh_free(struct ovh *o)
{
	forget_token(o);
	free(o);
}

static int pause_for(struct ovh *o, int64_t ms, struct error *e)
{
	int r = ms > 0 ? clock_sleep_ms(o->clock, ms) : 0;

	return r < 0 ? error_errno(e, r, "OVH") : 0;
}

/* Sends one attempt. 0: any answer; negative: none, failure says how. */
static int send_once(struct ovh *o, const struct call *c, struct http_response *res,
	enum http_failure *failure, struct error *e)
{
	struct http_header headers[8] = { { "Accept", "application/json" } };
	char signature[44], time[24];
	_buf_ bearer = BUF_INIT;
	size_t n = 1;
	int r;

	if (c->q->body)
		headers[n++] = (struct http_header){ "Content-Type", c->content_type };
	if (ovh_given(o->keys->application_key) && c->auth != BEARER)
		headers[n++] =
			(struct http_header){ "X-Ovh-Application", o->keys->application_key };
	if (c->auth == SIGNED) {
		int64_t now = (clock_now_ms(o->clock) + o->delta_ms) / 1000;

		snprintf(time, sizeof time, "%lld", (long long)now);
		ovh_sign(o->keys, c->q, c->url, now, signature);
		headers[n++] = (struct http_header){ "X-Ovh-Consumer", o->keys->consumer_key };
		headers[n++] = (struct http_header){ "X-Ovh-Timestamp", time };
		headers[n++] = (struct http_header){ "X-Ovh-Signature", signature };
	} else if (c->auth == BEARER) {
		buf_printf(&bearer, "Bearer %s",
			ovh_given(o->keys->access_token) ? o->keys->access_token : o->token);
		headers[n++] = (struct http_header){ "Authorization", buf_str(&bearer) };
	}
	*failure = HTTP_NOT_SENT;
	r = pause_for(o, o->next_ms - clock_now_ms(o->clock), e);
	if (r < 0)
		return r;
	o->next_ms = clock_now_ms(o->clock) + GAP_MS;
	r = http_send(o->http,
		&(struct http_request){ .method = c->q->method,
			.url = c->url,
			.headers = headers,
			.body = c->q->body,
			.body_len = c->q->body ? strlen(c->q->body) : 0,
			.timeout_ms = TIMEOUT_MS,
			.max = MAX_BODY },
		res, failure, e);
	if (bearer.data)
		explicit_bzero(bearer.data, bearer.len);
	return r;
}

/* An answer of status 2xx that cannot be read was cut off on the way. */
static enum ovh_verdict judge_body(const struct call *c, const struct http_response *res,
	struct arena *a, struct node **ret, struct error *e)
{
	const char *body = buf_str(&res->body);
	size_t len = res->body.len;
	struct error ignored = { 0 };

	if (strspn(body, " \t\r\n") == len) { /* a call without an answer */
		body = "null";
		len = 4;
	}
	if (json_parse(ret, a, "the answer", body, len, &ignored) == 0)
		return OVH_DONE;
	/* Not the parser's words: they quote what is there, which could be half a token. */
	error_set(e, ERR_NETWORK, "OVH: %s %s: an answer of %zu bytes that is not JSON",
		c->q->method, c->q->path, res->body.len);
	return OVH_DOUBT;
}

/* One attempt and its verdict; the error is filled for all but OVH_DONE. */
static enum ovh_verdict attempt(struct ovh *o, const struct call *c, struct http_response *res,
	struct arena *a, struct node **ret, struct error *e)
{
	enum http_failure failure = HTTP_MAYBE_SENT;
	enum ovh_verdict v;

	http_response_free(res);
	if (send_once(o, c, res, &failure, e) < 0) {
		if (failure == HTTP_IMPOSSIBLE)
			e->transient = false;
		if (e->code == ERR_INTERRUPTED || failure == HTTP_IMPOSSIBLE)
			return OVH_FINAL;
		return failure == HTTP_NOT_SENT ? OVH_AGAIN : OVH_DOUBT;
	}
	v = ovh_judge(res, c->auth == BEARER);
	if (v == OVH_DONE)
		return judge_body(c, res, a, ret, e);
	ovh_complain(c->q, res, v == OVH_AGAIN || v == OVH_DOUBT, e);
	return v;
}

static int prepare(struct ovh *o, const struct call *c, struct error *e);

/* What a call came to whose last attempt's verdict was v. The error is filled. */
static int outcome(const struct call *c, enum ovh_verdict v, long status, struct error *e)
{
	if (v == OVH_DOUBT && !c->repeat)
		return OVH_UNSURE;
	if (status == 404)
		return OVH_ABSENT;
	if (status == 409)
		return OVH_CONFLICT;
	return -e->code;
}

/* Attempts until one is final. */
static int persist(
	struct ovh *o, const struct call *c, struct arena *a, struct node **ret, struct error *e)
{
	_cleanup_(http_response_free) struct http_response res = HTTP_RESPONSE_INIT;
	bool renewed = false;
	unsigned n = 1;
	int r;

	for (;;) {
		enum ovh_verdict v;

		r = prepare(o, c, e);
		if (r < 0)
			return r;
		v = attempt(o, c, &res, a, ret, e);
		if (v == OVH_DONE)
			return 0;
		if ((v == OVH_RETIME || v == OVH_RENEW) && !renewed) {
			renewed = true;
			o->timed = false;
			forget_token(o);
			continue;
		}
		if ((v != OVH_AGAIN && (v != OVH_DOUBT || !c->repeat)) || n == patience.tries)
			return outcome(c, v, res.status, e);
		r = pause_for(o,
			retry_pause_ms(
				&patience, n++, http_response_retry_after_ms(&res), retry_random()),
			e);
		if (r < 0)
			return r;
	}
}

/* Outcomes of a call that has none. */
static int plain_error(int r, const struct error *e)
{
	return r > 0 ? -e->code : r;
}

static int fetch_time(struct ovh *o, struct error *e)
{
	static const struct ovh_query q = { .method = "GET", .path = "/auth/time" };
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_buf_ url = BUF_INIT;
	struct node *answer = NULL;
	int64_t before, now;
	int r;

	ovh_url(o->url, q.path, &url);
	before = clock_now_ms(o->clock);
	r = persist(
		o, &(struct call){ .q = &q, .url = buf_str(&url), .repeat = true }, a, &answer, e);
	if (r != 0)
		return plain_error(r, e);
	if (!node_is_int(answer, &now) || now < 0 || now > INT64_MAX / 2000)
		return error_set(e, ERR_FAILED,
			"OVH: GET /auth/time: the answer must be a whole number, not %s",
			node_what(answer));
	/* It was that time somewhere between the question and the answer, and up to a second more. */
	o->delta_ms = now * 1000 + 500 - (before + clock_now_ms(o->clock)) / 2;
	o->timed = true;
	return 0;
}

static int take_token(struct ovh *o, const struct node *answer, struct error *e)
{
	const char *token = node_str(node_get(answer, "access_token")), *error;
	int64_t seconds = 0;

	error = node_str(node_get(answer, "error")); /* comes with status 200 as well */
	if (error)
		return error_set(e, ERR_FAILED,
			"OVH: the token server refuses client_id and client_secret (%.100s)",
			error);
	if (!token || !*token || strpbrk(token, "\r\n"))
		return error_set(e, ERR_FAILED,
			"OVH: the token server's answer: 'access_token' must be text, not %s",
			node_get(answer, "access_token")
				? node_what(node_get(answer, "access_token"))
				: "missing");
	if (!node_is_int(node_get(answer, "expires_in"), &seconds) || seconds < 0)
		seconds = 60;
	o->token = xstrdup(token);
	o->token_end_ms = clock_now_ms(o->clock) + MIN(seconds, 86400) * 1000 - EARLY_MS;
	return 0;
}

static int fetch_token(struct ovh *o, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const char *url = ovh_token_url(o->keys);
	struct node *answer = NULL;
	_buf_ form = BUF_INIT;
	int r;

	forget_token(o);
	buf_adds(&form, "grant_type=client_credentials&scope=all&client_id=");
	ovh_escape(&form, o->keys->client_id);
	buf_adds(&form, "&client_secret=");
	ovh_escape(&form, o->keys->client_secret);
	r = persist(o,
		&(struct call){ .q =
					&(struct ovh_query){
						.method = "POST", .path = url, .body = form.data },
			.url = url,
			.content_type = "application/x-www-form-urlencoded",
			.repeat = true },
		a, &answer, e);
	explicit_bzero(form.data, form.len);
	return r == 0 ? take_token(o, answer, e) : plain_error(r, e);
}

/* Sees to what the next attempt is authenticated with. */
static int prepare(struct ovh *o, const struct call *c, struct error *e)
{
	if (c->auth == SIGNED && !o->timed)
		return fetch_time(o, e);
	if (c->auth == BEARER && !ovh_given(o->keys->access_token) &&
		(!o->token || clock_now_ms(o->clock) >= o->token_end_ms))
		return fetch_token(o, e);
	return 0;
}

int ovh_call(struct ovh *o, const struct ovh_query *q, struct arena *a, struct node **ret,
	struct error *e)
{
	_buf_ url = BUF_INIT;
	struct call c = {
		.q = q,
		.auth = ovh_given(o->keys->consumer_key) ? SIGNED : BEARER,
		.content_type = "application/json",
		.repeat = q->harmless || strcmp(q->method, "POST") != 0,
	};
	struct node *answer = NULL;
	int r;

	ovh_url(o->url, q->path, &url);
	c.url = buf_str(&url);
	r = persist(o, &c, a, &answer, e);
	if (r == 0 && ret)
		*ret = answer;
	return r;
}

int ovh_must(struct ovh *o, const struct ovh_query *q, struct arena *a, struct node **ret,
	struct error *e)
{
	return plain_error(ovh_call(o, q, a, ret, e), e);
}
