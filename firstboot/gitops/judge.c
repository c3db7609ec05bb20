/* See gate.h: what one look at the containers says. */
#include "gate.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "plan_table.h"

#include <inttypes.h>
#include <string.h>

/*
 * Docker restarts after 0.1 s, 0.2 s, 0.4 s …: three restarts within a second, six within seven. An
 * application that waits for its database by crashing gets well before that when the database runs
 * already; at first boot it does not, and only time decides.
 */
#define RESTARTS_MAX 5
/* Docker says unhealthy after `retries` failures in a row already; this much longer, and it is true. */
#define UNHEALTHY_MS 20000

void judge_free(struct judge *j)
{
	free(j->seen);
	j->seen = NULL;
	j->n = j->cap = 0;
}

static struct seen *seen(struct judge *j, const struct container *c)
{
	for (size_t i = 0; i < j->n; i++)
		if (strcmp(j->seen[i].id, c->id) == 0)
			return &j->seen[i];
	j->seen = grow(j->seen, j->n, &j->cap, sizeof *j->seen);
	j->seen[j->n] = (struct seen){ arena_strdup(j->arena, c->id), c->restarts, 0 };
	return &j->seen[j->n++];
}

static enum verdict say(
	struct buf *why, enum verdict v, const struct container *c, const char *what)
{
	buf_reset(why);
	buf_printf(why, "%s %s", c->service, what);
	return v;
}

static enum verdict judge_ended(
	const struct plan_service *s, const struct container *c, struct buf *why)
{
	_buf_ what = BUF_INIT;
	bool restarts = s->restarts && !s->oneshot;

	if (c->exit_code == 0 && !restarts)
		return GATE_WELL; /* it had one thing to do, and has done it */
	buf_printf(&what, "has ended with status %" PRId64 "%s", c->exit_code,
		c->oom ? ", out of memory" : "");
	/* What its policy starts again is between two tries. */
	return say(why, restarts || (s->retries && c->exit_code) ? GATE_WAIT : GATE_SICK, c,
		buf_str(&what));
}

static bool has_ended(const struct container *c)
{
	return strcmp(c->state, "exited") == 0 || strcmp(c->state, "dead") == 0;
}

bool judge_ended_badly(const struct plan_service *s, const struct container *c)
{
	_buf_ ignored = BUF_INIT;

	return has_ended(c) && judge_ended(s, c, &ignored) == GATE_SICK;
}

static enum verdict judge_health(
	struct judge *j, struct seen *before, const struct container *c, struct buf *why)
{
	_buf_ what = BUF_INIT;

	if (strcmp(c->health, "unhealthy") != 0)
		before->unhealthy_ms = 0;
	if (strcmp(c->health, "starting") == 0)
		return say(why, GATE_WAIT, c, "is starting");
	if (strcmp(c->health, "unhealthy") != 0)
		return GATE_WELL;
	if (!before->unhealthy_ms)
		before->unhealthy_ms = j->now_ms;
	buf_printf(&what, "is unhealthy%s%.200s", *c->health_text ? ": " : "", c->health_text);
	return say(why,
		!j->first && j->now_ms - before->unhealthy_ms >= UNHEALTHY_MS ? GATE_SICK
									      : GATE_WAIT,
		c, buf_str(&what));
}

static enum verdict judge_one(
	struct judge *j, const struct plan_service *s, const struct container *c, struct buf *why)
{
	struct seen *before = seen(j, c);
	_buf_ what = BUF_INIT;
	enum verdict v;

	if (c->restarts > before->restarts + RESTARTS_MAX && !j->first) {
		buf_printf(&what,
			"crashes again and again (%" PRId64 " restarts, last status %" PRId64 "%s)",
			c->restarts - before->restarts, c->exit_code,
			c->oom ? ", out of memory" : "");
		return say(why, GATE_SICK, c, buf_str(&what));
	}
	if (has_ended(c))
		return judge_ended(s, c, why);
	if (strcmp(c->state, "created") == 0 && *c->error) {
		buf_printf(&what, "could not be started: %.200s", c->error);
		return say(why, GATE_SICK, c, buf_str(&what));
	}
	if (strcmp(c->state, "running") != 0) {
		buf_printf(&what, "is %s", c->state);
		return say(why, GATE_WAIT, c, buf_str(&what));
	}
	v = judge_health(j, before, c, why);
	/* Whether it does what it is for, only its end tells. */
	return v == GATE_WELL && plan_is_awaited(s) ? say(why, GATE_WAIT, c, "has not ended yet")
						    : v;
}

static enum verdict worse(enum verdict a, enum verdict b)
{
	return a > b ? a : b;
}

static enum verdict judge_service(
	struct judge *j, const struct plan_service *s, const struct containers *cs, struct buf *why)
{
	enum verdict worst = GATE_WELL;
	int64_t n = 0;

	for (size_t i = 0; i < cs->n; i++) {
		_buf_ one = BUF_INIT;
		enum verdict v;

		if (strcmp(cs->v[i].service, s->name) != 0)
			continue;
		n++;
		v = judge_one(j, s, &cs->v[i], &one);
		if (v > worst) {
			buf_reset(why);
			buf_adds(why, buf_str(&one));
		}
		worst = worse(worst, v);
	}
	if (worst != GATE_WELL || n >= s->replicas)
		return worst;
	buf_reset(why);
	if (n > 0)
		buf_printf(why, "%s has %" PRId64 " of %" PRId64 " containers", s->name, n,
			s->replicas);
	else
		buf_printf(why, "%s has no container", s->name);
	return GATE_WAIT;
}

enum verdict judge_containers(struct judge *j, const struct containers *cs, struct buf *why)
{
	enum verdict worst = GATE_WELL;

	buf_reset(why);
	for (size_t i = 0; i < j->plan->n && worst != GATE_SICK; i++) {
		_buf_ one = BUF_INIT;
		enum verdict v = judge_service(j, &j->plan->services[i], cs, &one);

		if (v > worst) {
			buf_reset(why);
			buf_adds(why, buf_str(&one));
		}
		worst = worse(worst, v);
	}
	return worst;
}
