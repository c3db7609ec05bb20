/*
 * A good answer to signing in, with one thing wrong: each member of it missing, null, of each other type, far
 * too large, and with a stranger beside it. Nothing crashes, and what is needed is named.
 */
#include "os_play.h"

#include "buf.h"
#include "json.h"
#include "spoil.h"

/* All that is made of the answer; the first that fails. */
static int use(struct play *p)
{
	const char *text = NULL, *const *regions = NULL;
	int r = os_token(p->os, 0, &text, &p->e);

	if (r == 0)
		r = os_endpoint(p->os, OS_IMAGE, NULL, p->arena, &text, &p->e);
	if (r == 0 && (strncmp(text, "https://", 8) != 0 || strlen(text) > 3000))
		check_fail("an endpoint %.100s", text);
	if (r == 0)
		r = os_endpoint(p->os, OS_IMAGE, "TWO", p->arena, &text, &p->e);
	if (r == 0)
		r = os_endpoint(p->os, OS_VOLUME, NULL, p->arena, &text, &p->e);
	if (r == 0)
		r = os_regions(p->os, OS_COMPUTE, p->arena, &regions, &p->e);
	if (r == 0)
		r = os_project(p->os, p->arena, &text, &p->e);
	return r;
}

/* What it is about: the member itself, or what the catalogue then does not have. */
static bool is_named(const char *message, const char *name)
{
	char quoted[64], start[64], end[64];

	snprintf(quoted, sizeof quoted, "'%s'", name);
	snprintf(start, sizeof start, "'%s.", name);
	snprintf(end, sizeof end, ".%s'", name);
	if (*name && (strstr(message, quoted) || strstr(message, start) || strstr(message, end)))
		return true;
	return strstr(message, "no service '") || strstr(message, "catalogue has no") ||
	       strstr(message, "its endpoint in the catalogue");
}

static bool try_one(size_t n, enum wrong wrong, unsigned *failed)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct fake_reply script[] = { SIGN_IN, {} };
	_cleanup_(play_end) struct play p = { .no_cache = true };
	struct node *root = NULL;
	_buf_ text = BUF_INIT;
	const char *name;
	int r;

	check_int(json_parse(&root, a, "", HOUR, strlen(HOUR), &p.e), 0);
	if (!spoil(root, n, wrong, a, &name))
		return false;
	node_write_json(root, 0, &text);
	script[0].body = buf_str(&text);
	play_begin(&p, script);
	r = use(&p);
	*failed += r != 0;
	if (r == 0)
		return true;
	if (r > 0 || p.e.code != -r || strpbrk(p.e.msg, "\033\r\n") || !is_named(p.e.msg, name))
		check_fail("%s wrong in way %d: %d '%s'", name, (int)wrong, r, p.e.msg);
	return true;
}

static void one_thing_wrong_is_named(void)
{
	unsigned failed = 0, tried = 0;

	for (size_t n = 0;; n++) {
		int wrong = 0;

		while (wrong < WRONGS && try_one(n, (enum wrong)wrong, &failed))
			wrong++;
		tried += (unsigned)wrong;
		if (wrong == 0)
			break;
		check_int(wrong, WRONGS);
	}
	printf("# %u answers, %u of them are refused\n", tried, failed);
	check(tried > 300 && failed > 60);
}

static void needed_members_are_needed(void)
{
	static const struct {
		const char *body, *message;
	} cases[] = {
		{ "{}", "identity: signing in: the reply holds no 'token'" },
		{ "[]", "identity: signing in: the reply holds no 'token'" },
		{ "{\"token\":[]}",
			"identity: signing in: the reply's 'token' must be a map, not a list" },
		{ "{\"token\":{\"issued_at\":\"2026-11-29T11:00:00Z\"}}",
			"identity: signing in: the reply's 'token.expires_at' is missing" },
		{ "{\"token\":{\"issued_at\":\"2026-11-29T11:00:00Z\",\"expires_at\":\"soon\"}}",
			"identity: signing in: the reply's 'token.expires_at' must be a time as in" },
		{ BODY("2026-11-29T11:00:00Z", "2026-11-29T10:00:00Z"),
			"identity: signing in: the token ended before it was made" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct fake_reply script[] = {
			{ TOKENS, .status = 201, .body = cases[i].body, .headers = play_token }, {}
		};
		_cleanup_(play_end) struct play p = { 0 };

		play_begin(&p, script);
		check(use(&p) < 0);
		if (!strstr(p.e.msg, cases[i].message))
			check_fail("'%s' is not '%s'", p.e.msg, cases[i].message);
	}
}

static void the_header_must_hold_a_token(void)
{
	static const struct http_header none[] = { { "X-Other", "x" }, {} },
					empty[] = { { "X-Subject-Token", "" }, {} },
					odd[] = { { "X-Subject-Token", "a\033b" }, {} };
	static const struct {
		const struct http_header *headers;
		const char *message;
	} cases[] = { { none, "lacks the header X-Subject-Token; is auth_url Keystone's?" },
		{ empty, "has a token that is none" }, { odd, "has a token that is none" } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct fake_reply script[] = {
			{ TOKENS, .status = 201, .body = HOUR, .headers = cases[i].headers }, {}
		};
		_cleanup_(play_end) struct play p = { 0 };

		play_begin(&p, script);
		check_int(use(&p), -ERR_FAILED);
		check(strstr(p.e.msg, cases[i].message));
	}
}

int main(void)
{
	run(one_thing_wrong_is_named);
	run(needed_members_are_needed);
	run(the_header_must_hold_a_token);
	return done();
}
