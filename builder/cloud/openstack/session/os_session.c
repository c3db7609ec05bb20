/*
 * The session: one token, kept in memory and in the cache, made anew before it ends, and when a service
 * refuses it. And what all calls of it share: pace, headers, patience.
 */
#include "os_parts.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "clock.h"
#include "error.h"
#include "http.h"
#include "retry.h"

#include <string.h>

#define GAP_MS	   100 /* ten calls a second over all services; each alone would take 20 (OVH) */
#define TIMEOUT_MS 60000
#define EARLY_S	   300 /* a token is made anew so long before its end */

/* Nobody waits longer than a minute for one call, and Keystone's limit is one of a minute. */
static const struct retry patience = { .base_ms = 500, .cap_ms = 60000, .tries = 6 };

/* With /v3, whatever version it came with: openrc files have "https://auth.cloud.ovh.net/". */
static char *identity_base(const char *auth_url)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();

	return xstrdup(os_versioned(OS_IDENTITY, auth_url, NULL, a));
}

int os_new(struct os **ret, const struct os_access *k, const struct http *http,
	const struct clock *clock, const char *cache_dir, struct error *e)
{
	int r = os_access_check(k, e);
	struct os *o;

	if (r < 0)
		return r;
	o = xcalloc(1, sizeof *o);
	*o = (struct os){ .access = *k,
		.k = &o->access,
		.clock = clock,
		.cache_dir = cache_dir,
		.base = identity_base(k->auth_url),
		.api = { .http = http,
			.clock = clock,
			.patience = &patience,
			.gap_ms = GAP_MS,
			.timeout_ms = TIMEOUT_MS,
			.ca_file = os_given(k->cacert) ? k->cacert : NULL } };
	*ret = o;
	return 0;
}

static void forget(struct os *o)
{
	if (o->token)
		explicit_bzero(o->token, strlen(o->token));
	free(TAKE(o->token));
	if (o->arena)
		arena_free(TAKE(o->arena));
	o->body = o->versions = NULL;
}

void os_free(struct os *o)
{
	forget(o);
	free(o->base);
	free(o);
}

void os_session_take(struct os *o, char *token, struct arena *a, struct node *body, int64_t life_s,
	int64_t left_s)
{
	const struct mark nowhere = { 0 };

	forget(o);
	o->token = token;
	o->arena = a;
	o->body = body;
	o->versions = node_map(a, &nowhere);
	o->life_s = life_s;
	o->end_ms = clock_now_ms(o->clock) + left_s * 1000;
}

/* Tokens that never live so long are good for three quarters of their life. */
static bool lives(const struct os *o, int64_t life_s)
{
	const int64_t left_ms = o->end_ms - clock_now_ms(o->clock);

	if (!o->token)
		return false;
	return left_ms >= MIN(MAX(life_s, EARLY_S) * 1000, o->life_s * 750);
}

int os_session(struct os *o, int64_t life_s, struct error *e)
{
	if (lives(o, life_s))
		return 0;
	if (o->refused)
		os_cache_forget(o);
	else if (!o->token && os_cache_load(o) && lives(o, life_s))
		return 0;
	o->refused = false;
	return os_sign_in(o, e);
}

void os_token_forget(struct os *o)
{
	o->refused = true;
	forget(o);
}

int os_token(struct os *o, int64_t life_s, const char **ret, struct error *e)
{
	int r = os_session(o, life_s, e);

	if (r == 0)
		*ret = o->token;
	return r;
}

/* Waits until Keystone takes one more call. */
static int identity_pace(struct os *o, const struct api_call *c, struct error *e)
{
	int64_t *oldest = &o->identity_ms[o->identity_n % OS_IDENTITY_MAX];
	int64_t wait_ms = *oldest + OS_IDENTITY_SPAN_MS - clock_now_ms(o->clock);
	int r = 0;

	if (o->identity_n >= OS_IDENTITY_MAX && wait_ms > 0)
		r = clock_sleep_ms(o->clock, wait_ms);
	if (r < 0)
		return error_errno(e, r, "%s", c->who);
	*oldest = clock_now_ms(o->clock);
	o->identity_n++;
	return 0;
}

static int prepare_plain(void *arg, const struct api_call *c, struct error *e)
{
	const struct os_own *own = c->own;

	return own->service == OS_IDENTITY && !own->foreign ? identity_pace(arg, c, e) : 0;
}

static void sign_plain(void *arg, const struct api_call *c, struct api_headers *h)
{
	const struct os_own *own = c->own;

	(void)arg;
	if (own->authorization)
		api_header(h, "Authorization", own->authorization);
}

static enum api_verdict judge_plain(
	void *arg, const struct api_call *c, const struct http_response *res)
{
	(void)arg;
	(void)c;
	return os_judge(res, false);
}

const struct api_style os_plain_style = {
	.prepare = prepare_plain, .sign = sign_plain, .judge = judge_plain, .complain = os_complain
};

static int prepare_token(void *arg, const struct api_call *c, struct error *e)
{
	int r = os_session(arg, 0, e);

	return r < 0 ? r : prepare_plain(arg, c, e);
}

static void sign_token(void *arg, const struct api_call *c, struct api_headers *h)
{
	const struct os_own *own = c->own;
	const struct os *o = arg;
	_buf_ version = BUF_INIT;

	api_header(h, "X-Auth-Token", o->token);
	if (!own->microversion)
		return;
	buf_printf(&version, "%s %s", os_service_name(own->service), own->microversion);
	api_header(h, "OpenStack-API-Version", buf_str(&version));
	if (own->service == OS_COMPUTE) /* the only one that was known before 2.27 */
		api_header(h, "X-OpenStack-Nova-API-Version", own->microversion);
}

static enum api_verdict judge_token(
	void *arg, const struct api_call *c, const struct http_response *res)
{
	const struct os_own *own = c->own;

	(void)arg;
	if (own->list && res->status == 300)
		return API_DONE;
	return os_judge(res, true);
}

static void renew(void *arg, const struct api_call *c)
{
	(void)c;
	os_token_forget(arg);
}

const struct api_style os_token_style = { .prepare = prepare_token,
	.sign = sign_token,
	.judge = judge_token,
	.complain = os_complain,
	.renew = renew };

int os_clock_behind(struct os *o, int64_t *ret_s, struct error *e)
{
	int r = os_sign_in(o, e);

	if (r == 0)
		*ret_s = o->behind_s;
	return r;
}

unsigned os_calls(const struct os *o)
{
	return o->api.sent;
}

int os_turn(struct os *o, struct error *e)
{
	return http_turn(o->api.http, e);
}

const char *os_cacert(const struct os *o)
{
	return o->api.ca_file;
}
