/*
 * Getting in: a consumer key that a person agrees to, and kbuild's own OpenStack user, which there is once
 * whatever is cut off where.
 */
#include "fake_native.h"

#include "buf.h"
#include "consumer_key.h"
#include "os.h"
#include "ovh_conf.h"
#include "signin.h"
#include "tmpdir.h"

#include <time.h>

static const struct ovh_conf eu = { .section = "ovh-eu" };

static struct signin_memory memory;

static void forget(void)
{
	remove_all(tmp_fd(), "ovh");
	memory = (struct signin_memory){};
	unsetenv("OS_AUTH_URL");
}

static int complete(struct play *p, const struct ovh_conf *conf, struct os_access *ret)
{
	const struct signin s = { &p->native, conf, tmp_path, &p->clock, NULL, "kbuild", false,
		&memory };

	*ret = (struct os_access){};
	return signin_complete(&s, p->arena, ret, &p->e);
}

static void read_kept(const char *wanted)
{
	_buf_ text = BUF_INIT;
	struct stat st;

	check_int(file_read(tmp_fd(), "ovh/p1.json", 4096, &text), 0);
	check_str(buf_str(&text), wanted);
	check_int(fstatat(tmp_fd(), "ovh/p1.json", &st, 0), 0);
	check_int(st.st_mode & 0777, 0600);
	check_int(fstatat(tmp_fd(), "ovh", &st, 0), 0);
	check_int(st.st_mode & 0777, 0700);
}

#define USER(id, status, description, more)                                                        \
	"{\"id\":" id ",\"username\":\"user-" id "\",\"status\":\"" status                         \
	"\",\"description\":\"" description "\"" more "}"
#define KEPT	 "{\"v\":1,\"id\":7,\"username\":\"user-7\",\"password\":\"p\\\"w\"}\n"
#define PASSWORD ",\"password\":\"p\\\"w\""

static void a_user_is_made_waited_for_and_kept(void)
{
	static const struct fake_reply script[] = {
		{ "GET " P "/user", .status = 200,
			.body = "[" USER("3", "ok", "somebody", "") "]" },
		{ "POST " P "/user", .has = "\"description\":\"kbuild\"", .status = 200,
			.body = USER("7", "creating", "kbuild", PASSWORD) },
		{ "GET " P "/user/7", .status = 404 },
		{ "GET " P "/user/7", .status = 200, .body = USER("7", "creating", "kbuild", "") },
		{ "GET " P "/user/7", .status = 200, .body = USER("7", "ok", "kbuild", "") },
		{},
	};
	_cleanup_(play_end) struct play p = {};
	struct os_access k;

	forget();
	play_begin(&p, script);
	check_int(complete(&p, &eu, &k), 0);
	fake_http_done(&p.fake);
	check_str(k.user_name, "user-7");
	check_str(k.password, "p\"w");
	check_str(k.user_domain_name, "Default");
	check_str(k.project_id, "p1");
	check_str(k.auth_url, "https://auth.cloud.ovh.net/v3");
	read_kept(KEPT);
	/* The next run asks nothing. */
	check_int(complete(&p, &eu, &k), 0);
	check_str(k.password, "p\"w");
}

static void a_user_whose_password_is_lost_gets_another(void)
{
	static const struct fake_reply script[] = {
		{ "GET " P "/user", .status = 200,
			.body = "[" USER("9", "ok", "kbuild", "") "," USER("7", "ok", "kbuild",
				"") "," USER("2", "deleting", "kbuild", "") "]" },
		{ "POST " P "/user/7/regeneratePassword", .failure = HTTP_MAYBE_SENT },
		{ "POST " P "/user/7/regeneratePassword", .status = 200,
			.body = USER("7", "ok", "kbuild", PASSWORD) },
		{},
	};
	_cleanup_(play_end) struct play p = {};
	struct os_access k;

	forget();
	play_begin(&p, script);
	check_int(complete(&p, &eu, &k), 0);
	fake_http_done(&p.fake);
	check_str(k.user_name, "user-7");
	read_kept(KEPT);
}

static void a_creation_nobody_knows_of_is_looked_for(void)
{
	static const struct fake_reply script[] = {
		{ "GET " P "/user", .status = 200, .body = "[]" },
		{ "POST " P "/user", .failure = HTTP_MAYBE_SENT },
		{ "GET " P "/user", .status = 200,
			.body = "[" USER("7", "creating", "kbuild", "") "]" },
		{ "POST " P "/user/7/regeneratePassword", .status = 200,
			.body = USER("7", "ok", "kbuild", PASSWORD) },
		{},
	};
	static const struct fake_reply not_there[] = {
		{ "GET " P "/user", .status = 200, .body = "[]" },
		{ "POST " P "/user", .status = 502, .body = "<html>" },
		{ "GET " P "/user", .status = 200, .body = "[]" },
		{},
	};
	_cleanup_(play_end) struct play p = {};
	_cleanup_(play_end) struct play q = {};
	struct os_access k;

	forget();
	play_begin(&p, script);
	check_int(complete(&p, &eu, &k), 0);
	fake_http_done(&p.fake);
	read_kept(KEPT);
	forget();
	play_begin(&q, not_there);
	check_int(complete(&q, &eu, &k), -ERR_NETWORK);
	check_says(&q, "run the same again in a minute");
	fake_http_done(&q.fake);
}

/* It is kept before it is waited for: a second run has it without a call. */
static void a_wait_that_is_cut_off_loses_nothing(void)
{
	static const struct fake_reply first[] = {
		{ "GET " P "/user", .status = 200, .body = "[]" },
		{ "POST " P "/user", .status = 200,
			.body = USER("7", "creating", "kbuild", PASSWORD) },
		{ "GET " P "/user/7", .failure = HTTP_IMPOSSIBLE },
		{},
	};
	static const struct fake_reply none[] = { {} };
	_cleanup_(play_end) struct play p = {};
	_cleanup_(play_end) struct play q = {};
	struct os_access k;

	forget();
	play_begin(&p, first);
	check(complete(&p, &eu, &k) < 0);
	check_says(&p, "the OpenStack user of the project p1");
	read_kept(KEPT);
	play_begin(&q, none);
	check_int(complete(&q, &eu, &k), 0);
	check_str(k.user_name, "user-7");
}

static void waiting_for_a_user_ends(void)
{
	static struct fake_reply script[200] = {
		{ "GET " P "/user", .status = 200, .body = "[]" },
		{ "POST " P "/user", .status = 200,
			.body = USER("7", "creating", "kbuild", PASSWORD) },
	};
	_cleanup_(play_end) struct play p = {};
	struct os_access k;

	for (size_t i = 2; i < 199; i++)
		script[i] = (struct fake_reply){ "GET " P "/user/7", .status = 200,
			.body = USER("7", "creating", "kbuild", "") };
	forget();
	play_begin(&p, script);
	check_int(complete(&p, &eu, &k), -ERR_NETWORK);
	check_says(&p, "still being created after 180 s");
	check(p.now_ms >= 180000 && p.now_ms < 200000);
}

static void was_kept_since(int64_t seconds)
{
	const struct timespec then = { .tv_sec = time(NULL) - seconds };

	check_int(
		utimensat(tmp_fd(), "ovh/p1.json", (const struct timespec[]){ then, then }, 0), 0);
}

static void a_refused_password_is_renewed_even_when_it_is_kept(void)
{
	static const struct fake_reply script[] = {
		{ "GET " P "/user", .status = 200, .body = "[" USER("7", "ok", "kbuild", "") "]" },
		{ "POST " P "/user/7/regeneratePassword", .status = 200,
			.body = USER("7", "ok", "kbuild", ",\"password\":\"second\"") },
		{},
	};
	_cleanup_(play_end) struct play p = {};
	struct signin s = { &p.native, &eu, tmp_path, &p.clock, NULL, "kbuild", false, &memory };
	struct os_access k = { .token = "from elsewhere" };

	forget();
	check_int(mkdirat(tmp_fd(), "ovh", 0700), 0);
	check_int(file_replace(tmp_fd(), "ovh/p1.json", KEPT, strlen(KEPT), 0600), 0);
	play_begin(&p, script);
	check_int(signin_renew(&s, p.arena, &k, &p.e), 1);
	was_kept_since(3600);
	check_int(complete(&p, &eu, &k), 0);
	check_str(k.password, "p\"w");
	check_int(signin_renew(&s, p.arena, &k, &p.e), 0);
	check_str(k.password, "second");
	check(p.now_ms < 1000);
	memory = (struct signin_memory){}; /* the next run */
	was_kept_since(3600);
	s.looks = true;
	check_int(signin_renew(&s, p.arena, &k, &p.e), -ERR_FAILED);
	check_says(&p, "Keystone refuses the password of kbuild's OpenStack user user-7");
	s.looks = false;
	/* Who still has the first one is told what another run has kept, without a call. */
	k.password = "p\"w";
	check_int(signin_renew(&s, p.arena, &k, &p.e), 0);
	check_str(k.password, "second");
	fake_http_done(&p.fake);
}

/* Tries until it is told that this is no use, or gets another password; how often it was told to go on. */
static int insist(struct play *p, struct os_access *k)
{
	const struct signin s = { &p->native, &eu, tmp_path, &p->clock, NULL, "kbuild", false,
		&memory };
	const char *first = k->password;
	int n = 0, r;

	p->e = (struct error){};
	while ((r = signin_renew(&s, p->arena, k, &p->e)) == 0 && strcmp(first, k->password) == 0 &&
		n < 100)
		n++;
	check(r >= 0);
	return n;
}

/* Keystone learns of it later: another password would be as new, and end this one. */
static void a_password_that_was_made_just_now_is_tried_for_a_minute(void)
{
	static const struct fake_reply script[] = {
		{ "GET " P "/user", .status = 200, .body = "[]" },
		{ "POST " P "/user", .status = 200, .body = USER("7", "ok", "kbuild", PASSWORD) },
		{},
	};
	_cleanup_(play_end) struct play p = {};
	struct os_access k;

	forget();
	play_begin(&p, script);
	check_int(complete(&p, &eu, &k), 0);
	check_int(insist(&p, &k), 20);
	check_str(k.password, "p\"w");
	check(p.now_ms >= 60000 && p.now_ms < 61000);
	check_int(insist(&p, &k), 0); /* a minute in all */
	fake_http_done(&p.fake);
}

/* By another run, of which nothing is known here but the file; and it may have been wrong from the beginning. */
static void what_another_run_has_just_kept_is_tried_for_a_minute_and_renewed(void)
{
	static const struct fake_reply script[] = {
		{ "GET " P "/user", .status = 200, .body = "[" USER("7", "ok", "kbuild", "") "]" },
		{ "POST " P "/user/7/regeneratePassword", .status = 200,
			.body = USER("7", "ok", "kbuild", ",\"password\":\"second\"") },
		{},
	};
	_cleanup_(play_end) struct play p = {};
	struct os_access k;

	forget();
	check_int(mkdirat(tmp_fd(), "ovh", 0700), 0);
	check_int(file_replace(tmp_fd(), "ovh/p1.json", KEPT, strlen(KEPT), 0600), 0);
	play_begin(&p, script);
	check_int(complete(&p, &eu, &k), 0);
	check_int(insist(&p, &k), 20);
	check_str(k.password, "second");
	/* That one is new, too, and the last. */
	check_int(insist(&p, &k), 20);
	check_str(k.password, "second");
	check(p.now_ms >= 120000 && p.now_ms < 121000);
	fake_http_done(&p.fake);
}

static void broken_files_are_as_good_as_lost_ones(void)
{
	static const char *const texts[] = { "", "{", "[]", "{\"v\":1,\"id\":7}",
		"{\"id\":7,\"username\":\"u\",\"password\":\"\"}" };
	static const struct fake_reply script[] = {
		{ "GET " P "/user", .status = 200, .body = "[" USER("7", "ok", "kbuild", "") "]" },
		{ "POST " P "/user/7/regeneratePassword", .status = 200,
			.body = USER("7", "ok", "kbuild", PASSWORD) },
		{},
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_(play_end) struct play p = {};
		struct os_access k;

		forget();
		check_int(mkdirat(tmp_fd(), "ovh", 0700), 0);
		check_int(
			file_replace(tmp_fd(), "ovh/p1.json", texts[i], strlen(texts[i]), 0600), 0);
		play_begin(&p, script);
		check_int(complete(&p, &eu, &k), 0);
		fake_http_done(&p.fake);
		read_kept(KEPT);
	}
}

/* One that was copied, or is of old: whoever made it may still use it. */
static void the_user_of_another_machine_is_left_alone(void)
{
	static const struct fake_reply script[] = {
		{ "GET " P "/user", .status = 200,
			.body = "[" USER("3", "ok", "kbuild", "") "," USER(
				"4", "ok", "kbuild b 2", "") "]" },
		{ "POST " P "/user", .has = "\"description\":\"kbuild a 1\"", .status = 200,
			.body = USER("7", "ok", "kbuild a 1", PASSWORD) },
		{},
	};
	_cleanup_(play_end) struct play p = {};
	struct signin s = { &p.native, &eu, tmp_path, &p.clock, NULL, "kbuild a 1", true, &memory };
	struct os_access k = {};

	forget();
	play_begin(&p, script);
	check_int(signin_complete(&s, p.arena, &k, &p.e), SIGNIN_NONE);
	check(!k.user_name && !k.auth_url);
	s.looks = false;
	check_int(signin_complete(&s, p.arena, &k, &p.e), 0);
	read_kept(KEPT);
	s.looks = true;
	check_int(signin_complete(&s, p.arena, &k, &p.e), 0);
	check_str(k.user_name, "user-7");
	fake_http_done(&p.fake);
}

static void a_description_is_of_this_machine_and_its_state(void)
{
	_cleanup_(play_end) struct play p = {};
	static const struct fake_reply none[] = { {} };
	const char *one, *two;
	char host[65] = "";

	play_begin(&p, none);
	check_int(gethostname(host, sizeof host - 1), 0);
	one = signin_description("/home/a/.local/state/kbuild", p.arena);
	two = signin_description("/home/b/.local/state/kbuild", p.arena);
	check(strncmp(one, "kbuild ", 7) == 0 && strstr(one, host));
	check(strcmp(one, two) != 0);
	check_str(signin_description("/home/a/.local/state/kbuild", p.arena), one);
}

static void service_accounts_sign_in_by_themselves_where_ovh_says_how(void)
{
	static const struct {
		const char *section, *discovery, *provider;
	} cases[] = {
		{ "ovh-eu", "iam.ovh.net", "ovhcloud-emea" },
		{ "ovh-ca", "iam.ovh.ca", "ovhcloud-world" },
		{ "https://h/1.0", "http://127.0.0.1:1/own", "ovhcloud-emea" },
		{ "ovh-us", "http://127.0.0.1:1/own", "ovhcloud-us" },
	};
	static const struct fake_reply none[] = { {} };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct ovh_conf conf = { .section = cases[i].section,
			.keys = { .client_id = "id", .client_secret = "secret" },
			.openstack_discovery = i >= 2 ? cases[i].discovery : NULL };
		_cleanup_(play_end) struct play p = {};
		struct os_access k;

		forget();
		play_begin(&p, none);
		check_int(complete(&p, &conf, &k), 0);
		check(strstr(k.oidc_discovery, cases[i].discovery) != NULL);
		check_str(k.oidc_provider, cases[i].provider);
		check_str(k.oidc_client, "id");
		check(!k.user_name && !k.password);
		check_int(os_access_check(&k, &p.e), 0);
		check(signin_federates(&conf));
	}
	check(!signin_federates(&(struct ovh_conf){ .section = "ovh-us" }));
}

static void keystone_is_where_somebody_says_it_is(void)
{
	struct ovh_conf conf = { .section = "ovh-us" };

	forget();
	check_str(signin_auth_url(&conf), "https://auth.cloud.ovh.us/v3");
	conf.openstack_auth_url = "http://conf/v3";
	check_str(signin_auth_url(&conf), "http://conf/v3");
	setenv("OS_AUTH_URL", "http://environment/v3", 1);
	check_str(signin_auth_url(&conf), "http://environment/v3");
	forget();
}

/* --- a consumer key ------------------------------------------------------------------------------- */

static const struct ovh_conf application = { .section = "ovh-eu",
	.keys = { .application_key = "ak", .application_secret = "as" } };
#define CURRENT "GET " EU "/auth/currentCredential"
#define DENIED	"{\"errorCode\":\"INVALID_CREDENTIAL\",\"message\":\"This credential is not valid\"}"

static int ask(struct play *p, int64_t timeout_ms, struct login_key *key)
{
	const struct login l = { &application, "p1", "example.com", &p->http, &p->clock, NULL };
	int r = login_request(&l, p->arena, key, &p->e);

	return r < 0 ? r : login_wait(&l, timeout_ms, p->arena, key, &p->e);
}

#define ASKED                                                                                         \
	{                                                                                             \
		"POST " EU "/auth/credential",                                                        \
			.has = "{\"method\":\"POST\",\"path\":\"/domain/zone/example.com/refresh\"}", \
			.header = "X-Ovh-Application: ak", .status = 200,                             \
			.body = "{\"consumerKey\":\"ck\",\"state\":\"pendingValidation\","            \
				"\"validationUrl\":\"https://v/?x\"}"                                 \
	}
#define TIME                                                                                       \
	{                                                                                          \
		"GET " EU "/auth/time", .status = 200, .body = "1457018875"                        \
	}

static void a_key_is_asked_for_and_waited_for(void)
{
	static const struct fake_reply script[] = {
		ASKED,
		TIME,
		{ CURRENT, .header = "X-Ovh-Consumer: ck", .status = 403, .body = DENIED },
		{ CURRENT, .status = 503, .body = "<html>" },
		{ CURRENT, .status = 200, .body = "{\"status\":\"pendingValidation\"}" },
		{ CURRENT, .status = 200,
			.body = "{\"status\":\"validated\",\"expiration\":\"2027-01-01T00:00:00Z\"}" },
		{},
	};
	_cleanup_(play_end) struct play p = {};
	struct login_key key;

	play_begin(&p, script);
	check_int(ask(&p, 60000, &key), 0);
	check_str(key.consumer_key, "ck");
	check_str(key.url, "https://v/?x");
	check_str(key.expiration, "2027-01-01T00:00:00Z");
	fake_http_done(&p.fake);
}

static void nobody_agrees(void)
{
	static const struct fake_reply script[] = { ASKED, TIME,
		{ CURRENT, .status = 403, .body = DENIED },
		{ CURRENT, .status = 403, .body = DENIED },
		{ CURRENT, .status = 403, .body = DENIED },
		{ CURRENT, .status = 403, .body = DENIED }, {} };
	_cleanup_(play_end) struct play p = {};
	struct login_key key;

	play_begin(&p, script);
	check_int(ask(&p, 10000, &key), -ERR_CONFIRM);
	check_says(&p, "nobody agreed to the new key within 10 s");
	check(p.now_ms <= 10500);
	fake_http_done(&p.fake);
}

static void what_will_never_work_is_not_waited_for(void)
{
	static const struct {
		struct fake_reply last[2];
		const char *says;
	} cases[] = {
		{ { { CURRENT, .status = 200, .body = "{\"status\":\"refused\"}" } },
			"OVH calls the new consumer key 'refused'" },
		{ { { CURRENT, .status = 400, .body = "{\"message\":\"what\"}" } },
			"400 Bad Request: what" },
		{ { { CURRENT, .status = 200, .body = "{}" } },
			"the reply's 'credential.status' is missing" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct fake_reply script[] = { ASKED, TIME, cases[i].last[0], {} };
		_cleanup_(play_end) struct play p = {};
		struct login_key key;

		play_begin(&p, script);
		check(ask(&p, 600000, &key) < 0);
		check_says(&p, cases[i].says);
		check(!strstr(p.e.msg, "ck"));
		fake_http_done(&p.fake);
	}
}

int main(void)
{
	run(a_user_is_made_waited_for_and_kept);
	run(a_user_whose_password_is_lost_gets_another);
	run(a_creation_nobody_knows_of_is_looked_for);
	run(a_wait_that_is_cut_off_loses_nothing);
	run(waiting_for_a_user_ends);
	run(a_refused_password_is_renewed_even_when_it_is_kept);
	run(a_password_that_was_made_just_now_is_tried_for_a_minute);
	run(what_another_run_has_just_kept_is_tried_for_a_minute_and_renewed);
	run(broken_files_are_as_good_as_lost_ones);
	run(the_user_of_another_machine_is_left_alone);
	run(a_description_is_of_this_machine_and_its_state);
	run(service_accounts_sign_in_by_themselves_where_ovh_says_how);
	run(keystone_is_where_somebody_says_it_is);
	run(a_key_is_asked_for_and_waited_for);
	run(nobody_agrees);
	run(what_will_never_work_is_not_waited_for);
	return done();
}
