/* The loop around each call of an API: one attempt, its verdict, and whether there is another. */
#include "api.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "clock.h"
#include "error.h"
#include "http.h"
#include "json.h"
#include "node.h"
#include "retry.h"

#include <inttypes.h>
#include <string.h>

#define BODY_MAX    (16 * MIB)
#define BRIEF_MS    10000 /* of what can be done without */
#define BRIEF_TRIES 2u
#define LARGE_MS    180000 /* 10 MiB at 64 KiB/s */
#define HEADERS_MAX 16

struct api_headers {
	struct http_header v[HEADERS_MAX + 1]; /* ended by {} */
	size_t n;
	char *copies[HEADERS_MAX];
	size_t n_copies;
};

static bool is_brief(const struct api *api, const struct api_call *c)
{
	return api->brief || c->brief;
}

static void headers_wipe(struct api_headers *h)
{
	for (size_t i = 0; i < h->n_copies; i++) {
		explicit_bzero(h->copies[i], strlen(h->copies[i]));
		free(h->copies[i]);
	}
}

static void header_constant(struct api_headers *h, const char *name, const char *value)
{
	if (h->n == HEADERS_MAX)
		abort(); /* our own mistake: no answer makes headers */
	h->v[h->n++] = (struct http_header){ name, value };
}

void api_header(struct api_headers *h, const char *name, const char *value)
{
	char *copy = xstrdup(value);

	h->copies[h->n_copies++] = copy;
	header_constant(h, name, copy);
}

static int pause_for(struct api *api, const struct api_call *c, int64_t ms, struct error *e)
{
	int r = ms > 0 ? clock_sleep_ms(api->clock, ms) : 0;

	return r < 0 ? error_errno(e, r, "%s", c->who) : 0;
}

/* Sends one attempt. 0: any answer; negative: none, failure says how. */
static int send_once(struct api *api, const struct api_call *c, struct http_response *res,
	enum http_failure *failure, struct error *e)
{
	_cleanup_(headers_wipe) struct api_headers h = { .n = 0 };
	int r;

	*failure = HTTP_NOT_SENT;
	r = pause_for(api, c, api->next_ms - clock_now_ms(api->clock), e);
	if (r < 0)
		return r;
	header_constant(&h, "Accept", "application/json");
	if (c->body)
		header_constant(
			&h, "Content-Type", c->content_type ? c->content_type : "application/json");
	if (c->style->sign)
		c->style->sign(c->arg, c, &h);
	api->next_ms = clock_now_ms(api->clock) + api->gap_ms;
	api->sent++;
	return http_send(api->http,
		&(struct http_request){ .method = c->method,
			.url = c->url,
			.headers = h.v,
			.body = c->body,
			.body_len = c->body ? strlen(c->body) : 0,
			.timeout_ms = c->large		 ? LARGE_MS
				      : is_brief(api, c) ? MIN(api->timeout_ms, BRIEF_MS)
							 : api->timeout_ms,
			.compressed = c->large,
			.max = BODY_MAX,
			.fresh = !c->repeat,
			.ca_file = api->ca_file },
		res, failure, e);
}

/* "202 Accepted" as text or a page is what some frameworks say where there is nothing to say. */
static bool says_nothing(const struct http_response *res)
{
	const char *type = http_response_header(res, "content-type");

	if (strspn(buf_str(&res->body), " \t\r\n") == res->body.len)
		return true;
	return (res->status == 202 || res->status == 204) && type && strncmp(type, "text/", 5) == 0;
}

/* An answer of status 2xx that cannot be read was cut off on the way. */
static enum api_verdict judge_body(const struct api_call *c, const struct http_response *res,
	struct arena *a, struct node **ret, struct error *e)
{
	const char *body = buf_str(&res->body);
	size_t len = res->body.len;
	struct error ignored = { 0 };

	if (says_nothing(res)) {
		body = "null";
		len = 4;
	}
	if (json_parse(ret, a, "the answer", body, len, &ignored) == 0)
		return API_DONE;
	/* Not the parser's words: they quote what is there, which could be half a token. */
	error_set(e, ERR_NETWORK, "%s: %s %s: an answer of %zu bytes that is not JSON", c->who,
		c->method, c->path, res->body.len);
	return API_DOUBT;
}

/* One attempt and its verdict; the error is filled for all but API_DONE. */
static enum api_verdict attempt(struct api *api, const struct api_call *c,
	struct http_response *res, struct arena *a, struct node **ret, struct error *e)
{
	enum http_failure failure = HTTP_MAYBE_SENT;
	enum api_verdict v;

	http_response_free(res);
	if (send_once(api, c, res, &failure, e) < 0) {
		if (failure == HTTP_IMPOSSIBLE)
			e->transient = false;
		if (e->code == ERR_INTERRUPTED || failure == HTTP_IMPOSSIBLE)
			return API_FINAL;
		return failure == HTTP_NOT_SENT ? API_AGAIN : API_DOUBT;
	}
	v = c->style->judge(c->arg, c, res);
	if (v == API_DONE)
		return judge_body(c, res, a, ret, e);
	c->style->complain(c, res, v == API_AGAIN || v == API_DOUBT, e);
	return v;
}

/* What a call came to whose last attempt's verdict was v. The error is filled. */
static int outcome(const struct api_call *c, enum api_verdict v, long status, const struct error *e)
{
	static const struct {
		long status;
		enum api_outcome outcome;
	} rows[] = { { 400, API_REFUSED }, { 403, API_REFUSED }, { 404, API_ABSENT },
		{ 409, API_CONFLICT }, { 410, API_ABSENT }, { 413, API_REFUSED },
		{ 422, API_REFUSED } };

	if (v == API_DOUBT && !c->repeat)
		return API_UNSURE;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].status == status && v == API_FINAL)
			return (int)rows[i].outcome;
	return -e->code;
}

/*
 * Whether there is an attempt after the n-th, and the pause before it. A server that wants more time than
 * anybody waits for is not asked before that: the call has failed.
 */
static bool worth_another(struct api *api, const struct api_call *c, enum api_verdict v, unsigned n,
	const struct http_response *res, struct error *e)
{
	const int64_t asked_ms = http_response_retry_after_ms(res);

	if (v != API_AGAIN && (v != API_DOUBT || !c->repeat))
		return false;
	if (asked_ms > (is_brief(api, c) ? BRIEF_MS : api->patience->cap_ms)) {
		error_append(e, "; the server asks to come back in %" PRId64 " s", asked_ms / 1000);
		return false;
	}
	return n < (is_brief(api, c) || c->large ? BRIEF_TRIES : api->patience->tries);
}

static int persist(struct api *api, const struct api_call *c, struct http_response *res,
	struct arena *a, struct node **ret, struct error *e)
{
	bool renewed = false;
	unsigned n = 1;
	int r;

	for (;;) {
		enum api_verdict v;

		r = c->style->prepare ? c->style->prepare(c->arg, c, e) : 0;
		if (r < 0)
			return r;
		v = attempt(api, c, res, a, ret, e);
		if (v == API_DONE)
			return 0;
		if (v == API_RENEW && !renewed) {
			renewed = true;
			if (c->style->renew)
				c->style->renew(c->arg, c);
			continue;
		}
		if (!worth_another(api, c, v, n, res, e))
			return outcome(c, v, res->status, e);
		r = pause_for(api, c,
			retry_pause_ms(api->patience, n++, http_response_retry_after_ms(res),
				retry_random()),
			e);
		if (r < 0)
			return r;
	}
}

int api_make(struct api *api, const struct api_call *c, struct arena *a, struct node **ret,
	struct error *e)
{
	_cleanup_(http_response_free) struct http_response own = HTTP_RESPONSE_INIT;
	struct node *answer = NULL;
	int r = persist(api, c, c->answer ? c->answer : &own, a, &answer, e);

	if (r == 0 && ret)
		*ret = answer;
	return r;
}

int api_plain(int r, const struct error *e)
{
	return r > 0 ? -e->code : r;
}
