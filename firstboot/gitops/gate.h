/*
 * Whether the application is well: every container that the plan wants is there, runs or has done its
 * work, its own health check agrees, nothing restarts, and the health URL answers 2xx through the
 * proxy, several times in a row. "It runs" is not enough: a crash loop runs most of the time.
 *
 * The judge looks at one moment and decides nothing but what it sees; the gate asks it again and again,
 * until all is well for long enough, something is beyond hope, or time is up.
 */
#pragma once

#include "base.h"
#include "engine.h"
#include "http.h"

struct agent;
struct buf;
struct error;
struct plan;
struct plan_service;

enum verdict {
	GATE_WELL,
	GATE_WAIT, /* not yet: starting, missing */
	GATE_SICK, /* it will not get well by waiting: crashed, loops */
};

/* What was seen of a container before; kept by who judges, by id. */
struct seen {
	const char *id;
	int64_t restarts;     /* when first seen */
	int64_t unhealthy_ms; /* since when, 0: it is not */
};

struct judge {
	const struct plan *plan;
	struct arena *arena;
	int64_t now_ms;
	bool first; /* nothing served here before: services may crash until what they need is up */
	struct seen *seen;
	size_t n, cap;
};
void judge_free(struct judge *j); /* for _cleanup_ */

/* Whether it has ended badly and nothing starts it again: as long as nobody does, the application is not well. */
bool judge_ended_badly(const struct plan_service *s, const struct container *c);

/* why: who and what, when it is not well; replaced. */
enum verdict judge_containers(struct judge *j, const struct containers *cs, struct buf *why);

struct gate {
	struct agent *a;
	struct http http;
	const struct plan *plan;
	bool first;
	bool inside;	    /* containers alone, not the health URL */
	bool calm;	    /* nothing was replaced: one look that is well is enough */
	struct buf *probes; /* JSON: a list of what was probed, its last 100; NULL: not wanted */
};

/*
 * 0: all is well. GATE_FAILED: it is not, and why says it. < 0: it could not be found out (the
 * engine does not answer): transient.
 */
#define GATE_FAILED 1
int gate_wait(const struct gate *g, struct buf *why, struct error *e);
