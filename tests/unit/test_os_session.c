/* Signing in to OpenStack: every way, what is kept between runs, and what ends a token. */
#include "os_play.h"

#include "buf.h"

#include <sys/stat.h>
#include <time.h>

static const struct fake_reply *one_reply(struct fake_reply *v, const char *has)
{
	v[0] = (struct fake_reply)SIGN_IN;
	v[0].has = has;
	v[1] = (struct fake_reply){ 0 };
	return v;
}

static void each_way_says_what_keystone_wants(void)
{
	static const struct {
		struct os_access k;
		const char *body; /* all of it */
	} cases[] = {
		{ { .user_name = "u",
			  .user_domain_name = "Default",
			  .password = "p\"w\\",
			  .project_id = "p" },
			"{\"auth\":{\"identity\":{\"methods\":[\"password\"],\"password\":{\"user\":{"
			"\"name\":\"u\",\"domain\":{\"name\":\"Default\"},\"password\":\"p\\\"w\\\\\"}}},"
			"\"scope\":{\"project\":{\"id\":\"p\"}}}}" },
		{ { .user_id = "i",
			  .user_name = "u",
			  .password = "w",
			  .project_name = "n",
			  .project_domain_name = "D" },
			"{\"auth\":{\"identity\":{\"methods\":[\"password\"],\"password\":{\"user\":{"
			"\"id\":\"i\",\"password\":\"w\"}}},\"scope\":{\"project\":{\"name\":\"n\","
			"\"domain\":{\"name\":\"D\"}}}}}" },
		{ { .user_name = "u", .user_domain_id = "d", .password = "w", .project_name = "n" },
			"\"scope\":{\"project\":{\"name\":\"n\",\"domain\":{\"id\":\"d\"}}}" },
		{ { .user_name = "u", .password = "w", .project_name = "n" },
			"\"name\":\"u\",\"domain\":{\"id\":\"default\"}" },
		{ { .credential_id = "i", .credential_secret = "s" },
			"{\"auth\":{\"identity\":{\"methods\":[\"application_credential\"],"
			"\"application_credential\":{\"id\":\"i\",\"secret\":\"s\"}}}}" },
		{ { .credential_name = "c", .credential_secret = "s", .user_name = "u" },
			"\"application_credential\":{\"name\":\"c\",\"user\":{\"name\":\"u\",\"domain\":{"
			"\"id\":\"default\"}},\"secret\":\"s\"}}}}" },
		{ { .token = "given", .project_id = "p" },
			"{\"auth\":{\"identity\":{\"methods\":[\"token\"],\"token\":{\"id\":\"given\"}},"
			"\"scope\":{\"project\":{\"id\":\"p\"}}}}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(play_end) struct play p = { .access = cases[i].k };
		struct fake_reply script[2];
		const char *token;

		p.access.auth_url = "https://keystone/v3/";
		play_begin(&p, one_reply(script, cases[i].body));
		check_int(os_token(p.os, 0, &token, &p.e), 0);
		check_str(token, "tok");
		check_int(os_token(p.os, 0, &token, &p.e), 0);
		check_int(os_calls(p.os), 1);
		fake_http_done(&p.fake);
	}
}

#define OIDC                                                                                       \
	.access = { .auth_url = "https://keystone",                                                \
		.oidc_provider = "ovh cloud",                                                      \
		.oidc_protocol = "openid",                                                         \
		.oidc_discovery = "https://iam/.well-known",                                       \
		.oidc_client = "id",                                                               \
		.oidc_secret = "se:cret",                                                          \
		.project_id = "p" }

static void client_credentials_go_through_federation(void)
{
	static const struct http_header unscoped[] = { { "X-Subject-Token", "unscoped" }, {} };
	static const struct fake_reply script[] = {
		{ "GET https://iam/.well-known", .status = 200,
			.body = "{\"token_endpoint\":\"https://iam/token\"}" },
		{ "POST https://iam/token", .header = "Authorization: Basic aWQ6c2U6Y3JldA==",
			.has = "grant_type=client_credentials&scope=openid%20profile",
			.status = 200, .body = "{\"access_token\":\"a\",\"id_token\":\"b.c\"}" },
		{ "POST " KEYSTONE
		  "/OS-FEDERATION/identity_providers/ovh%20cloud/protocols/openid/auth",
			.header = "Authorization: Bearer b.c", .status = 201,
			.body = "{\"token\":{}}", .headers = unscoped },
		{ TOKENS,
			.has = "\"token\":{\"id\":\"unscoped\"}},\"scope\":{\"project\":{\"id\":\"p\"}}",
			.status = 201, .body = HOUR, .headers = play_token },
		{},
	};
	_cleanup_(play_end) struct play p = { OIDC };
	const char *token;

	play_begin(&p, script);
	check_int(os_token(p.os, 0, &token, &p.e), 0);
	check_str(token, "tok");
	fake_http_done(&p.fake);
}

static void wrong_answers_of_the_provider_are_named(void)
{
	static const struct {
		const char *discovery, *token, *message;
	} cases[] = {
		{ "{}", NULL,
			"OIDC: the discovery document: 'token_endpoint' must be text, not missing" },
		{ "{\"token_endpoint\":\"http://iam/token\"}", NULL,
			"OIDC: the token server is at http://iam/token, not https://" },
		{ "{\"token_endpoint\":\"https://t/\"}", "{\"access_token\":null}",
			"OIDC: the token server's answer: 'access_token' must be text, not nothing" },
		{ "{\"token_endpoint\":\"https://t/\"}", "{\"id_token\":\"a b\"}",
			"OIDC: the token server's answer: 'id_token' is no token" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct fake_reply script[] = {
			{ "GET https://iam/.well-known", .status = 200,
				.body = cases[i].discovery },
			{ cases[i].token ? "POST https://t/" : NULL, .status = 200,
				.body = cases[i].token },
			{},
		};
		_cleanup_(play_end) struct play p = { OIDC };
		const char *token;

		play_begin(&p, script);
		check_int(os_token(p.os, 0, &token, &p.e), -ERR_FAILED);
		check_str(p.e.msg, cases[i].message);
	}
}

static void the_next_run_uses_the_token_again(void)
{
	static const struct fake_reply first[] = {
		SIGN_IN,
		{ "GET " GLANCE "/images", .header = "X-Auth-Token: tok", .status = 200,
			.body = "{}" },
		{},
	};
	static const struct fake_reply second[] = {
		{ "GET " GLANCE "/images", .header = "X-Auth-Token: tok", .status = 200,
			.body = "{}" },
		{},
	};
	static const struct fake_reply other[] = { SIGN_IN, {} };
	_cleanup_(play_end) struct play p = { 0 };
	const char *token;
	struct stat st;

	play_begin(&p, first);
	check_int(play_ask(&p, OS_IMAGE, "GET", "/images"), 0);
	fake_http_done(&p.fake);
	play_again(&p, second);
	check_int(play_ask(&p, OS_IMAGE, "GET", "/images"), 0);
	check_int(os_calls(p.os), 1);
	fake_http_done(&p.fake);
	check_int(fstatat(tmp_fd(), "cache/tokens", &st, 0), 0);
	check_int(st.st_mode & 0777, 0700);
	/* Another user of the same Keystone has another token. */
	p.access.user_name = "other";
	play_again(&p, other);
	check_int(os_token(p.os, 0, &token, &p.e), 0);
	fake_http_done(&p.fake);
}

/* The one file in the cache. */
static const char *cache_file(void)
{
	static char path[64];
	FILE *f = popen("ls cache/tokens", "r");

	strcpy(path, "cache/tokens/");
	check(f && fgets(path + strlen(path), 40, f));
	path[strcspn(path, "\n")] = '\0';
	pclose(f);
	return path;
}

static void the_cache_holds_no_password_and_is_private(void)
{
	static const struct fake_reply script[] = { SIGN_IN, {} };
	_cleanup_(play_end) struct play p = { 0 };
	_buf_ text = BUF_INIT;
	const char *token;
	struct stat st;

	check_int(chdir(tmp_name("")), 0);
	play_begin(&p, script);
	check_int(os_token(p.os, 0, &token, &p.e), 0);
	check_int(fstatat(tmp_fd(), cache_file(), &st, 0), 0);
	check_int(st.st_mode & 07777, 0600);
	check_int(file_read(tmp_fd(), cache_file(), MIB, &text), 0);
	check(!strstr(buf_str(&text), "pass\\\"word"));
	check(strstr(buf_str(&text), "\"tok\""));
	/* One that others could have written is not used. */
	check_int(fchmodat(tmp_fd(), cache_file(), 0644, 0), 0);
	play_again(&p, script);
	check_int(os_token(p.os, 0, &token, &p.e), 0);
	fake_http_done(&p.fake);
}

static void a_damaged_cache_is_none(void)
{
	static const struct fake_reply script[] = { SIGN_IN, {} };
	static const char *const texts[] = { "", "{}", "[]", "{\"v\":1", "null",
		"{\"v\":2,\"token\":\"x\",\"life\":3600,\"ends\":99999999999,\"body\":{},\"versions\":{}}",
		"{\"v\":1,\"token\":\"x\",\"life\":3600,\"ends\":99999999999,\"body\":{},\"versions\":{}}",
		"{\"v\":1,\"token\":\"x\",\"life\":3600,\"ends\":1,\"body\":{},\"versions\":{}}",
		"{\"v\":1,\"token\":17,\"life\":1e99,\"ends\":null,\"body\":[],\"versions\":0}",
		"{\"v\":1,\"token\":\"x\",\"life\":-1,\"ends\":-9223372036854775808,\"body\":{},"
		"\"versions\":{}}" };
	_cleanup_(play_end) struct play p = { 0 };
	const char *token;

	check_int(chdir(tmp_name("")), 0);
	play_begin(&p, script);
	check_int(os_token(p.os, 0, &token, &p.e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		check_int(
			file_replace(tmp_fd(), cache_file(), texts[i], strlen(texts[i]), 0600), 0);
		play_again(&p, script);
		check_int(os_token(p.os, 0, &token, &p.e), 0);
		check_str(token, "tok");
		fake_http_done(&p.fake);
	}
}

static void a_token_is_renewed_before_it_ends(void)
{
	static const struct fake_reply script[] = {
		SIGN_IN,
		{ TOKENS, .status = 201, .body = HOUR, .headers = play_token2 },
		{},
	};
	_cleanup_(play_end) struct play p = { 0 };
	const char *token;

	play_begin(&p, script);
	check_int(os_token(p.os, 0, &token, &p.e), 0);
	p.now_ms += 54 * 60 * 1000;
	check_int(os_token(p.os, 0, &token, &p.e), 0);
	check_str(token, "tok");
	p.now_ms += 61 * 1000; /* less than five minutes remain */
	check_int(os_token(p.os, 0, &token, &p.e), 0);
	check_str(token, "tok2");
	fake_http_done(&p.fake);
}

static void an_upload_gets_a_token_that_lasts(void)
{
	static const struct fake_reply script[] = {
		SIGN_IN,
		{ TOKENS, .status = 201, .body = HOUR, .headers = play_token2 },
		{},
	};
	_cleanup_(play_end) struct play p = { 0 };
	const char *token;

	play_begin(&p, script);
	check_int(os_token(p.os, 0, &token, &p.e), 0);
	p.now_ms += 31 * 60 * 1000;
	check_int(os_token(p.os, 1800, &token, &p.e), 0);
	check_str(token, "tok2");
	/* None lives for a day: a new one is as good as it gets. */
	check_int(os_token(p.os, 86400, &token, &p.e), 0);
	fake_http_done(&p.fake);
}

static void short_lives_are_no_reason_to_sign_in_for_each_call(void)
{
	static const struct fake_reply script[] = {
		{ TOKENS, .status = 201,
			.body = BODY("2026-11-29T11:00:00Z", "2026-11-29T11:00:25Z"),
			.headers = play_token },
		{ "GET " GLANCE "/a", .status = 200 },
		{ "GET " GLANCE "/b", .status = 200 },
		{ TOKENS, .status = 201,
			.body = BODY("2026-11-29T11:00:20Z", "2026-11-29T11:00:45Z"),
			.headers = play_token2 },
		{ "GET " GLANCE "/c", .header = "X-Auth-Token: tok2", .status = 200 },
		{},
	};
	_cleanup_(play_end) struct play p = { 0 };

	play_begin(&p, script);
	check_int(play_ask(&p, OS_IMAGE, "GET", "/a"), 0);
	check_int(play_ask(&p, OS_IMAGE, "GET", "/b"), 0);
	p.now_ms += 7000;
	check_int(play_ask(&p, OS_IMAGE, "GET", "/c"), 0);
	fake_http_done(&p.fake);
}

static void a_refused_token_is_made_anew_once(void)
{
	static const struct fake_reply first[] = { SIGN_IN, {} };
	static const struct fake_reply second[] = {
		{ "GET " GLANCE "/a", .header = "X-Auth-Token: tok", .status = 401 },
		{ TOKENS, .status = 201, .body = HOUR, .headers = play_token2 },
		{ "GET " GLANCE "/a", .header = "X-Auth-Token: tok2", .status = 200 },
		{ "POST " GLANCE "/b", .status = 401 },
		{ TOKENS, .status = 201, .body = HOUR, .headers = play_token },
		{ "POST " GLANCE "/b", .status = 401, .body = "no" },
		{},
	};
	_cleanup_(play_end) struct play p = { 0 };
	const char *token;

	play_begin(&p, first);
	check_int(os_token(p.os, 0, &token, &p.e), 0);
	play_again(&p, second);
	check_int(play_ask(&p, OS_IMAGE, "GET", "/a"), 0);
	check_int(play_ask(&p, OS_IMAGE, "POST", "/b"), -ERR_FAILED);
	check_str(p.e.msg, "image in ONE: POST /b: 401 Unauthorized: no");
	fake_http_done(&p.fake);
}

static void wrong_keys_are_no_riddle(void)
{
	static const struct http_header id[] = { { "x-openstack-request-id", "req-1" }, {} };
	static const struct fake_reply script[] = {
		{ TOKENS, .status = 401,
			.body = "{\"error\":{\"code\":401,\"message\":\"The request you have made "
				"requires authentication.\",\"title\":\"Unauthorized\"}}",
			.headers = id },
		{},
	};
	_cleanup_(play_end) struct play p = { .access = { .from = "clouds.yaml: gra",
						      .auth_url = "https://keystone",
						      .user_name = "user",
						      .password = "hushhush",
						      .project_id = "p" } };
	const char *token;

	play_begin(&p, script);
	check_int(os_token(p.os, 0, &token, &p.e), -ERR_FAILED);
	check_str(p.e.msg,
		"clouds.yaml: gra: identity: POST /auth/tokens: 401 Unauthorized: The request you "
		"have made requires authentication. (request req-1); user, password or credential "
		"is wrong, or does not belong to this project");
	fake_http_done(&p.fake);
}

static int new_password(void *arg, struct os_access *k, struct error *e)
{
	int *left = arg;

	if (*left < 0)
		return error_set(e, ERR_NETWORK, "no new password");
	if (*left == 0)
		return 1;
	(*left)--;
	k->password = "new";
	return 0;
}

static void a_refused_password_can_be_made_anew(void)
{
	static const struct fake_reply good[] = {
		{ TOKENS, .has = "\"password\":\"old\"", .status = 401 },
		{ TOKENS, .has = "\"password\":\"new\"", .status = 201, .body = HOUR,
			.headers = play_token },
		{},
	};
	static const struct fake_reply bad[] = { { TOKENS, .status = 401, .body = "no" }, {} };
	static const struct {
		const struct fake_reply *script;
		int left, r;
		const char *message;
	} cases[] = { { good, 1, 0, NULL }, { bad, 0, -ERR_FAILED, "401 Unauthorized: no" },
		{ bad, -1, -ERR_NETWORK, "no new password" } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int left = cases[i].left;
		_cleanup_(play_end) struct play p = { .access = { .auth_url = "https://keystone",
							      .user_name = "user",
							      .password = "old",
							      .project_id = "p",
							      .renew = new_password,
							      .renew_arg = &left } };
		const char *token;

		play_begin(&p, cases[i].script);
		check_int(os_token(p.os, 0, &token, &p.e), cases[i].r);
		check(!cases[i].message || strstr(p.e.msg, cases[i].message));
		fake_http_done(&p.fake);
	}
}

static void the_clocks_are_compared(void)
{
	char body[256], issued[32], expires[32];
	const struct fake_reply script[] = { SIGN_IN,
		{ TOKENS, .status = 201, .body = body, .headers = play_token }, {} };
	const time_t now = time(NULL) + 500, then = now + 3600;
	_cleanup_(play_end) struct play p = { 0 };
	const char *token;
	int64_t behind_s;

	strftime(issued, sizeof issued, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
	strftime(expires, sizeof expires, "%Y-%m-%dT%H:%M:%SZ", gmtime(&then));
	snprintf(body, sizeof body, "{\"token\":{\"issued_at\":\"%s\",\"expires_at\":\"%s\"}}",
		issued, expires);
	play_begin(&p, script);
	check_int(os_token(p.os, 0, &token, &p.e), 0);
	check_int(os_clock_behind(p.os, &behind_s, &p.e), 0); /* not the token that there is */
	check(behind_s >= 498 && behind_s <= 500);
	fake_http_done(&p.fake);
}

static void keystone_is_asked_sixty_times_a_minute_at_most(void)
{
	struct fake_reply script[132] = { SIGN_IN };
	_cleanup_(play_end) struct play p = { 0 };

	for (size_t i = 1; i < 131; i++)
		script[i] = (struct fake_reply){ "GET " KEYSTONE "/projects", .status = 200 };
	play_begin(&p, script);
	for (size_t i = 1; i < 131; i++)
		check_int(play_ask(&p, OS_IDENTITY, "GET", "/projects"), 0);
	fake_http_done(&p.fake);
	/* 131 calls: the 61st and the 121st wait for a minute since the first and the 61st. */
	check(p.slept_ms >= 120000 && p.slept_ms < 122000);
}

int main(void)
{
	run(each_way_says_what_keystone_wants);
	run(client_credentials_go_through_federation);
	run(wrong_answers_of_the_provider_are_named);
	run(the_next_run_uses_the_token_again);
	run(the_cache_holds_no_password_and_is_private);
	run(a_damaged_cache_is_none);
	run(a_token_is_renewed_before_it_ends);
	run(an_upload_gets_a_token_that_lasts);
	run(short_lives_are_no_reason_to_sign_in_for_each_call);
	run(a_refused_token_is_made_anew_once);
	run(wrong_keys_are_no_riddle);
	run(a_refused_password_can_be_made_anew);
	run(the_clocks_are_compared);
	run(keystone_is_asked_sixty_times_a_minute_at_most);
	return done();
}
