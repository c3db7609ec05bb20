/*
 * Replacing a service without a gap: the new container is started beside the old one and must be
 * healthy; the old one is told to drain (its health check then fails, and the proxy drops it), and only
 * then stopped. It takes a proxy that finds containers by name or label and asks their health.
 *
 * All of it may be cut off and begun again: which container is new is told by Compose's own hash. On the way back that
 * does not tell: what has the good revision's hash may have been told to drain already, and never serves again.
 */
#include "deploy.h"

#include "agent.h"
#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "clock.h"
#include "config.h"
#include "engine.h"
#include "error.h"
#include "fd.h"
#include "gate.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#define PAUSE_MS 1000
/* From a failing health check to a proxy that sends nothing more: Docker's retries, the proxy's lag. */
#define DRAIN_MS 60000
#define LAG_MS	 3000
/*
 * Healthy for the engine is not yet known to the proxy, which cannot be asked: it looks names up and checks at
 * intervals of its own, and on a busy machine late.
 */
#define FOUND_MS 10000
/* A container without a limit of its own is taken to need this much beside the old one. */
#define MEMORY_GUESS (256 * MIB)

/* Bytes the kernel could give now; 0: not known. */
static uint64_t available(void)
{
	_buf_ text = BUF_INIT;
	const char *line;

	if (file_read(AT_FDCWD, "/proc/meminfo", 64 * KIB, &text) < 0)
		return 0;
	line = strstr(buf_str(&text), "MemAvailable:");
	return line ? strtoull(line + strlen("MemAvailable:"), NULL, 10) * KIB : 0;
}

static const char *obstacle_of(
	const struct deploy *d, const struct plan *plan, const struct plan_service *s)
{
	uint64_t have = available();
	uint64_t need = s->memory > 0 ? (uint64_t)s->memory : MEMORY_GUESS;

	if (s->named)
		return "it has a container_name";
	if (s->published)
		return "it has a port on the host";
	if (s->stateful)
		return "it keeps data";
	if (s->nameless)
		return "it has a volume without a name";
	if (plan_shares(plan, s))
		return "it shares name spaces with another service";
	if (s->replicas < 1 || !s->config)
		return "it has no container";
	if (have > 0 && have < need)
		return arena_printf(d->arena,
			"there is not enough memory for two (%" PRIu64 " MiB free, %" PRIu64
			" needed)",
			have / MIB, need / MIB);
	return NULL;
}

static bool is_wanted(const struct deploy *d, const char *service)
{
	for (const char **s = d->a->config->app.zero_downtime; s && *s; s++)
		if (strcmp(*s, service) == 0)
			return true;
	return false;
}

/* What is being replaced: a service, and what is old of it. */
struct swap {
	const struct plan_service *s;
	const struct containers *before; /* these are; NULL: those of another hash are */
};

static bool is_new(const struct swap *w, const struct container *c)
{
	if (!w->before)
		return strcmp(c->config, w->s->config) == 0 ||
		       (w->s->alone && strcmp(c->config, w->s->alone) == 0);
	for (size_t i = 0; i < w->before->n; i++)
		if (strcmp(w->before->v[i].id, c->id) == 0)
			return false;
	return true;
}

/* Of the containers the new or the old ones. */
static struct containers pick(
	struct deploy *d, const struct swap *w, bool new, const struct containers *all)
{
	struct containers some = { .v = arena_alloc(d->arena, (all->n + 1) * sizeof *some.v) };

	for (size_t i = 0; i < all->n; i++)
		if (is_new(w, &all->v[i]) == new)
			some.v[some.n++] = all->v[i];
	return some;
}

/* All of the service's containers. */
static int look_all(
	struct deploy *d, const struct plan_service *s, struct containers *ret, struct error *e)
{
	struct containers all;
	size_t n = 0;
	int r = engine_ps(d->a, d->arena, &all, e);

	for (size_t i = 0; r >= 0 && i < all.n; i++)
		if (strcmp(all.v[i].service, s->name) == 0)
			all.v[n++] = all.v[i];
	*ret = all;
	ret->n = n;
	return r;
}

static int look(
	struct deploy *d, const struct swap *w, bool new, struct containers *ret, struct error *e)
{
	struct containers all;
	int r = look_all(d, w->s, &all, e);

	if (r >= 0)
		*ret = pick(d, w, new, &all);
	return r;
}

static bool is_running(const struct container *c)
{
	return strcmp(c->state, "running") == 0;
}

/* Else it was made, and power was cut before it was started; or it has ended. Nobody starts it by looking at it. */
static bool has_begun(const struct container *c)
{
	return is_running(c) || strcmp(c->state, "restarting") == 0 ||
	       strcmp(c->state, "paused") == 0;
}

/* Stops and removes them. */
static int end(struct deploy *d, const struct containers *cs, struct error *e)
{
	int r = 0;

	for (size_t i = 0; i < cs->n && r >= 0; i++) {
		r = engine_stop(d->a, cs->v[i].id, e);
		if (r >= 0)
			r = engine_remove(d->a, cs->v[i].id, e);
	}
	return r;
}

/* Until the new ones are well by themselves; the gate of the whole application comes later. */
static int wait_new(struct deploy *d, const struct swap *w, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct plan_service copy = *w->s;
	const struct plan one = { .services = &copy, .n = 1 };
	_cleanup_(judge_free) struct judge j = { .plan = &one, .arena = arena };
	int64_t start = clock_now_ms(d->a->clock);
	int64_t limit = (int64_t)d->a->config->app.timeout * 1000;
	_buf_ why = BUF_INIT;

	for (;;) {
		struct containers cs;
		enum verdict v;
		int r = look(d, w, true, &cs, e);

		if (r < 0)
			return r;
		j.now_ms = clock_now_ms(d->a->clock);
		v = judge_containers(&j, &cs, &why);
		if (v == GATE_WELL)
			return 0;
		if (v == GATE_SICK || j.now_ms - start >= limit)
			return error_set(e, ERR_TEST, "%s", buf_str(&why));
		r = clock_sleep_ms(d->a->clock, PAUSE_MS);
		if (r < 0)
			return error_errno(e, r, "waiting for %s", w->s->name);
	}
}

/* Until docker says that the old ones are unhealthy, which is what proxies go by; or long enough. */
static int wait_dropped(struct deploy *d, const struct swap *w, struct error *e)
{
	int64_t start = clock_now_ms(d->a->clock);
	int r = 0;

	while (r >= 0 && clock_now_ms(d->a->clock) - start < DRAIN_MS) {
		struct containers cs;
		bool serving = false;

		r = look(d, w, false, &cs, e);
		for (size_t i = 0; r >= 0 && i < cs.n; i++)
			serving = serving ||
				  (is_running(&cs.v[i]) && strcmp(cs.v[i].health, "none") != 0 &&
					  strcmp(cs.v[i].health, "unhealthy") != 0);
		if (r < 0 || !serving)
			break;
		r = clock_sleep_ms(d->a->clock, PAUSE_MS);
	}
	if (r >= 0)
		r = clock_sleep_ms(d->a->clock, LAG_MS);
	return r == -ECANCELED ? error_errno(e, r, "draining %s", w->s->name) : r;
}

static int drain(
	struct deploy *d, const struct swap *w, const struct containers *old, struct error *e)
{
	const struct plan_service *s = w->s;
	size_t drained = 0;
	int r = 0;

	if (!s->drain) {
		deploy_say(d, "up", "%s has no label kbuild.drain: requests in flight end with it",
			s->name);
		return 0;
	}
	deploy_say(d, "up", "draining the old %s", s->name);
	for (size_t i = 0; i < old->n; i++) {
		if (!is_running(&old->v[i]))
			continue;
		r = engine_drain(d->a, old->v[i].id, e);
		if (r < 0 && e->code == ERR_INTERRUPTED)
			return r;
		/* The new one is well: an old one that takes no file (read_only) is no reason to go back. */
		if (r < 0)
			deploy_say(
				d, "up", "%s: %s: requests in flight end with it", s->name, e->msg);
		drained += r >= 0;
	}
	*e = (struct error){ 0 };
	return drained ? wait_dropped(d, w, e) : 0;
}

static bool may_be_drained(const struct deploy *d, const struct plan_service *s)
{
	return d->ledger.doing.step == DOING_BACK && s->drain;
}

bool overlap_possible(struct deploy *d, const struct plan *plan, const struct plan_service *s)
{
	const struct swap w = { .s = s };
	const char *obstacle;
	struct containers all;
	struct error ignored = { 0 };
	bool serves = false;

	if (!is_wanted(d, s->name))
		return false;
	obstacle = obstacle_of(d, plan, s);
	if (obstacle) {
		deploy_say(d, "up", "%s is replaced with a gap: %s", s->name, obstacle);
		return false;
	}
	/* Where nothing serves there is no gap to avoid. */
	if (look_all(d, s, &all, &ignored) < 0)
		return false;
	for (size_t i = 0; i < all.n && !serves; i++)
		/* A new one that is unhealthy would be left alone as it is, and not get well. */
		serves = is_new(&w, &all.v[i])
				 ? may_be_drained(d, s) && strcmp(all.v[i].health, "unhealthy") == 0
				 : is_running(&all.v[i]);
	return serves;
}

/* Of an attempt that was cut off: what never began goes, and is made again. */
static int end_unbegun(struct deploy *d, struct containers *new, struct error *e)
{
	struct containers some = { .v = arena_alloc(d->arena, (new->n + 1) * sizeof *some.v) };
	size_t n = 0;

	for (size_t i = 0; i < new->n; i++) {
		if (has_begun(&new->v[i]))
			new->v[n++] = new->v[i];
		else
			some.v[some.n++] = new->v[i];
	}
	new->n = n;
	return end(d, &some, e);
}

bool overlap_is_done(struct deploy *d, const struct plan_service *s)
{
	const struct swap w = { .s = s };
	struct error ignored = { 0 };
	struct containers all;
	int64_t n = 0;

	/* One hash means one thing to Compose, too. */
	if (!is_wanted(d, s->name) || !s->alone || !s->config || look_all(d, s, &all, &ignored) < 0)
		return false;
	for (size_t i = 0; i < all.n; i++)
		n += is_new(&w, &all.v[i]) && is_running(&all.v[i]) &&
		     strcmp(all.v[i].health, "unhealthy") != 0;
	return n == s->replicas && (size_t)n == all.n;
}

/* It turned out that it cannot be; nothing was begun. */
static int replace_with_gap(
	struct deploy *d, const char *plan, const struct plan_service *s, struct error *e)
{
	const char *const services[] = { s->name, NULL };

	deploy_say(d, "up", "%s is replaced with a gap: %s", s->name, e->msg);
	*e = (struct error){ 0 };
	return engine_up(d->a, plan, services, e);
}

int overlap_replace(
	struct deploy *d, const char *plan, const struct plan_service *s, struct error *e)
{
	struct swap w = { .s = s };
	struct containers before, old, new;
	struct error ignored = { 0 };
	int r = look_all(d, s, &before, e);

	if (r < 0)
		return r;
	w.before = may_be_drained(d, s) ? &before : NULL;
	old = pick(d, &w, false, &before);
	new = pick(d, &w, true, &before);
	deploy_say(d, "up", "starting the new %s beside the old one", s->name);
	r = end_unbegun(d, &new, e);
	if (r >= 0 && (int64_t) new.n < s->replicas)
		r = engine_scale(d->a, plan, s->name, (int64_t)old.n + s->replicas, e);
	if (r == -ERR_INVALID)
		return replace_with_gap(d, plan, s, e);
	if (r >= 0)
		r = wait_new(d, &w, e);
	if (r == -ERR_TEST) {
		/* The old one serves on; what was seen of the new one is kept before it goes. */
		deploy_keep_evidence(d, d->ledger.doing.to.sha, e->msg, "");
		if (look(d, &w, true, &new, &ignored) >= 0)
			(void)end(d, &new, &ignored);
	}
	if (r >= 0 && clock_sleep_ms(d->a->clock, FOUND_MS) < 0)
		r = error_set(e, ERR_INTERRUPTED, "interrupted");
	if (r >= 0)
		r = drain(d, &w, &old, e);
	return r < 0 ? r : end(d, &old, e);
}
