/*
 * Calls of OVH's API: what authenticates them. Time is the monotonic clock and the server's own: what
 * the clock of this machine says, which is wrong more often than not on a first boot, does not matter.
 */
#include "ovh.h"

#include "alloc.h"
#include "api.h"
#include "arena.h"
#include "buf.h"
#include "clock.h"
#include "error.h"
#include "http.h"
#include "node.h"
#include "ovh_parts.h"
#include "retry.h"

#include <stdio.h>
#include <string.h>

#define GAP_MS	   100	 /* no published limit; record by record at full speed was blocked before */
#define TIMEOUT_MS 30000 /* of one attempt */
#define EARLY_MS   30000 /* a token is renewed so long before its end */

static const struct retry patience = { .base_ms = 500, .cap_ms = 60000, .tries = 6 };

struct ovh {
	struct api api;
	const struct ovh_keys *keys;
	const struct clock *clock;
	const char *url;
	bool timed;
	int64_t delta_ms; /* the server's time less our monotonic one */
	char *token;
	int64_t token_end_ms;
};

int ovh_new(struct ovh **ret, const struct ovh_keys *k, const struct http *http,
	const struct clock *clock, struct error *e)
{
	int r = ovh_keys_check(k, e);

	if (r < 0)
		return r;
	*ret = xcalloc(1, sizeof **ret);
	**ret = (struct ovh){ .api = { .http = http,
				      .clock = clock,
				      .patience = &patience,
				      .gap_ms = GAP_MS,
				      .timeout_ms = TIMEOUT_MS },
		.keys = k,
		.clock = clock,
		.url = ovh_endpoint_url(k) };
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

static void renew(void *arg, const struct api_call *c)
{
	struct ovh *o = arg;

	(void)c;
	o->timed = false;
	forget_token(o);
}

/* Calls that nothing signs: the server's time, a token. */
static void sign_nothing(void *arg, const struct api_call *c, struct api_headers *h)
{
	const struct ovh *o = arg;

	(void)c;
	if (ovh_given(o->keys->application_key))
		api_header(h, "X-Ovh-Application", o->keys->application_key);
}

static enum api_verdict judge_plain(
	void *arg, const struct api_call *c, const struct http_response *res)
{
	(void)arg;
	(void)c;
	return ovh_judge(res, false);
}

static const struct api_style plain_style = {
	.sign = sign_nothing, .judge = judge_plain, .complain = ovh_complain, .renew = renew
};

static int fetch_time(struct ovh *o, struct error *e)
{
	static const char path[] = "/auth/time";
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_buf_ url = BUF_INIT;
	struct node *answer = NULL;
	int64_t before, now;
	int r;

	ovh_url(o->url, path, &url);
	before = clock_now_ms(o->clock);
	r = api_make(&o->api,
		&(struct api_call){ .who = "OVH",
			.path = path,
			.method = "GET",
			.url = buf_str(&url),
			.repeat = true,
			.style = &plain_style,
			.arg = o },
		a, &answer, e);
	if (r != 0)
		return api_plain(r, e);
	if (!node_is_int(answer, &now) || now < 0 || now > INT64_MAX / 2000)
		return error_set(e, ERR_FAILED,
			"OVH: GET /auth/time: the answer must be a whole number, not %s",
			node_what(answer));
	/* It was that time somewhere between the question and the answer, and up to a second more. */
	o->delta_ms = now * 1000 + 500 - (before + clock_now_ms(o->clock)) / 2;
	o->timed = true;
	return 0;
}

static int take_token(struct ovh *o, const struct node *answer, struct arena *a, struct error *e)
{
	const char *token = node_str(node_get(answer, "access_token")), *error;
	int64_t seconds = 0;

	error = node_str(node_get(answer, "error")); /* comes with status 200 as well */
	if (error)
		return error_set(e, ERR_FAILED,
			"OVH: the token server refuses client_id and client_secret (%s)",
			api_clean(a, error));
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
	api_escape(&form, o->keys->client_id);
	buf_adds(&form, "&client_secret=");
	api_escape(&form, o->keys->client_secret);
	r = api_make(&o->api,
		&(struct api_call){ .who = "OVH",
			.path = url,
			.method = "POST",
			.url = url,
			.body = form.data,
			.content_type = "application/x-www-form-urlencoded",
			.repeat = true,
			.style = &plain_style,
			.arg = o },
		a, &answer, e);
	explicit_bzero(form.data, form.len);
	return r == 0 ? take_token(o, answer, a, e) : api_plain(r, e);
}

/* Sees to the time that the next attempt is signed with. */
static int prepare_signed(void *arg, const struct api_call *c, struct error *e)
{
	struct ovh *o = arg;

	(void)c;
	return o->timed ? 0 : fetch_time(o, e);
}

static void sign_signed(void *arg, const struct api_call *c, struct api_headers *h)
{
	const struct ovh *o = arg;
	const int64_t now = (clock_now_ms(o->clock) + o->delta_ms) / 1000;
	const struct ovh_query q = { .method = c->method, .body = c->body };
	char signature[44], time[24];

	sign_nothing(arg, c, h);
	snprintf(time, sizeof time, "%lld", (long long)now);
	ovh_sign(o->keys, &q, c->url, now, signature);
	api_header(h, "X-Ovh-Consumer", o->keys->consumer_key);
	api_header(h, "X-Ovh-Timestamp", time);
	api_header(h, "X-Ovh-Signature", signature);
}

static const struct api_style signed_style = { .prepare = prepare_signed,
	.sign = sign_signed,
	.judge = judge_plain,
	.complain = ovh_complain,
	.renew = renew };

static int prepare_bearer(void *arg, const struct api_call *c, struct error *e)
{
	struct ovh *o = arg;

	(void)c;
	if (ovh_given(o->keys->access_token) ||
		(o->token && clock_now_ms(o->clock) < o->token_end_ms))
		return 0;
	return fetch_token(o, e);
}

static void sign_bearer(void *arg, const struct api_call *c, struct api_headers *h)
{
	const struct ovh *o = arg;
	_buf_ bearer = BUF_INIT;

	(void)c;
	buf_printf(&bearer, "Bearer %s",
		ovh_given(o->keys->access_token) ? o->keys->access_token : o->token);
	api_header(h, "Authorization", buf_str(&bearer));
	explicit_bzero(bearer.data, bearer.len);
}

static enum api_verdict judge_bearer(
	void *arg, const struct api_call *c, const struct http_response *res)
{
	(void)arg;
	(void)c;
	return ovh_judge(res, true);
}

static const struct api_style bearer_style = { .prepare = prepare_bearer,
	.sign = sign_bearer,
	.judge = judge_bearer,
	.complain = ovh_complain,
	.renew = renew };

int ovh_call(struct ovh *o, const struct ovh_query *q, struct arena *a, struct node **ret,
	struct error *e)
{
	const struct api_style *style =
		ovh_given(o->keys->consumer_key) ? &signed_style : &bearer_style;
	_cleanup_(http_response_free) struct http_response answer = HTTP_RESPONSE_INIT;
	_buf_ url = BUF_INIT;
	int r;

	if (o->keys->visitor && !q->open)
		return error_set(e, ERR_FAILED, "OVH: %s %s: not signed in", q->method, q->path);
	ovh_url(o->url, q->path, &url);
	r = api_make(&o->api,
		&(struct api_call){ .who = "OVH",
			.path = q->path,
			.method = q->method,
			.url = buf_str(&url),
			.body = q->body,
			.large = q->large,
			.repeat = q->harmless || strcmp(q->method, "POST") != 0,
			.style = q->open ? &plain_style : style,
			.arg = o,
			.answer = &answer },
		a, ret, e);
	if (r != 0 && q->may_be_denied && answer.status == 403)
		return OVH_DENIED;
	switch (r) {
	case API_ABSENT:
		return OVH_ABSENT;
	case API_CONFLICT:
		return OVH_CONFLICT;
	case API_UNSURE:
		return OVH_UNSURE;
	default:
		return api_plain(r, e);
	}
}

int ovh_must(struct ovh *o, const struct ovh_query *q, struct arena *a, struct node **ret,
	struct error *e)
{
	return api_plain(ovh_call(o, q, a, ret, e), e);
}

unsigned ovh_calls(const struct ovh *o)
{
	return o->api.sent;
}
