/* Answers of OpenStack's services: errors in words, pages, microversions. */
#include "os_play.h"

#include "http.h"

#define URL NOVA "/x"

static const struct {
	long status;
	const char *body, *message;
} error_bodies[] = {
	{ 400, "{\"badRequest\":{\"code\":400,\"message\":\"Image is not active.\"}}",
		"400 Bad Request: Image is not active. (request req-1)" },
	{ 403,
		"{\"forbidden\":{\"message\":\"Quota exceeded for instances: Requested 1, but "
		"already used 10 of 10 instances\"}}",
		"403 Forbidden: Quota exceeded for instances: Requested 1, but already used 10 "
		"of 10 instances (request req-1)" },
	{ 404,
		"{\"NeutronError\":{\"type\":\"NetworkNotFound\",\"message\":\"Network x could "
		"not be found.\",\"detail\":\"\"}}",
		"404 Not Found: Network x could not be found. (request req-1)" },
	{ 409, "{\"NeutronError\":\"plain text\"}", "409 Conflict: plain text (request req-1)" },
	{ 403, "{\"error\":{\"code\":403,\"message\":\"You are not authorized\"}}",
		"403 Forbidden: You are not authorized (request req-1)" },
	{ 403,
		"<html>\n <head>\n  <title>403 Forbidden</title>\n </head>\n <body>\n  "
		"<h1>403 Forbidden</h1>\n  Attribute &#39;size&#39; is read-only.<br />"
		"<br />\n\n\n </body>\n</html>",
		"403 Forbidden: Attribute 'size' is read-only. (request req-1)" },
	{ 403,
		"{\"message\":\"Attribute 'size' is read-only.<br /><br />\\n\\n\\n\","
		"\"code\":\"403 Forbidden\",\"title\":\"Forbidden\"}",
		"403 Forbidden: Attribute 'size' is read-only. (request req-1)" },
	{ 404, "<html><head><title>404</title></head><body><h1>Gone fishing</h1></body>",
		"404 Not Found: Gone fishing (request req-1)" },
	{ 404, "404 Not Found\n\nThe resource could not be found.\n\n   ",
		"404 Not Found: 404 Not Found The resource could not be found. (request req-1)" },
	{ 400,
		"{\"errors\":[{\"status\":400,\"title\":\"Bad Request\",\"detail\":\"JSON does "
		"not validate\",\"request_id\":\"r\"}]}",
		"400 Bad Request: JSON does not validate (request req-1)" },
	{ 400, "{\"faultcode\":\"Client\",\"faultstring\":\"no such pool\",\"debuginfo\":null}",
		"400 Bad Request: no such pool (request req-1)" },
	{ 400, "{\"badRequest\":{\"message\":\"<class 'x'> failed\"}}",
		"400 Bad Request: <class 'x'> failed (request req-1)" },
	{ 400, "{\"badRequest\":{\"message\":\"evil\\u001b[2J\\nline\"}}",
		"400 Bad Request: evil [2J line (request req-1)" },
	{ 400, "{\"badRequest\":null}",
		"400 Bad Request (19 bytes that say nothing readable) (request req-1)" },
	{ 400, "[]", "400 Bad Request (2 bytes that say nothing readable) (request req-1)" },
	{ 400, "<", "400 Bad Request (1 bytes that say nothing readable) (request req-1)" },
	{ 400, "<!-- never ends",
		"400 Bad Request (15 bytes that say nothing readable) (request req-1)" },
	{ 405, "", "405 Method Not Allowed (request req-1)" },
};

static void errors_say_what_the_service_said(void)
{
	static const struct http_header id[] = { { "X-Openstack-Request-Id", "req-1" },
		{ "Content-Type", "text/html" }, {} };
	char want[512];

	for (size_t i = 0; i < ARRAY_SIZE(error_bodies); i++) {
		const struct fake_reply script[] = { SIGN_IN,
			{ "GET " URL, .status = error_bodies[i].status,
				.body = error_bodies[i].body, .headers = id },
			{} };
		_cleanup_(play_end) struct play p = { 0 };

		play_begin(&p, script);
		check(play_ask(&p, OS_COMPUTE, "GET", "/x") != 0);
		snprintf(want, sizeof want, "compute in ONE: GET /x: %s", error_bodies[i].message);
		check_str(p.e.msg, want);
	}
}

/* They are not followed: a token goes where the catalogue says, and nowhere else. */
static void redirects_are_told(void)
{
	static const struct http_header to[] = { { "Location", "https://elsewhere/x" }, {} };
	static const struct fake_reply script[] = { SIGN_IN,
		{ "GET " URL, .status = 302, .headers = to }, {} };
	_cleanup_(play_end) struct play p = { 0 };

	play_begin(&p, script);
	check_int(play_ask(&p, OS_COMPUTE, "GET", "/x"), -ERR_FAILED);
	check_str(p.e.msg, "compute in ONE: GET /x: 302; it points to https://elsewhere/x");
	fake_http_done(&p.fake);
}

static void text_where_nothing_is_to_say_is_no_error(void)
{
	static const struct http_header text[] = { { "Content-Type", "text/html" }, {} };
	static const struct fake_reply script[] = {
		SIGN_IN,
		{ "POST " URL, .status = 202, .body = "202 Accepted", .headers = text },
		{ "GET " URL, .status = 200, .body = "<html>a portal", .headers = text },
		{ "GET " URL, .status = 200, .body = "{}" },
		{},
	};
	_cleanup_(play_end) struct play p = { 0 };

	play_begin(&p, script);
	check_int(play_ask(&p, OS_COMPUTE, "POST", "/x"), 0);
	check(node_is_null(p.answer));
	check_int(play_ask(&p, OS_COMPUTE, "GET", "/x"), 0);
	fake_http_done(&p.fake);
}

static int list(struct play *p, enum os_service service, const char *path, const char *key)
{
	const struct os_query q = { .service = service, .method = "GET", .path = path };

	p->e = (struct error){};
	return os_list(p->os, &q, key, p->arena, &p->answer, &p->e);
}

static void pages_are_followed_on_our_own_host(void)
{
	static const struct fake_reply script[] = {
		SIGN_IN,
		{ "GET " GLANCE "/images?limit=2", .status = 200,
			.body = "{\"images\":[1,2],\"next\":\"/v2/images?limit=2&marker=b\"}" },
		{ "GET " GLANCE "/images?limit=2&marker=b", .status = 200,
			.body = "{\"images\":[3]}" },
		{ "GET " NOVA "/servers", .status = 200,
			.body = "{\"servers\":[1],\"servers_links\":[{\"rel\":\"self\",\"href\":\"x\"},"
				"{\"rel\":\"next\",\"href\":\"http://evil/elsewhere?marker=1\"}]}" },
		{ "GET " NOVA "/servers?marker=1", .status = 200,
			/* a link behind an empty page is not followed */
			.body = "{\"servers\":[],\"servers_links\":[{\"rel\":\"next\",\"href\":"
				"\"?marker=2\"}]}" },
		{},
	};
	_cleanup_(play_end) struct play p = { 0 };

	play_begin(&p, script);
	check_int(list(&p, OS_IMAGE, "/images?limit=2", "images"), 0);
	check_int(p.answer->n, 3);
	check_int(list(&p, OS_COMPUTE, "/servers", "servers"), 0);
	check_int(p.answer->n, 1);
	fake_http_done(&p.fake);
}

static void wrong_pages_are_named(void)
{
	static const struct {
		const char *body, *message;
	} cases[] = {
		{ "{}", "/servers?m=1: 'servers' of the answer must be a list, not missing" },
		{ "null", "/servers?m=1: 'servers' of the answer must be a list, not missing" },
		{ "{\"servers\":{}}",
			"/servers?m=1: 'servers' of the answer must be a list, not a map" },
		{ "{\"servers\":[1],\"next\":\"?m=1\"}",
			"compute /servers?m=1: the next page is this one" },
		{ "{\"servers\":[1],\"next\":\"x\"}",
			"compute /servers?m=1: the link to the next page is none" },
		{ "{\"servers\":[1],\"next\":\"?a\\r\\nb: c\"}",
			"the link to the next page is none" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct fake_reply script[] = { SIGN_IN,
			{ "GET " NOVA "/servers?m=1", .status = 200, .body = cases[i].body }, {} };
		_cleanup_(play_end) struct play p = { 0 };

		play_begin(&p, script);
		check_int(list(&p, OS_COMPUTE, "/servers?m=1", "servers"), -ERR_FAILED);
		if (!strstr(p.e.msg, cases[i].message))
			check_fail("'%s' is not '%s'", p.e.msg, cases[i].message);
	}
}

static int with_version(struct play *p, const char *version)
{
	const struct os_query q = {
		.service = OS_COMPUTE, .method = "GET", .path = "/x", .microversion = version
	};

	p->e = (struct error){};
	return os_call(p->os, &q, p->arena, &p->answer, &p->e);
}

static void microversions_are_asked_for_once_and_kept(void)
{
	static const struct fake_reply first[] = {
		SIGN_IN,
		{ "GET " NOVA "/", .status = 200,
			.body = "{\"version\":{\"id\":\"v2.1\",\"version\":\"2.96\",\"min_version\":"
				"\"2.1\"}}" },
		{ "GET " URL, .header = "OpenStack-API-Version: compute 2.67", .status = 200 },
		{ "GET " URL, .header = "X-OpenStack-Nova-API-Version: 2.9", .status = 200 },
		{ "GET https://cinder/v3/", .status = 300,
			.body = "{\"versions\":[{\"id\":\"v2.0\",\"version\":\"\",\"min_version\":\"\"},"
				"{\"id\":\"v3.0\",\"version\":\"3.50\",\"min_version\":\"3.0\"}]}" },
		{},
	};
	static const struct fake_reply second[] = {
		{ "GET " URL, .header = "OpenStack-API-Version: compute 2.96", .status = 200 },
		{},
	};
	_cleanup_(play_end) struct play p = { 0 };
	const char *version = NULL;

	play_begin(&p, first);
	check_int(with_version(&p, "2.67"), 0);
	check_int(with_version(&p, "2.9"), 0); /* is less than 2.10 */
	check_int(os_microversion(p.os, OS_COMPUTE, NULL, p.arena, &version, &p.e), 0);
	check_str(version, "2.72"); /* more is not what kbuild was written for */
	check_int(os_microversion(p.os, OS_VOLUME, NULL, p.arena, &version, &p.e), 0);
	check_str(version, "3.50");
	check_int(with_version(&p, "2.97"), -ERR_FAILED);
	check_str(
		p.e.msg, "compute in ONE: GET /x needs microversion 2.97, and it has 2.1 to 2.96");
	fake_http_done(&p.fake);
	play_again(&p, second);
	check_int(with_version(&p, "2.96"), 0);
	fake_http_done(&p.fake);
}

static void versions_are_compared_as_numbers(void)
{
	static const struct fake_reply script[] = {
		SIGN_IN,
		{ "GET " NOVA "/", .status = 200,
			.body = "{\"version\":{\"version\":\"2.15\",\"min_version\":\"2.8\"}}" },
		{ "GET " URL, .header = "OpenStack-API-Version: compute 2.9", .status = 200 },
		{ "GET " URL, .header = "OpenStack-API-Version: compute 2.15", .status = 200 },
		{},
	};
	_cleanup_(play_end) struct play p = { 0 };

	play_begin(&p, script);
	check_int(with_version(&p, "2.9"), 0);
	check_int(with_version(&p, "2.15"), 0);
	check_int(with_version(&p, "2.16"), -ERR_FAILED);
	check_int(with_version(&p, "2.7"), -ERR_FAILED);
	check_int(with_version(&p, "3.9"), -ERR_FAILED);
	fake_http_done(&p.fake);
}

static void old_services_have_no_microversions(void)
{
	static const char *const bodies[] = { "{}", "null", "[]",
		"{\"version\":{\"version\":\"\"}}",
		"{\"version\":{\"version\":\"2.x\",\"min_version\":\"2.1\"}}",
		"{\"version\":{\"version\":\"2.99999999999999999\",\"min_version\":\"2.1\"}}",
		"{\"versions\":[null,17,{\"version\":[]}]}" };

	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		const struct fake_reply script[] = { SIGN_IN,
			{ "GET " NOVA "/", .status = 200, .body = bodies[i] }, {} };
		_cleanup_(play_end) struct play p = { 0 };
		const char *version = NULL;

		play_begin(&p, script);
		check_int(with_version(&p, "2.67"), -ERR_FAILED);
		check_str(
			p.e.msg, "compute in ONE: GET /x needs microversion 2.67, and it has none");
		check_int(os_microversion(p.os, OS_COMPUTE, NULL, p.arena, &version, &p.e), 0);
		check_str(version, "");
		fake_http_done(&p.fake);
	}
}

int main(void)
{
	run(errors_say_what_the_service_said);
	run(redirects_are_told);
	run(text_where_nothing_is_to_say_is_no_error);
	run(pages_are_followed_on_our_own_host);
	run(wrong_pages_are_named);
	run(microversions_are_asked_for_once_and_kept);
	run(versions_are_compared_as_numbers);
	run(old_services_have_no_microversions);
	return done();
}
