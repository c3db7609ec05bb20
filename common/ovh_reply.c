/*
 * What OVH answers: which answers deserve another attempt, and errors in words. Bodies come from
 * the network: JSON of two generations, HTML of something in between, or half of either.
 */
#include "ovh_parts.h"

#include "arena.h"
#include "error.h"
#include "http.h"
#include "json.h"
#include "node.h"
#include "retry.h"

#include <string.h>

/* errorCode of the older, class of the newer generation; message is often all that there is. */
struct said {
	const char *code, *message, *query_id;
	const struct node *details;
};

static struct said read_body(const struct http_response *res, struct arena *a)
{
	struct said s = { .query_id = http_response_header(res, "x-ovh-queryid") };
	struct node *body = NULL;
	struct error ignored = {};

	if (json_parse(&body, a, "", buf_str(&res->body), res->body.len, &ignored) < 0)
		return s;
	s.message = node_str(node_get(body, "message"));
	s.code = node_str(node_get(body, "errorCode"));
	if (!s.code)
		s.code = node_str(node_get(body, "class"));
	if (!s.code) { /* as OAuth2 has it */
		s.code = node_str(node_get(body, "error"));
		s.message = s.message ? s.message : node_str(node_get(body, "error_description"));
	}
	s.details = node_get(body, "details");
	return s;
}

static bool says(const struct said *s, const char *code, const char *message)
{
	return (s->code && strcmp(s->code, code) == 0) ||
	       (message && s->message && strcasestr(s->message, message));
}

enum api_verdict ovh_judge(const struct http_response *res, bool bearer)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct said s;

	if (res->status >= 200 && res->status < 300)
		return API_DONE;
	if (res->status == 429)
		return API_AGAIN;
	if (http_status_transient(res->status))
		return API_DOUBT;
	if (res->status == 401 && bearer)
		return API_RENEW;
	s = read_body(res, a);
	/* An 8-minute drift is refused; so is a time from before a suspend. */
	if (!bearer && (says(&s, "INVALID_SIGNATURE", "invalid signature") ||
			       says(&s, "QUERY_TIME_OUT", "query out of time")))
		return API_RENEW;
	return API_FINAL;
}

/* What to do about the errors that people meet. */
static const struct {
	const char *code, *message, *hint;
} hints[] = {
	{ "NOT_GRANTED_CALL", "has not been granted",
		"the consumer key has no rule for this call: make one that has" },
	{ "INVALID_CREDENTIAL", "credential is not valid",
		"the consumer key is wrong, has expired, or was never validated in the browser" },
	{ "INVALID_CREDENTIAL", "credential does not exist", "the consumer key is wrong" },
	{ "NOT_CREDENTIAL", "must login first", "no consumer key came with the call" },
	{ "INVALID_KEY", "application key is invalid",
		"keys belong to one endpoint (ovh-eu, ovh-ca, ovh-us): is it the right one?" },
	{ "INVALID_SIGNATURE", "invalid signature",
		"the application secret or the consumer key does not belong to the application key" },
	{ "QUERY_TIME_OUT", "query out of time", "a clock is wrong, here or on the way" },
	{ "invalid_client", NULL, "client_id or client_secret is wrong" },
};

static void add_denied(const struct said *s, struct arena *a, struct error *e)
{
	static const char *const keys[] = { "unauthorizedActionsByIAM",
		"unauthorizedActionsByAuthentication" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *actions = node_str(node_get(s->details, keys[i]));

		if (actions && *actions)
			error_append(e, "; not allowed: %s", api_clean(a, actions));
	}
}

void ovh_complain(
	const struct api_call *c, const struct http_response *res, bool transient, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct said s = read_body(res, a);
	char word[32];

	error_set(e, transient ? ERR_NETWORK : ERR_FAILED, "%s: %s %s: %s", c->who, c->method,
		c->path, http_status_text(res->status, word));
	if (s.message)
		error_append(e, ": %s", api_clean(a, s.message));
	else if (res->body.len > 0)
		error_append(e, " (%zu bytes that say nothing readable)", res->body.len);
	if (s.code || s.query_id)
		error_append(e, " (%s%s%s%s)", s.code ? api_clean(a, s.code) : "",
			s.code && s.query_id ? ", " : "", s.query_id ? "query " : "",
			s.query_id ? api_clean(a, s.query_id) : "");
	e->denied = res->status == 401 || res->status == 403;
	add_denied(&s, a, e);
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
		if (!says(&s, hints[i].code, hints[i].message))
			continue;
		error_append(e, "; %s", hints[i].hint);
		break;
	}
}
