/* Tokens of OpenStack: what is kept between runs, and what ends one. */
#include "os_play.h"

#include "buf.h"

#include <sys/stat.h>

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

/* What was refused with yesterday's rights may be allowed with today's; with today's it is not. */
static void a_kept_token_without_the_right_is_made_anew_once(void)
{
	static const struct fake_reply first[] = { SIGN_IN, {} };
	static const struct fake_reply second[] = {
		{ "GET " GLANCE "/a", .header = "X-Auth-Token: tok", .status = 403 },
		{ TOKENS, .status = 201, .body = HOUR, .headers = play_token2 },
		{ "GET " GLANCE "/a", .header = "X-Auth-Token: tok2", .status = 200 },
		{ "GET " GLANCE "/b", .header = "X-Auth-Token: tok2", .status = 403, .body = "no" },
		{},
	};
	_cleanup_(play_end) struct play p = { 0 };
	const char *token;

	play_begin(&p, first);
	check_int(os_token(p.os, 0, &token, &p.e), 0);
	check(!os_renew(p.os));
	play_again(&p, second);
	check_int(play_ask(&p, OS_IMAGE, "GET", "/a"), 0);
	check_int(play_ask(&p, OS_IMAGE, "GET", "/b"), OS_REFUSED);
	check(!os_renew(p.os));
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
	run(the_next_run_uses_the_token_again);
	run(the_cache_holds_no_password_and_is_private);
	run(a_damaged_cache_is_none);
	run(a_token_is_renewed_before_it_ends);
	run(an_upload_gets_a_token_that_lasts);
	run(short_lives_are_no_reason_to_sign_in_for_each_call);
	run(a_refused_token_is_made_anew_once);
	run(a_kept_token_without_the_right_is_made_anew_once);
	run(keystone_is_asked_sixty_times_a_minute_at_most);
	return done();
}
