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

void os_free(struct os *o)
{
	os_session_drop(o);
	free(o->base);
	free(o);
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

bool os_renew(struct os *o)
{
	bool cached = o->cached;

	if (cached)
		os_token_forget(o);
	return cached;
}

void os_token_forget(struct os *o)
{
	o->refused = true;
	os_session_drop(o);
}

int os_token(struct os *o, int64_t life_s, const char **ret, struct error *e)
{
	int r = os_session(o, life_s, e);

	if (r == 0)
		*ret = o->token;
	return r;
}

static int prepare_token(void *arg, const struct api_call *c, struct error *e)
{
	int r = os_session(arg, 0, e);

	return r < 0 ? r : os_plain_style.prepare(arg, c, e);
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
	const struct os *o = arg;

	if (own->list && res->status == 300)
		return API_DONE;
	/* Rights are those of the token's day. */
	if (res->status == 403 && o->cached)
		return API_RENEW;
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

void os_hurry(struct os *o, bool on)
{
	o->api.brief = on;
}

int os_turn(struct os *o, struct error *e)
{
	return http_turn(o->api.http, e);
}

void os_turn_ended(struct os *o, int turn)
{
	http_turn_ended(o->api.http, turn);
}

const char *os_cacert(const struct os *o)
{
	return o->api.ca_file;
}
