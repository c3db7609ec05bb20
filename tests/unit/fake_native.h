/* A session with OVH's native API whose answers are scripted, and whose waits take no time. */
#pragma once

#include "arena.h"
#include "check.h"
#include "clock.h"
#include "fake_http.h"
#include "ovh.h"
#include "project.h"

#define EU "https://eu.api.ovh.com/1.0"
#define P  EU "/cloud/project/p1"

/* An access token: nothing is signed, so that a script holds nothing but the calls that matter. */
static const struct ovh_keys fake_keys = { .access_token = "token" };

struct play {
	struct fake_http fake;
	struct http http;
	int64_t now_ms;
	struct clock clock;
	struct ovh *ovh;
	struct arena *arena;
	struct native native;
	struct error e;
};

static int64_t play_now(void *arg)
{
	return ((struct play *)arg)->now_ms;
}

static int play_sleep(void *arg, int64_t ms)
{
	((struct play *)arg)->now_ms += ms;
	return 0;
}

static inline void play_end(struct play *p)
{
	if (p->ovh)
		ovh_free(p->ovh);
	arena_free(p->arena);
}

static inline void play_begin(struct play *p, const struct fake_reply *script)
{
	*p = (struct play){ .fake = { script }, .arena = arena_new() };
	p->http = fake_http(&p->fake);
	p->clock = (struct clock){ play_now, play_sleep, p };
	check_int(ovh_new(&p->ovh, &fake_keys, &p->http, &p->clock, &p->e), 0);
	p->native = (struct native){ p->ovh, "p1" };
}

#define check_says(p, text)                                                                        \
	do {                                                                                       \
		if (!strstr((p)->e.msg, text))                                                     \
			check_fail("'%s' is not in: %s", text, (p)->e.msg);                        \
	} while (0)
