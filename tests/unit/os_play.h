/*
 * A play of one session against scripted answers (fake_http.h): a clock that moves when somebody
 * sleeps, an arena, a cache of its own. For tests of builder/cloud/openstack.
 */
#pragma once

#include "os.h"

#include "arena.h"
#include "check.h"
#include "clock.h"
#include "fake_http.h"
#include "node.h"
#include "tmpdir.h"

#define KEYSTONE "https://keystone/v3"
#define TOKENS	 "POST " KEYSTONE "/auth/tokens"
#define NOVA	 "https://nova.one/v2.1"
#define GLANCE	 "https://glance.one/v2"

/* Two regions, and an answer to signing in that lives for an hour. */
#define CATALOG                                                                                    \
	"[{\"type\":\"identity\",\"name\":\"keystone\",\"endpoints\":["                            \
	"{\"interface\":\"public\",\"region_id\":\"ONE\",\"url\":\"https://keystone\"},"           \
	"{\"interface\":\"public\",\"region_id\":\"TWO\",\"url\":\"https://keystone\"}]},"         \
	"{\"type\":\"image\",\"endpoints\":["                                                      \
	"{\"interface\":\"internal\",\"region_id\":\"ONE\",\"url\":\"https://inside\"},"           \
	"{\"interface\":\"public\",\"region_id\":\"ONE\",\"url\":\"https://glance.one/\"},"        \
	"{\"interface\":\"public\",\"region\":\"TWO\",\"url\":\"https://glance.two/v2\"}]},"       \
	"{\"type\":\"compute\",\"endpoints\":["                                                    \
	"{\"interface\":\"public\",\"region_id\":\"ONE\",\"url\":\"https://nova.one/v2.1\"}]},"    \
	"{\"type\":\"volumev3\",\"endpoints\":["                                                   \
	"{\"interface\":\"public\",\"region_id\":\"ONE\",\"url\":\"https://cinder/v3/p\"}]}]"
#define BODY(issued, expires)                                                                      \
	"{\"token\":{\"methods\":[\"password\"],\"project\":{\"id\":\"p\",\"name\":\"n\"},"        \
	"\"issued_at\":\"" issued "\",\"expires_at\":\"" expires "\",\"catalog\":" CATALOG "}}"
#define HOUR BODY("2026-11-29T11:00:00.000000Z", "2026-11-29T12:00:00.000000Z")

static const struct http_header play_token[] = { { "X-Subject-Token", "tok" }, {} };
static const struct http_header play_token2[] = { { "X-Subject-Token", "tok2" }, {} };

#define SIGN_IN                                                                                    \
	{                                                                                          \
		TOKENS, .status = 201, .body = HOUR, .headers = play_token                         \
	}

struct play {
	struct fake_http fake;
	struct http http;
	int64_t now_ms, slept_ms;
	struct clock clock;
	struct os_access access;
	bool no_cache; /* its files are synced, which hundreds of plays feel */
	struct os *os;
	struct arena *arena;
	struct node *answer;
	struct error e;
};

static inline int64_t play_now(void *arg)
{
	return ((struct play *)arg)->now_ms;
}

static inline int play_sleep(void *arg, int64_t ms)
{
	struct play *p = arg;

	p->now_ms += ms;
	p->slept_ms += ms;
	return 0;
}

static inline void play_end(struct play *p)
{
	if (p->os)
		os_free(p->os);
	if (p->arena)
		arena_free(p->arena);
}

/* One more run of the program, with what the cache holds. */
static inline void play_again(struct play *p, const struct fake_reply *script)
{
	if (p->os)
		os_free(TAKE(p->os));
	if (!p->arena)
		p->arena = arena_new();
	p->fake = (struct fake_http){ script };
	p->http = fake_http(&p->fake);
	p->now_ms += 5000;
	p->clock = (struct clock){ play_now, play_sleep, p };
	if (!p->access.auth_url)
		p->access = (struct os_access){ .auth_url = "https://keystone/",
			.user_name = "user",
			.password = "pass\"word",
			.project_id = "p",
			.region = "ONE" };
	check_int(os_new(&p->os, &p->access, &p->http, &p->clock,
			  p->no_cache ? NULL : tmp_name("cache"), &p->e),
		0);
}

/* The first run, with nothing in the cache. */
static inline void play_begin(struct play *p, const struct fake_reply *script)
{
	if (!p->no_cache)
		check_int(remove_all(tmp_fd(), "cache"), 0);
	play_again(p, script);
}

static inline int play_ask(
	struct play *p, enum os_service service, const char *method, const char *path)
{
	const struct os_query q = { .service = service, .method = method, .path = path };

	p->e = (struct error){};
	return os_call(p->os, &q, p->arena, &p->answer, &p->e);
}
