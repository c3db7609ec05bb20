/* OVH's API client: signatures against published vectors, what is repeated and what is not, words. */
#include "ovh.h"

#include "api.h"
#include "arena.h"
#include "check.h"
#include "clock.h"
#include "fake_http.h"
#include "node.h"
#include "ovh_parts.h"

/* The revoked keys that the test vectors of OVH's own clients are made with. */
static const struct ovh_keys keys = {
	.application_key = "TDPKJdwZwAQPwKX2",
	.application_secret = "9ufkBmLaTQ9nz5yMUlg79taH0GNnzDjk",
	.consumer_key = "5mBuy6SUQcRw2ZUxg0cG68BoDKpED4KY",
};
static const struct ovh_keys oauth = {
	.endpoint = "https://api/1.0",
	.token_url = "https://token/",
	.client_id = "id",
	.client_secret = "se+cret",
};

/* A clock that moves when somebody sleeps. */
struct wait_clock {
	int64_t now_ms, slept_ms;
};

static int64_t clock_now(void *arg)
{
	return ((struct wait_clock *)arg)->now_ms;
}

static int clock_sleep(void *arg, int64_t ms)
{
	struct wait_clock *c = arg;

	c->now_ms += ms;
	c->slept_ms += ms;
	return 0;
}

struct play {
	struct fake_http fake;
	struct http http;
	struct wait_clock wait;
	struct clock clock;
	struct ovh *ovh;
	struct arena *arena;
	struct node *answer;
	struct error e;
};

static void play_end(struct play *p)
{
	ovh_free(p->ovh);
	arena_free(p->arena);
}

static void play_begin(struct play *p, const struct ovh_keys *k, const struct fake_reply *script)
{
	p->fake = (struct fake_http){ script };
	p->http = fake_http(&p->fake);
	p->wait.now_ms = 5000;
	p->clock = (struct clock){ clock_now, clock_sleep, &p->wait };
	p->arena = arena_new();
	check_int(ovh_new(&p->ovh, k, &p->http, &p->clock, &p->e), 0);
}

static int ask(struct play *p, const char *method, const char *path, const char *body)
{
	p->e = (struct error){};
	return ovh_call(p->ovh, &(struct ovh_query){ .method = method, .path = path, .body = body },
		p->arena, &p->answer, &p->e);
}

#define EU "https://eu.api.ovh.com/1.0"
#define TIME                                                                                       \
	{                                                                                          \
		"GET " EU "/auth/time", .status = 200, .body = "1457018875"                        \
	}

static void signatures_are_the_published_ones(void)
{
	static const struct {
		const char *method, *url, *body, *signature;
	} vectors[] = {
		{ "GET", EU "/auth", NULL, "$1$e9556054b6309771395efa467c22e627407461ad" },
		{ "POST", EU "/auth", "{\"a\":\"b\",\"c\":\"d\"}",
			"$1$ec2fb5c7a81f64723c77d2e5b609ae6f58a84fc1" },
		{ "PUT", EU "/auth", "{\"a\":\"b\",\"c\":\"d\"}",
			"$1$8a75a9e7c8e7296c9dbeda6a2a735eb6bd58ec4b" },
		{ "DELETE", EU "/auth", NULL, "$1$a1eecd00b3b02b6cf5708b84b9ff42059a950d85" },
		{ "GET", "https://eu.api.ovh.com/v2/call", NULL,
			"$1$bb63b132a6f84ad5433d0c534d48d3f7c3804285" },
	};
	char got[44];

	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		const struct ovh_query q = { .method = vectors[i].method, .body = vectors[i].body };

		ovh_sign(&keys, &q, vectors[i].url, 1457018875, got);
		check_str(got, vectors[i].signature);
	}
}

static void urls_are_made_as_the_official_clients_make_them(void)
{
	static const struct {
		const char *endpoint, *path, *url;
	} cases[] = {
		{ "https://h/1.0", "/me", "https://h/1.0/me" },
		{ "https://h/1.0", "/v1/me", "https://h/v1/me" },
		{ "https://h/1.0", "/v2/iam", "https://h/v2/iam" },
		{ "https://h/1.0", "/v2x", "https://h/1.0/v2x" },
		{ "http://h:1/x", "/v2/iam", "http://h:1/x/v2/iam" },
	};
	_buf_ escaped = BUF_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_buf_ url = BUF_INIT;

		ovh_url(cases[i].endpoint, cases[i].path, &url);
		check_str(buf_str(&url), cases[i].url);
	}
	api_escape(&escaped, "*.a b/é~_-");
	check_str(buf_str(&escaped), "%2A.a%20b%2F%C3%A9~_-");
}

static void keys_are_whole_and_of_one_kind(void)
{
	static const struct {
		struct ovh_keys k;
		const char *message;
	} cases[] = {
		{ {}, "no keys for OVH" },
		{ { .application_key = "a", .application_secret = "b" },
			"'consumer_key' is missing" },
		{ { .application_key = "a", .consumer_key = "b", .application_secret = "" },
			"'application_secret' is missing" },
		{ { .client_id = "a" }, "'client_secret' is missing" },
		{ { .client_id = "a", .client_secret = "b", .access_token = "c" }, "two ways" },
		{ { .access_token = "c", .endpoint = "ovh-fr" }, "unknown endpoint 'ovh-fr'" },
		{ { .access_token = "c", .endpoint = "https://h/1.0/" }, "must not end in '/'" },
		{ { .client_id = "a", .client_secret = "b", .endpoint = "sys-eu" },
			"no known token server" },
		{ { .client_id = "a",
			  .client_secret = "b",
			  .endpoint = "https://h/1.0",
			  .token_url = "http://127.0.0.1.evil/" },
			"only go to https://" },
		{ { .access_token = "c", .endpoint = "http://h/1.0" }, "only go to https://" },
		{ { .access_token = "c", .endpoint = "http://127.0.0.1:8/1.0" }, NULL },
		{ { .client_id = "a", .client_secret = "b", .endpoint = "ovh-us" }, NULL },
		{ { .access_token = "c", .endpoint = "ks-ca" }, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error e = {};
		int r = ovh_keys_check(&cases[i].k, &e);

		check_int(r, cases[i].message ? -ERR_INVALID : 0);
		if (cases[i].message && !strstr(e.msg, cases[i].message))
			check_fail("'%s' is not about '%s'", e.msg, cases[i].message);
	}
}

static void calls_are_signed_with_the_servers_time(void)
{
	static const struct fake_reply script[] = {
		{ "GET " EU "/auth/time", .header = "X-Ovh-Application: TDPKJdwZwAQPwKX2",
			.status = 200, .body = "1457018875" },
		{ "GET " EU "/call",
			.header = "X-Ovh-Signature: $1$7f2db49253edfc41891023fcd1a54cf61db05fbb",
			.status = 200, .body = "[1,5420906913]" },
		{ "DELETE " EU "/x", .header = "X-Ovh-Consumer: 5mBuy6SUQcRw2ZUxg0cG68BoDKpED4KY",
			.status = 200, .body = "null" },
		{},
	};
	_cleanup_(play_end) struct play p = {};
	int64_t id;

	play_begin(&p, &keys, script);
	check_int(ask(&p, "GET", "/call", NULL), 0);
	check_int(p.answer->n, 2);
	check(node_is_int(p.answer->items[1], &id));
	check_int(id, 5420906913);
	check_int(ask(&p, "DELETE", "/x", NULL), 0);
	check(node_is_null(p.answer));
	fake_http_done(&p.fake);
	check_int(p.wait.slept_ms, 200); /* ten calls a second, no more */
}

static void a_refused_signature_asks_for_the_time_once(void)
{
	static const char refused[] =
		"{\"errorCode\":\"INVALID_SIGNATURE\",\"httpCode\":\"400 Bad "
		"Request\",\"message\":\"Invalid signature\"}";
	static const struct fake_reply script[] = {
		TIME,
		{ "POST " EU "/x", .status = 400, .body = refused },
		{ "GET " EU "/auth/time", .status = 200, .body = "1457020000" },
		{ "POST " EU "/x", .header = "X-Ovh-Timestamp: 1457020000", .status = 200 },
		{ "POST " EU "/x", .status = 400, .body = refused },
		{ "GET " EU "/auth/time", .status = 200, .body = "1457020000" },
		{ "POST " EU "/x", .status = 400, .body = refused },
		{},
	};
	_cleanup_(play_end) struct play p = {};

	play_begin(&p, &keys, script);
	check_int(ask(&p, "POST", "/x", "{}"), 0);
	check_int(ask(&p, "POST", "/x", "{}"), -ERR_FAILED);
	check_str(p.e.msg,
		"OVH: POST /x: 400 Bad Request: Invalid signature (INVALID_SIGNATURE); the "
		"application secret or the consumer key does not belong to the application key");
	fake_http_done(&p.fake);
}

static void harmless_calls_are_repeated(void)
{
	static const struct http_header later[] = { { "Retry-After", "20" }, {} };
	static const struct fake_reply script[] = {
		{ "GET " EU "/auth/time", .failure = HTTP_NOT_SENT },
		{ "GET " EU "/auth/time", .status = 503, .body = "<html>busy" },
		TIME,
		{ "PUT " EU "/x", .status = 500, .body = "{\"message\":\"oops\"}" },
		{ "PUT " EU "/x", .status = 429, .headers = later },
		{ "PUT " EU "/x", .status = 200, .body = "{\"half\":" },
		{ "PUT " EU "/x", .failure = HTTP_MAYBE_SENT },
		{ "PUT " EU "/x", .status = 204 },
		{},
	};
	_cleanup_(play_end) struct play p = {};

	play_begin(&p, &keys, script);
	check_int(ask(&p, "PUT", "/x", "{}"), 0);
	fake_http_done(&p.fake);
	check(p.wait.slept_ms >= 20000);
}

static void creations_are_repeated_only_when_they_were_not_made(void)
{
	static const struct fake_reply script[] = {
		TIME,
		{ "POST " EU "/x", .failure = HTTP_NOT_SENT },
		{ "POST " EU "/x", .status = 429 },
		{ "POST " EU "/x", .status = 502, .body = "<html>" },
		{ "POST " EU "/x", .failure = HTTP_MAYBE_SENT },
		{ "POST " EU "/x", .status = 200, .body = "{\"id\": 1" },
		{},
	};
	_cleanup_(play_end) struct play p = {};

	play_begin(&p, &keys, script);
	for (int i = 0; i < 3; i++) {
		check_int(ask(&p, "POST", "/x", "{}"), OVH_UNSURE);
		check_int(p.e.code, ERR_NETWORK);
	}
	fake_http_done(&p.fake);
}

static void patience_ends(void)
{
	static const struct fake_reply script[] = {
		TIME,
		{ "GET " EU "/x", .status = 503 },
		{ "GET " EU "/x", .status = 503 },
		{ "GET " EU "/x", .status = 503 },
		{ "GET " EU "/x", .status = 503 },
		{ "GET " EU "/x", .status = 503 },
		{ "GET " EU "/x", .status = 503, .body = "<html>\n" },
		{},
	};
	_cleanup_(play_end) struct play p = {};

	play_begin(&p, &keys, script);
	check_int(ask(&p, "GET", "/x", NULL), -ERR_NETWORK);
	check_str(p.e.msg,
		"OVH: GET /x: 503 Service Unavailable (7 bytes that say nothing readable)");
	fake_http_done(&p.fake);
}

static void outcomes_are_named(void)
{
	static const struct fake_reply script[] = {
		TIME,
		{ "GET " EU "/x", .status = 404, .body = "{\"class\":\"Client::NotFound\"}" },
		{ "GET " EU "/x", .status = 404 },
		{ "POST " EU "/x", .status = 409 },
		{},
	};
	_cleanup_(play_end) struct play p = {};

	play_begin(&p, &keys, script);
	check_int(ask(&p, "GET", "/x", NULL), OVH_ABSENT);
	check_int(ovh_must(p.ovh, &(struct ovh_query){ .method = "GET", .path = "/x" }, p.arena,
			  &p.answer, &p.e),
		-ERR_FAILED);
	check_int(ask(&p, "POST", "/x", "{}"), OVH_CONFLICT);
	fake_http_done(&p.fake);
}

static void errors_say_what_the_server_said(void)
{
	static const struct http_header id[] = { { "X-OVH-QUERYID", "EU.ext-3.63ac" }, {} };
	static const struct {
		long status;
		const char *body, *message;
	} cases[] = {
		{ 403,
			"{\"errorCode\":\"NOT_GRANTED_CALL\",\"message\":\"This call has not been "
			"granted\"}",
			"403 Forbidden: This call has not been granted (NOT_GRANTED_CALL, query "
			"EU.ext-3.63ac); the consumer key has no rule for this call: make one that "
			"has" },
		{ 403,
			"{\"class\":\"Client::Forbidden\",\"message\":\"User not granted for this "
			"request\",\"details\":{\"unauthorizedActionsByIAM\":\"dnsZone:apiovh:refresh\"}}",
			"403 Forbidden: User not granted for this request (Client::Forbidden, query "
			"EU.ext-3.63ac); not allowed: dnsZone:apiovh:refresh" },
		{ 400, "{\"message\":\"evil\\u001b[2J\\u0000\\nline\"}",
			"400 Bad Request (39 bytes that say nothing readable) (query EU.ext-3.63ac)" },
		{ 400, "{\"message\":\"evil\\u001b[2J\\nline\"}",
			"400 Bad Request: evil [2J line (query EU.ext-3.63ac)" },
		{ 400, "{\"message\":17,\"class\":null,\"details\":[]}",
			"400 Bad Request: 17 (query EU.ext-3.63ac)" },
		{ 418, "", "418 (query EU.ext-3.63ac)" },
	};
	char want[512];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct fake_reply script[] = { TIME,
			{ "GET " EU "/x", .status = cases[i].status, .body = cases[i].body,
				.headers = id },
			{} };
		_cleanup_(play_end) struct play p = {};

		play_begin(&p, &keys, script);
		check_int(ask(&p, "GET", "/x", NULL), -ERR_FAILED);
		snprintf(want, sizeof want, "OVH: GET /x: %s", cases[i].message);
		check_str(p.e.msg, want);
	}
}

static void long_words_of_servers_are_cut(void)
{
	char body[4096] = "{\"message\":\"";
	const struct fake_reply script[] = { TIME, { "GET " EU "/x", .status = 400, .body = body },
		{} };
	_cleanup_(play_end) struct play p = {};

	for (size_t i = strlen(body); i < 3000; i += 2)
		strcpy(body + i, "é");
	strcat(body, "\"}");
	play_begin(&p, &keys, script);
	check_int(ask(&p, "GET", "/x", NULL), -ERR_FAILED);
	check(strlen(p.e.msg) < 400);
	check(strstr(p.e.msg, "é…"));
}

#define TOKEN "{\"access_token\":\"tok\",\"token_type\":\"Bearer\",\"expires_in\":3599}"

static void a_token_is_kept_and_renewed(void)
{
	static const struct fake_reply script[] = {
		{ "POST https://token/", .has = "&client_id=id&client_secret=se%2Bcret",
			.header = "Content-Type: application/x-www-form-urlencoded", .status = 200,
			.body = TOKEN },
		{ "GET https://api/1.0/x", .header = "Authorization: Bearer tok", .status = 200,
			.body = "1" },
		{ "GET https://api/1.0/x", .status = 200, .body = "2" },
		/* an hour later */
		{ "POST https://token/", .status = 200, .body = TOKEN },
		{ "GET https://api/1.0/x", .status = 200, .body = "3" },
		/* withdrawn */
		{ "GET https://api/1.0/x", .status = 401 },
		{ "POST https://token/", .status = 503 },
		{ "POST https://token/", .status = 200,
			.body = "{\"access_token\":\"new\",\"expires_in\":3599}" },
		{ "GET https://api/1.0/x", .header = "Authorization: Bearer new", .status = 401 },
		{},
	};
	_cleanup_(play_end) struct play p = {};

	play_begin(&p, &oauth, script);
	check_int(ask(&p, "GET", "/x", NULL), 0);
	check_int(ask(&p, "GET", "/x", NULL), 0);
	p.wait.now_ms += 3570000;
	check_int(ask(&p, "GET", "/x", NULL), 0);
	check_int(ask(&p, "GET", "/x", NULL), -ERR_FAILED);
	fake_http_done(&p.fake);
}

static void wrong_tokens_are_named(void)
{
	static const struct {
		const char *body, *message;
	} cases[] = {
		{ "{\"error\":\"invalid_client\"}",
			"OVH: the token server refuses client_id and client_secret (invalid_client)" },
		/* What steers a terminal, of one byte and of two. */
		{ "{\"error\":\"no\\u001b[2J\\u009b31m\\u007f\"}",
			"OVH: the token server refuses client_id and client_secret (no [2J  31m )" },
		{ "{}", "OVH: the token server's answer: 'access_token' must be text, not missing" },
		{ "{\"access_token\":null}",
			"OVH: the token server's answer: 'access_token' must be text, not nothing" },
		{ "[]", "OVH: the token server's answer: 'access_token' must be text, not missing" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct fake_reply script[] = {
			{ "POST https://token/", .status = 200, .body = cases[i].body }, {}
		};
		_cleanup_(play_end) struct play p = {};

		play_begin(&p, &oauth, script);
		check_int(ask(&p, "GET", "/x", NULL), -ERR_FAILED);
		check_str(p.e.msg, cases[i].message);
	}
}

static void no_secret_is_in_a_message(void)
{
	static const struct fake_reply script[] = {
		{ "POST https://token/", .status = 400, .body = "{\"error\":\"invalid_client\"}" },
		{},
	};
	_cleanup_(play_end) struct play p = {};

	play_begin(&p, &oauth, script);
	check_int(ask(&p, "GET", "/x", NULL), -ERR_FAILED);
	check(strstr(p.e.msg, "client_id or client_secret is wrong"));
	check(!strstr(p.e.msg, "cret="));
	check(!strstr(p.e.msg, oauth.client_secret));
}

static void the_servers_time_must_be_a_number(void)
{
	static const char *const bodies[] = { "\"soon\"", "null", "{}", "-1", "9223372036854775807",
		"1e300" };

	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		const struct fake_reply script[] = {
			{ "GET " EU "/auth/time", .status = 200, .body = bodies[i] }, {}
		};
		_cleanup_(play_end) struct play p = {};

		play_begin(&p, &keys, script);
		check_int(ask(&p, "GET", "/x", NULL), -ERR_FAILED);
		check(strstr(p.e.msg, "GET /auth/time"));
	}
}

static void who_asks_for_it_is_told_of_a_refusal(void)
{
	static const struct fake_reply script[] = {
		TIME,
		{ "GET " EU "/x", .status = 403, .body = "{\"message\":\"no\"}" },
		{ "GET " EU "/x", .status = 403, .body = "{\"message\":\"no\"}" },
		{ "GET " EU "/x", .status = 400, .body = "{\"message\":\"what\"}" },
		{},
	};
	struct ovh_query q = { .method = "GET", .path = "/x", .may_be_denied = true };
	_cleanup_(play_end) struct play p = {};

	play_begin(&p, &keys, script);
	check_int(ovh_call(p.ovh, &q, p.arena, NULL, &p.e), OVH_DENIED);
	check_int(ovh_must(p.ovh, &q, p.arena, NULL, &p.e), -ERR_FAILED);
	check_int(ovh_call(p.ovh, &q, p.arena, NULL, &p.e), -ERR_FAILED);
	fake_http_done(&p.fake);
}

int main(void)
{
	run(signatures_are_the_published_ones);
	run(urls_are_made_as_the_official_clients_make_them);
	run(keys_are_whole_and_of_one_kind);
	run(calls_are_signed_with_the_servers_time);
	run(a_refused_signature_asks_for_the_time_once);
	run(harmless_calls_are_repeated);
	run(creations_are_repeated_only_when_they_were_not_made);
	run(patience_ends);
	run(outcomes_are_named);
	run(errors_say_what_the_server_said);
	run(long_words_of_servers_are_cut);
	run(a_token_is_kept_and_renewed);
	run(wrong_tokens_are_named);
	run(no_secret_is_in_a_message);
	run(the_servers_time_must_be_a_number);
	run(who_asks_for_it_is_told_of_a_refusal);
	return done();
}
