/* See gate.h: asking until it is certain, one way or the other. */
#include "gate.h"

#include "agent.h"
#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "clock.h"
#include "config.h"
#include "error.h"
#include "ipc.h"
#include "plan_table.h"
#include "role.h"

#include <inttypes.h>
#include <string.h>

#define PAUSE_MS  2000
#define PROBE_MS  10000 /* a health page that needs longer is not healthy */
#define STREAK	  3	/* answers 2xx in a row */
#define CALM_MS	  10000 /* and so long without a restart: what crashes after 5 s is seen */
#define PROBES_KB 32

/* The address the health URL is asked at: this machine, not where its name leads (yet, or still). */
static char *address(const struct gate *g)
{
	const char *at = g->plan->address;

	if (!at)
		return xstrdup("127.0.0.1");
	return strchr(at, ':') ? xasprintf("[%s]", at) : xstrdup(at);
}

static void note_probe(const struct gate *g, int64_t ms, long status, const char *problem)
{
	_buf_ one = BUF_INIT;

	if (!g->probes || g->probes->len > PROBES_KB * KIB)
		return;
	ipc_begin(&one);
	ipc_add_int(&one, "ms", ms);
	ipc_add_int(&one, "status", status);
	if (problem)
		ipc_add_str(&one, "problem", problem);
	ipc_end(&one);
	buf_printf(g->probes, "%s%s", g->probes->len ? "," : "", buf_str(&one));
}

/* 1: the health URL answers 2xx. 0: not, and why says how. < 0: who asks has ended, whatever there is to hear. */
static int probe(const struct gate *g, int64_t ms, struct buf *why, struct error *e)
{
	_cleanup_(http_response_free) struct http_response answer = HTTP_RESPONSE_INIT;
	const char *url = g->a->config->app.health;
	_free_ char *at = address(g);
	const struct http_request q = { .method = "GET",
		.url = url,
		.timeout_ms = PROBE_MS,
		.max = MIB,
		.redirects = true,
		.connect_to = at };
	struct error failed = { 0 };

	if (!url || g->inside)
		return 1;
	if (http_send(&g->http, &q, &answer, NULL, &failed) < 0) {
		note_probe(g, ms, 0, failed.msg);
		if (g->a->net && role_is_gone(g->a->net)) {
			*e = failed;
			return error_transient(e);
		}
		buf_reset(why);
		buf_adds(why, failed.msg);
		return 0;
	}
	note_probe(g, ms, answer.status, NULL);
	if (answer.status >= 200 && answer.status < 300)
		return 1;
	buf_reset(why);
	buf_printf(why, "%s answers %ld", url, answer.status);
	return 0;
}

struct watch {
	struct judge judge;
	int64_t start_ms, well_since_ms, restarts;
	unsigned streak;
	bool lost;  /* the engine did not answer the last time */
	bool blind; /* nothing can be probed any more: for the next run, which has a net process */
};

static void begin_again(struct watch *w)
{
	w->streak = 0;
}

static int64_t restarts_of(const struct containers *cs)
{
	int64_t sum = 0;

	for (size_t i = 0; i < cs->n; i++)
		sum += cs->v[i].restarts;
	return sum;
}

/* One look. GATE_WELL: and for long enough. */
static int look(const struct gate *g, struct watch *w, struct buf *why, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct containers cs;
	enum verdict v;
	int r = engine_ps(g->a, arena, &cs, e), well;

	w->lost = r < 0;
	if (r < 0)
		return r;
	w->judge.now_ms = clock_now_ms(g->a->clock);
	v = judge_containers(&w->judge, &cs, why);
	well = v == GATE_WELL ? probe(g, w->judge.now_ms - w->start_ms, why, e) : 0;
	w->blind = well < 0;
	if (well < 0)
		return well;
	if (!well || restarts_of(&cs) != w->restarts) {
		begin_again(w);
		w->restarts = restarts_of(&cs);
		return v == GATE_SICK ? GATE_SICK : GATE_WAIT;
	}
	if (w->streak++ == 0)
		w->well_since_ms = w->judge.now_ms;
	if (g->calm || (w->streak >= STREAK && w->judge.now_ms - w->well_since_ms >= CALM_MS))
		return GATE_WELL;
	return GATE_WAIT;
}

int gate_wait(const struct gate *g, struct buf *why, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	_cleanup_(judge_free) struct judge j = { 0 };
	int64_t limit_ms = (int64_t)g->a->config->app.timeout * 1000;
	struct watch w = {
		.judge = { .plan = g->plan, .arena = arena, .first = g->first },
		.start_ms = clock_now_ms(g->a->clock),
	};
	int r;

	for (;;) {
		r = look(g, &w, why, e);
		j = w.judge; /* freed with it, whichever way this ends */
		if (r == GATE_WELL)
			return 0;
		if (r == GATE_SICK)
			return GATE_FAILED;
		if (r < 0 && (w.blind || !e->transient))
			return r;
		if (r < 0)
			begin_again(&w);
		if (clock_now_ms(g->a->clock) - w.start_ms >= limit_ms)
			break;
		r = clock_sleep_ms(g->a->clock, PAUSE_MS);
		if (r < 0)
			return error_errno(e, r, "the health gate");
	}
	if (w.lost)
		return error_prefix(e, "the health gate");
	if (why->len == 0)
		buf_adds(why, "it did not stay well");
	buf_printf(why, " (after %" PRId64 " s)", limit_ms / 1000);
	return GATE_FAILED;
}
