/*
 * Whether what runs is what was deployed. Without a new commit the containers are compared with the good
 * revision, by the timer every ten minutes (run.c), and by each run that somebody asks for: one that is
 * missing, stopped, or was made by something else is made again, what is too much goes, or all that is only
 * told of, as kbuild.app.drift says.
 */
#include "deploy.h"

#include "agent.h"
#include "alert.h"
#include "arena.h"
#include "buf.h"
#include "config.h"
#include "engine.h"
#include "error.h"
#include "gate.h"
#include "report.h"

#include <string.h>

#define DRIFT_KEY "gitops:drift"
#define DATA_KEY  "gitops:drift:data"

/* What is wrong with a container that should be this service; NULL: nothing. */
static const char *problem(const struct plan_service *s, const struct container *c)
{
	bool ended = strcmp(c->state, "exited") == 0 || strcmp(c->state, "dead") == 0;

	if (s->config && *c->config && strcmp(s->config, c->config) != 0)
		return "was made anew by somebody else";
	if (strcmp(c->state, "paused") == 0)
		return "is paused";
	/* What ends by itself is its own business; what should always run was stopped by hand. */
	if (ended && s->restarts && !s->oneshot)
		return "was stopped";
	if (strcmp(c->state, "created") == 0)
		return "was never started";
	return NULL;
}

const char *drift_of(const struct plan_service *s, const struct containers *cs)
{
	int64_t n = 0;

	for (size_t i = 0; i < cs->n; i++) {
		const char *what;

		if (strcmp(cs->v[i].service, s->name) != 0)
			continue;
		n++;
		what = problem(s, &cs->v[i]);
		if (what)
			return what;
	}
	return n < s->replicas ? "is missing" : n > s->replicas ? "has too many containers" : NULL;
}

bool deploy_is_down(const struct plan_service *s, const struct containers *cs)
{
	for (size_t i = 0; i < cs->n; i++)
		if (strcmp(cs->v[i].service, s->name) == 0 && judge_ended_badly(s, &cs->v[i]))
			return true;
	return false;
}

/* Containers of services that the application does not have. */
static void find_strangers(const struct plan *plan, const struct containers *cs, struct buf *text)
{
	for (size_t i = 0; i < cs->n; i++)
		if (!plan_find(plan, cs->v[i].service))
			buf_printf(text, "%s%s is of no service", text->len ? ", " : "",
				cs->v[i].name);
}

/*
 * Services that are not as they should be; in text what is said of them, and of what is no service's. What is down by
 * itself is among them, unsaid.
 */
static const char **find(
	struct deploy *d, const struct plan *plan, const struct containers *cs, struct buf *text)
{
	const char **names = arena_alloc(d->arena, (plan->n + 1) * sizeof *names);
	size_t n = 0;

	for (size_t i = 0; i < plan->n; i++) {
		const char *what = drift_of(&plan->services[i], cs);

		if (what || deploy_is_down(&plan->services[i], cs))
			names[n++] = plan->services[i].name;
		if (!what)
			continue;
		buf_printf(text, "%s%s %s", text->len ? ", " : "", plan->services[i].name, what);
	}
	find_strangers(plan, cs, text);
	return names;
}

static bool is_gone(const struct plan_service *s, const struct containers *cs)
{
	for (size_t i = 0; i < cs->n; i++)
		if (strcmp(cs->v[i].service, s->name) == 0)
			return false;
	return s->replicas > 0;
}

void deploy_tell_of_data(struct deploy *d, const struct plan *was, const struct plan *to,
	const struct containers *cs)
{
	struct error ignored = { 0 };
	_buf_ names = BUF_INIT;

	for (size_t i = 0; i < was->n; i++) {
		const struct plan_service *s = &was->services[i];

		if ((s->stateful || s->database) && plan_find(to, s->name) && is_gone(s, cs))
			buf_printf(&names, "%s%s", names.len ? ", " : "", s->name);
	}
	if (names.len == 0)
		return;
	report(REPORT_WARNING, "gitops: %s: a container that keeps data was gone and is made again",
		buf_str(&names));
	(void)alert_raise(d->a,
		&(struct alert){ DATA_KEY, "drift",
			arena_printf(d->arena, "%s: a container that keeps data is made again",
				d->a->config->name),
			arena_printf(d->arena,
				"The container of this service was gone: %s.\n\nIf its volume went with "
				"it (docker compose down -v), it begins empty, and looks well all the "
				"same. Look at its data; a backup is put back by: kbuild-agent restore\n",
				buf_str(&names)) },
		&ignored);
}

static int repair(struct deploy *d, const struct plan *plan, const char *const *services,
	const char *what, struct error *e)
{
	const struct gate g = { .a = d->a, .http = agent_http(d->a), .plan = plan };
	struct error failed = { 0 };
	_buf_ why = BUF_INIT;
	int r;

	deploy_say(d, "drift", "%s: putting it right", what);
	r = deploy_remove_strangers(d, plan, STRANGERS_WITH_DATA, &failed);
	if (r >= 0 && services[0])
		r = deploy_up_good(d, services, &failed);
	if (r >= 0)
		r = deploy_remove_strangers(d, plan, STRANGERS_ALL, &failed);
	if (r >= 0)
		r = gate_wait(&g, &why, &failed);
	if (r == GATE_FAILED)
		r = error_set(&failed, ERR_TEST, "%s", buf_str(&why));
	/* Another version of Compose has another hash of the same. */
	if (r >= 0)
		r = deploy_keep_hashes(d, &d->ledger.good, &failed);
	if (r < 0 && failed.code == ERR_INTERRUPTED) {
		*e = failed;
		return r;
	}
	if (r < 0)
		return deploy_later(d, NULL, &failed, e);
	ledger_add_event(&d->ledger, &(struct event){ d->ledger.good.sha, "repaired",
					     arena_strdup(d->arena, what), deploy_now() });
	buf_printf(d->why, "repaired: %s", what);
	r = deploy_save(d, e);
	return r < 0 ? r : GITOPS_REPAIRED;
}

static void tell(struct deploy *d, const char *what)
{
	struct error ignored = { 0 };
	const struct alert alert = { DRIFT_KEY, "drift",
		arena_printf(
			d->arena, "%s: the application was changed by hand", d->a->config->name),
		what };

	report(REPORT_WARNING, "gitops: %s", what);
	(void)alert_raise(d->a, &alert, &ignored);
}

static void nothing_wrong(struct deploy *d)
{
	struct error ignored = { 0 };

	(void)alert_resolve(d->a, DRIFT_KEY,
		arena_printf(
			d->arena, "%s: the application is as it was deployed", d->a->config->name),
		NULL, &ignored);
	(void)alert_resolve(d->a, DATA_KEY,
		arena_printf(d->arena, "%s: each container that keeps data is there again",
			d->a->config->name),
		"Whether its data is, only you can tell.", &ignored);
}

int deploy_drift(struct deploy *d, struct error *e)
{
	struct error failed = { 0 };
	struct containers cs;
	struct plan plan;
	_buf_ text = BUF_INIT;
	const char **services;
	int r;

	if (!d->ledger.good.sha)
		return GITOPS_UNCHANGED;
	r = plan_parse(d->ledger.good.table, d->arena, &plan, &failed);
	if (r >= 0)
		r = engine_ps(d->a, d->arena, &cs, &failed);
	if (r < 0)
		return deploy_later(d, NULL, &failed, e);
	services = find(d, &plan, &cs, &text);
	if (text.len == 0) {
		nothing_wrong(d);
		return GITOPS_UNCHANGED;
	}
	/* Told before it is done: after a kill in between nobody would see what was missing. */
	if (d->a->config->app.repair_drift)
		deploy_tell_of_data(d, &plan, &plan, &cs);
	if (d->a->config->app.repair_drift)
		return repair(d, &plan, services, buf_str(&text), e);
	tell(d, buf_str(&text));
	buf_printf(d->why, "changed by hand: %s", buf_str(&text));
	return GITOPS_UNCHANGED;
}
