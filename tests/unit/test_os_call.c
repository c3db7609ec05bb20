/* Calls of OpenStack's services: where they go, which are repeated, what they come to. */
#include "os_play.h"

#include "os_parts.h"

#include "http.h"

static void endpoints_get_the_version_that_is_spoken(void)
{
	static const struct {
		enum os_service service;
		const char *url, *want;
	} cases[] = {
		{ OS_IMAGE, "https://i/", "https://i/v2" },
		{ OS_IMAGE, "https://i", "https://i/v2" },
		{ OS_IMAGE, "https://i/v2", "https://i/v2" },
		{ OS_IMAGE, "https://i/v2/", "https://i/v2" },
		{ OS_IMAGE, "https://i/v1", "https://i/v2" },
		{ OS_IMAGE, "https://h/image/v2.9", "https://h/image/v2" },
		{ OS_IMAGE, "https://v2.example/image", "https://v2.example/image/v2" },
		{ OS_IMAGE, "https://i/v2beta", "https://i/v2beta/v2" },
		{ OS_COMPUTE, "https://c/v2.1", "https://c/v2.1" },
		{ OS_COMPUTE, "https://c/v2.1/PROJECT/", "https://c/v2.1/PROJECT" },
		{ OS_COMPUTE, "https://c/v2/PROJECT", "https://c/v2/PROJECT" },
		{ OS_COMPUTE, "https://h/compute", "https://h/compute/v2.1" },
		{ OS_NETWORK, "https://n:9696/", "https://n:9696/v2.0" },
		{ OS_NETWORK, "https://n/v2.0", "https://n/v2.0" },
		{ OS_VOLUME, "https://v/v3/PROJECT", "https://v/v3/PROJECT" },
		{ OS_VOLUME, "https://v/v3/", "https://v/v3/p" },
		{ OS_VOLUME, "https://v", "https://v/v3/p" },
		{ OS_IDENTITY, "https://k", "https://k/v3" },
		{ OS_IDENTITY, "https://k/identity/v2.0/", "https://k/identity/v3" },
		{ OS_PLACEMENT, "https://p/placement/", "https://p/placement" },
		{ OS_IMAGE, "", "/v2" },
	};
	_cleanup_(arena_freep) struct arena *a = arena_new();

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_str(os_versioned(cases[i].service, cases[i].url, "p", a), cases[i].want);
}

static void the_catalogue_is_chosen_from(void)
{
	static const struct {
		enum os_service service;
		const char *region, *own, *interface, *want; /* own: access.region */
	} cases[] = {
		{ OS_IMAGE, NULL, "ONE", NULL, "https://glance.one/v2" },
		{ OS_IMAGE, "TWO", "ONE", NULL, "https://glance.two/v2" },
		{ OS_IMAGE, NULL, "ONE", "internal", "https://inside/v2" },
		{ OS_COMPUTE, NULL, NULL, NULL, "https://nova.one/v2.1" }, /* the only one */
		{ OS_IDENTITY, NULL, NULL, NULL, "https://keystone/v3" },
		{ OS_IMAGE, NULL, NULL, NULL,
			"the service 'image' is in several regions: choose one; there are: ONE, TWO" },
		{ OS_COMPUTE, "TWO", NULL, NULL,
			"there is no service 'compute' in region 'TWO'; there are: ONE" },
		{ OS_NETWORK, NULL, "ONE", NULL, "the cloud's catalogue has no service 'network'" },
		{ OS_COMPUTE, NULL, "ONE", "internal",
			"the cloud's catalogue has no internal endpoint of the service 'compute'" },
	};
	static const struct fake_reply script[] = { SIGN_IN, {} };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(play_end) struct play p = { .access = { .auth_url = "https://keystone",
							      .user_name = "u",
							      .password = "w",
							      .project_id = "p",
							      .region = cases[i].own,
							      .interface = cases[i].interface } };
		const char *url = NULL;
		int r;

		play_begin(&p, script);
		r = os_endpoint(p.os, cases[i].service, cases[i].region, p.arena, &url, &p.e);
		check_str(r == 0 ? url : p.e.msg, cases[i].want);
	}
}

static void a_token_goes_to_no_odd_endpoint(void)
{
	static const char *const urls[] = { "http://glance.one", "http://localhost.evil/",
		"ftp://g", "https://g/?x=", "https://g/#", "https://g/ x", "https://g/\\u001b[2J",
		"" };

	for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
		char body[512];
		const struct fake_reply script[] = {
			{ TOKENS, .status = 201, .body = body, .headers = play_token }, {}
		};
		_cleanup_(play_end) struct play p = { 0 };
		const char *url;

		snprintf(body, sizeof body,
			"{\"token\":{\"issued_at\":\"2026-11-29T11:00:00Z\",\"expires_at\":"
			"\"2026-11-29T12:00:00Z\",\"catalog\":[{\"type\":\"image\",\"endpoints\":[{"
			"\"interface\":\"public\",\"region\":\"ONE\",\"url\":\"%s\"}]}]}}",
			urls[i]);
		play_begin(&p, script);
		check_int(os_endpoint(p.os, OS_IMAGE, NULL, p.arena, &url, &p.e), -ERR_FAILED);
		check(strstr(
			p.e.msg, "image in ONE: its endpoint in the catalogue is no https:// URL"));
		check(!strchr(p.e.msg, '\033'));
	}
}

static void regions_are_listed(void)
{
	static const struct fake_reply script[] = { SIGN_IN, {} };
	_cleanup_(play_end) struct play p = { 0 };
	const char *const *regions = NULL, *project = NULL;
	bool has;

	play_begin(&p, script);
	check_int(os_regions(p.os, OS_IMAGE, p.arena, &regions, &p.e), 0);
	check_str(regions[0], "ONE");
	check_str(regions[1], "TWO");
	check(!regions[2]);
	check_int(os_regions(p.os, OS_NETWORK, p.arena, &regions, &p.e), 0);
	check(!regions[0]);
	check_int(os_has(p.os, OS_COMPUTE, "TWO", &has, &p.e), 0);
	check(!has);
	check_int(os_has(p.os, OS_COMPUTE, NULL, &has, &p.e), 0);
	check(has);
	check_int(os_project(p.os, p.arena, &project, &p.e), 0);
	check_str(project, "p");
	fake_http_done(&p.fake);
}

#define URL NOVA "/x"

static void in_a_hurry_there_are_two_attempts(void)
{
	static const struct fake_reply script[] = {
		SIGN_IN,
		{ "GET " URL, .status = 503 },
		{ "GET " URL, .failure = HTTP_MAYBE_SENT },
		{ "GET " URL, .status = 503 },
		{ "GET " URL, .status = 503 },
		{ "GET " URL, .status = 200, .body = "{}" },
		{},
	};
	_cleanup_(play_end) struct play p = { 0 };

	play_begin(&p, script);
	os_hurry(p.os, true);
	check_int(play_ask(&p, OS_COMPUTE, "GET", "/x"), -ERR_NETWORK);
	check(p.e.transient);
	os_hurry(p.os, false);
	check_int(play_ask(&p, OS_COMPUTE, "GET", "/x"), 0);
	fake_http_done(&p.fake);
}

static void harmless_calls_are_repeated(void)
{
	static const struct http_header later[] = { { "Retry-After", "20" }, {} };
	static const struct fake_reply script[] = {
		SIGN_IN,
		{ "PUT " URL, .failure = HTTP_NOT_SENT, .connection = "kept" },
		{ "PUT " URL, .failure = HTTP_MAYBE_SENT },
		{ "PUT " URL, .status = 503, .body = "<html>busy" },
		{ "PUT " URL, .status = 429, .headers = later },
		{ "PUT " URL, .status = 200, .body = "{\"half\":" },
		{ "PUT " URL, .status = 200, .body = "{\"whole\":1}" },
		{},
	};
	_cleanup_(play_end) struct play p = { 0 };

	play_begin(&p, script);
	check_int(play_ask(&p, OS_COMPUTE, "PUT", "/x"), 0);
	check(node_get(p.answer, "whole"));
	check(p.slept_ms >= 20000 && p.slept_ms < 20000 + 600 + 500 + 1000 + 2000 + 8000);
	check_int(os_calls(p.os), 7);
	fake_http_done(&p.fake);
}

static void creations_are_repeated_only_when_they_were_not_made(void)
{
	static const struct http_header later[] = { { "Retry-After", "1" }, {} };
	static const struct fake_reply script[] = {
		SIGN_IN,
		{ "POST " URL, .failure = HTTP_NOT_SENT, .connection = "fresh" },
		{ "POST " URL, .status = 429, .connection = "fresh" },
		{ "POST " URL, .status = 413, .headers = later, .connection = "fresh" },
		{ "POST " URL, .status = 502, .body = "<html>", .connection = "fresh" },
		{ "POST " URL, .failure = HTTP_MAYBE_SENT },
		{ "POST " URL, .status = 202, .body = "{\"server\":{\"id\":" },
		{},
	};
	_cleanup_(play_end) struct play p = { 0 };

	play_begin(&p, script);
	for (int i = 0; i < 3; i++) {
		check_int(play_ask(&p, OS_COMPUTE, "POST", "/x"), OS_UNSURE);
		check_int(p.e.code, ERR_NETWORK);
	}
	fake_http_done(&p.fake);
}

static void a_harmless_creation_may_be_repeated(void)
{
	static const struct fake_reply script[] = {
		SIGN_IN,
		{ "POST " URL, .has = "{}", .failure = HTTP_MAYBE_SENT, .connection = "kept" },
		{ "POST " URL, .status = 200, .body = "{}" },
		{},
	};
	_cleanup_(play_end) struct play p = { 0 };
	const struct os_query q = { .service = OS_COMPUTE,
		.method = "POST",
		.path = "/x",
		.body = "{}",
		.harmless = true };

	play_begin(&p, script);
	check_int(os_call(p.os, &q, p.arena, &p.answer, &p.e), 0);
	fake_http_done(&p.fake);
}

static void outcomes_are_named(void)
{
	static const struct http_header hour[] = { { "Retry-After", "3600" }, {} };
	static const struct {
		long status;
		int outcome;
		const struct http_header *headers;
	} cases[] = {
		{ 200, 0, NULL },
		{ 202, 0, NULL },
		{ 204, 0, NULL },
		{ 400, OS_REFUSED, NULL },
		{ 403, OS_REFUSED, NULL },
		{ 404, OS_ABSENT, NULL },
		{ 405, -ERR_FAILED, NULL },
		{ 406, -ERR_FAILED, NULL },
		{ 409, OS_CONFLICT, NULL },
		{ 410, OS_ABSENT, NULL },
		{ 413, OS_REFUSED, NULL },
		{ 415, -ERR_FAILED, NULL },
		{ 422, OS_REFUSED, NULL },
		{ 300, -ERR_FAILED, NULL },
		{ 302, -ERR_FAILED, NULL },
		{ 501, -ERR_FAILED, NULL },
		{ 429, -ERR_NETWORK, hour },
		{ 503, -ERR_NETWORK, hour },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct fake_reply script[] = { SIGN_IN,
			{ "GET " URL, .status = cases[i].status, .headers = cases[i].headers },
			{} };
		_cleanup_(play_end) struct play p = { 0 };

		play_begin(&p, script);
		check_int(play_ask(&p, OS_COMPUTE, "GET", "/x"), cases[i].outcome);
		check(cases[i].outcome == 0 || *p.e.msg);
		if (cases[i].headers)
			check(strstr(p.e.msg, "; the server asks to come back in 3600 s"));
		fake_http_done(&p.fake);
	}
}

static void patience_ends(void)
{
	static const struct fake_reply script[] = { SIGN_IN, { "GET " URL, .status = 503 },
		{ "GET " URL, .status = 503 }, { "GET " URL, .status = 503 },
		{ "GET " URL, .status = 503 }, { "GET " URL, .status = 503 },
		{ "GET " URL, .status = 503 }, {} };
	_cleanup_(play_end) struct play p = { 0 };
	const struct os_query q = { .service = OS_COMPUTE, .method = "GET", .path = "/x" };

	play_begin(&p, script);
	check_int(os_must(p.os, &q, p.arena, &p.answer, &p.e), -ERR_NETWORK);
	check_str(p.e.msg, "compute in ONE: GET /x: 503 Service Unavailable");
	fake_http_done(&p.fake);
}

static void ten_calls_a_second_and_no_more(void)
{
	struct fake_reply script[40] = { SIGN_IN };
	_cleanup_(play_end) struct play p = { 0 };

	for (size_t i = 1; i < 32; i++)
		script[i] = (struct fake_reply){ i % 2 ? "GET " URL : "GET " GLANCE "/x",
			.status = 200 };
	play_begin(&p, script);
	for (size_t i = 1; i < 32; i++)
		check_int(play_ask(&p, i % 2 ? OS_COMPUTE : OS_IMAGE, "GET", "/x"), 0);
	check_int(p.slept_ms, 3100);
	fake_http_done(&p.fake);
}

int main(void)
{
	run(endpoints_get_the_version_that_is_spoken);
	run(the_catalogue_is_chosen_from);
	run(a_token_goes_to_no_odd_endpoint);
	run(regions_are_listed);
	run(in_a_hurry_there_are_two_attempts);
	run(harmless_calls_are_repeated);
	run(creations_are_repeated_only_when_they_were_not_made);
	run(a_harmless_creation_may_be_repeated);
	run(outcomes_are_named);
	run(patience_ends);
	run(ten_calls_a_second_and_no_more);
	return done();
}
