/* Signing in to registries, with a scripted one; and what their challenges say. */
#include "registry.h"

#include "arena.h"
#include "challenge.h"
#include "check.h"
#include "clock.h"
#include "fake_http.h"
#include "image_ref.h"
#include "json.h"
#include "node.h"

#define HUB "https://registry-1.docker.io/v2/"
#define REALM                                                                                      \
	"https://auth.docker.io/token?service=registry.docker.io&scope=repository:library/x:pull"
#define MINE "https://own.example/v2/"

static const struct {
	const char *value;
	enum challenge_kind kind;
	const char *realm, *service;
} challenges[] = {
	{ "Bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:x:pull,push\"",
		CHALLENGE_BEARER, "https://a/t", "s" },
	{ "bearer  realm = https://a/t , service=s", CHALLENGE_BEARER, "https://a/t", "s" },
	{ "Bearer realm=\"https://a/\\\"t\"", CHALLENGE_BEARER, "https://a/\"t", NULL },
	{ "Basic realm=\"a, b=c\"", CHALLENGE_BASIC, "a, b=c", NULL },
	{ "Basic realm=x, Bearer realm=\"https://a/t\"", CHALLENGE_BEARER, "https://a/t", NULL },
	{ "Bearer realm=\"https://a/t\", Basic realm=x", CHALLENGE_BEARER, "https://a/t", NULL },
	{ "Bearer service=s", CHALLENGE_NONE, NULL, NULL },
	{ "Negotiate", CHALLENGE_NONE, NULL, NULL },
	{ "Bearer realm=\"https://a/t", CHALLENGE_NONE, NULL, NULL },
	{ "", CHALLENGE_NONE, NULL, NULL },
	{ ",,,=,\"", CHALLENGE_NONE, NULL, NULL },
};

static void challenges_are_read(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(challenges); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		struct challenge c = {};

		challenge_parse(challenges[i].value, a, &c);
		if (c.kind != challenges[i].kind)
			check_fail("'%s' is %d", challenges[i].value, c.kind);
		if (c.kind == CHALLENGE_NONE)
			continue;
		check_str(c.service, challenges[i].service);
		check_str(c.realm, challenges[i].realm);
	}
}

static int64_t now = 1000000;

static int64_t fake_now(_unused_ void *arg)
{
	return now;
}

static int fake_sleep(_unused_ void *arg, int64_t ms)
{
	now += ms;
	return 0;
}

static const struct clock fake_clock = { .now_ms = fake_now, .sleep_ms = fake_sleep };

struct world {
	struct arena *a;
	struct fake_http fake;
	struct http http;
	struct registry *registry;
	struct image_ref ref;
};

static void world_free(struct world *w)
{
	registry_free(w->registry);
	arena_free(w->a);
}

static void world(struct world *w, const struct fake_reply *script, const char *image,
	const char *credentials)
{
	struct registry_seams seams = { .http = &w->http, .clock = &fake_clock };
	struct node *doc = NULL;
	struct error e = {};

	w->a = arena_new();
	w->fake = (struct fake_http){ script };
	w->http = fake_http(&w->fake);
	if (credentials)
		check_int(json_parse(&doc, w->a, "c", credentials, strlen(credentials), &e), 0);
	seams.credentials = doc;
	w->registry = registry_new(&seams);
	check(image_ref_parse(image, w->a, &w->ref) == NULL);
}

static const struct http_header bearer[] = {
	{ "www-authenticate",
		"Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\"" },
	{},
};
static const struct http_header basic[] = { { "www-authenticate", "Basic realm=\"r\"" }, {} };
static const struct http_header soon[] = { { "retry-after", "2" }, {} };

static void an_anonymous_token_is_used_until_it_runs_out(void)
{
	static const struct fake_reply script[] = {
		{ "GET " HUB, .status = 401, .headers = bearer },
		{ "GET " REALM, .status = 200, .body = "{\"token\":\"one\",\"expires_in\":300}" },
		{ "GET " HUB "library/x/manifests/1", .header = "Authorization: Bearer one",
			.status = 200, .body = "m" },
		{ "GET " HUB "library/x/manifests/1", .header = "Authorization: Bearer one",
			.status = 404 },
		{ "GET " HUB, .status = 401, .headers = bearer },
		{ "GET " REALM, .status = 200, .body = "{\"access_token\":\"two\"}" },
		{ "GET " HUB "library/x/manifests/1", .header = "Authorization: Bearer two",
			.status = 200, .body = "m" },
		{},
	};
	_cleanup_(world_free) struct world w = {};
	_buf_ out = BUF_INIT;
	struct error e = {};

	world(&w, script, "x:1", NULL);
	check_int(registry_manifest(w.registry, &w.ref, "1", &out, &e), 0);
	check_str(buf_str(&out), "m");
	check_int(registry_manifest(w.registry, &w.ref, "1", &out, &e), REGISTRY_ABSENT);
	now += 290 * 1000;
	check_int(registry_manifest(w.registry, &w.ref, "1", &out, &e), 0);
	fake_http_done(&w.fake);
}

static void credentials_go_where_tokens_are_asked_for(void)
{
	static const struct fake_reply script[] = {
		{ "GET " HUB, .status = 401, .headers = bearer },
		{ "GET " REALM, .header = "Authorization: Basic dTpw", .status = 200,
			.body = "{\"token\":\"t\"}" },
		{ "GET " HUB "library/x/manifests/1", .header = "Authorization: Bearer t",
			.status = 200 },
		{},
	};
	_cleanup_(world_free) struct world w = {};
	_buf_ out = BUF_INIT;
	struct error e = {};

	world(&w, script, "x:1", "{\"docker.io\":{\"user\":\"u\",\"password\":\"p\"}}");
	check_int(registry_manifest(w.registry, &w.ref, "1", &out, &e), 0);
	fake_http_done(&w.fake);
}

static void a_registry_may_take_them_itself(void)
{
	static const struct fake_reply script[] = {
		{ "GET " MINE, .status = 401, .headers = basic },
		{ "GET " MINE "x/manifests/1", .header = "Authorization: Basic dTpw",
			.status = 200 },
		{},
	};
	_cleanup_(world_free) struct world w = {};
	_buf_ out = BUF_INIT;
	struct error e = {};

	world(&w, script, "own.example/x:1",
		"{\"own.example\":{\"user\":\"u\",\"password\":\"p\"}}");
	check_int(registry_manifest(w.registry, &w.ref, "1", &out, &e), 0);
	fake_http_done(&w.fake);
}

static const struct http_header in_clear[] = {
	{ "www-authenticate", "Bearer realm=\"http://auth.example/token\"" },
	{},
};

static const struct {
	struct fake_reply script[4];
	const char *credentials, *message;
} refusals[] = {
	{ { { "GET " MINE, .status = 401, .headers = basic }, {} }, NULL, "give them as" },
	{ { { "GET " MINE, .status = 401 }, {} },
		"{\"own.example\":{\"user\":\"u\",\"password\":\"p\"}}", "do not open" },
	{ { { "GET " MINE, .status = 401, .headers = in_clear }, {} }, NULL, "read along" },
	{ { { "GET " MINE, .status = 401, .headers = bearer },
		  { "GET https://auth.docker.io/token?service=registry.docker.io&scope=repository:x:pull",
			  .status = 200, .body = "{\"token\":\"a\\r\\nX: b\"}" },
		  {} },
		NULL, "token" },
	{ { { "GET " MINE, .status = 401, .headers = bearer },
		  { "GET https://auth.docker.io/token?service=registry.docker.io&scope=repository:x:pull",
			  .status = 403 },
		  {} },
		NULL, "403" },
	{ { { "GET " MINE, .status = 200 },
		  { "GET " MINE "x/manifests/1", .status = 500, .failure = HTTP_IMPOSSIBLE }, {} },
		NULL, "scripted failure" },
};

static void refusals_are_told_without_secrets(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		_cleanup_(world_free) struct world w = {};
		_buf_ out = BUF_INIT;
		struct error e = {};

		world(&w, refusals[i].script, "own.example/x:1", refusals[i].credentials);
		check(registry_manifest(w.registry, &w.ref, "1", &out, &e) < 0);
		check_int(e.code, ERR_NETWORK);
		if (!strstr(e.msg, refusals[i].message))
			check_fail("'%s' without '%s'", e.msg, refusals[i].message);
		fake_http_done(&w.fake);
	}
}

static void who_is_busy_is_asked_again(void)
{
	static const struct fake_reply script[] = {
		{ "GET " MINE, .failure = HTTP_NOT_SENT },
		{ "GET " MINE, .status = 200 },
		{ "GET " MINE "x/manifests/1", .status = 429, .headers = soon },
		{ "GET " MINE "x/manifests/1", .status = 503 },
		{ "GET " MINE "x/manifests/1", .status = 200, .body = "m" },
		{ "GET " MINE "x/manifests/2", .status = 429 },
		{ "GET " MINE "x/manifests/2", .status = 429 },
		{ "GET " MINE "x/manifests/2", .status = 429 },
		{ "GET " MINE "x/manifests/2", .status = 429 },
		{ "GET " MINE "x/manifests/2", .status = 429 },
		{},
	};
	_cleanup_(world_free) struct world w = {};
	_buf_ out = BUF_INIT;
	struct error e = {};

	world(&w, script, "own.example/x:1", NULL);
	check_int(registry_manifest(w.registry, &w.ref, "1", &out, &e), 0);
	check_str(buf_str(&out), "m");
	check(registry_manifest(w.registry, &w.ref, "2", &out, &e) < 0);
	check(e.transient && strstr(e.msg, "asked too often"));
	fake_http_done(&w.fake);
}

static void other_bytes_than_the_digest_names_are_refused(void)
{
#define ID "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	static const struct fake_reply script[] = {
		{ "GET " MINE, .status = 200 },
		{ "GET " MINE "x/manifests/" ID, .status = 200, .body = "m" },
		{},
	};
	_cleanup_(world_free) struct world w = {};
	_buf_ out = BUF_INIT;
	struct error e = {};

	world(&w, script, "own.example/x@" ID, NULL);
	check(registry_manifest(w.registry, &w.ref, ID, &out, &e) < 0);
	check_int(e.code, ERR_LOCK);
	check_int(out.len, 0);
}

int main(void)
{
	run(challenges_are_read);
	run(an_anonymous_token_is_used_until_it_runs_out);
	run(credentials_go_where_tokens_are_asked_for);
	run(a_registry_may_take_them_itself);
	run(refusals_are_told_without_secrets);
	run(who_is_busy_is_asked_again);
	run(other_bytes_than_the_digest_names_are_refused);
	return done();
}
