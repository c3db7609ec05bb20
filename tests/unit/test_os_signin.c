/* Signing in to OpenStack: every way, and what is said where it fails. */
#include "os_play.h"

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
		{ "{\"token_endpoint\":\"https://iam/to\\r\\nken\"}", NULL,
			"OIDC: the discovery document: 'token_endpoint' is no URL" },
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
	static const struct fake_reply late[] = {
		/* it took a while until it was known */
		{ TOKENS, .has = "\"password\":\"old\"", .status = 401 },
		{ TOKENS, .has = "\"password\":\"new\"", .status = 401 },
		{ TOKENS, .has = "\"password\":\"new\"", .status = 201, .body = HOUR,
			.headers = play_token },
		{},
	};
	static const struct fake_reply bad[] = { { TOKENS, .status = 401, .body = "no" }, {} };
	static const struct {
		const struct fake_reply *script;
		int left, r;
		const char *message;
	} cases[] = { { good, 1, 0, NULL }, { late, 2, 0, NULL },
		{ bad, 0, -ERR_FAILED, "401 Unauthorized: no" },
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
	const time_t begun = time(NULL), now = begun + 500, then = now + 3600;
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
	/* The answer is as old as all of this took. */
	check(behind_s <= 500 && behind_s >= 500 - (time(NULL) - begun));
	fake_http_done(&p.fake);
}

int main(void)
{
	run(each_way_says_what_keystone_wants);
	run(client_credentials_go_through_federation);
	run(wrong_answers_of_the_provider_are_named);
	run(wrong_keys_are_no_riddle);
	run(a_refused_password_can_be_made_anew);
	run(the_clocks_are_compared);
	return done();
}
