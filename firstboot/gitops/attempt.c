/*
 * From the last good revision to the next, or back. The ledger says what is about to be done before it
 * is done; all of it may be done twice (up is "make it so"), so a run that finds an attempt unfinished
 * simply goes on with it.
 */
#include "deploy.h"

#include "agent.h"
#include "arena.h"
#include "buf.h"
#include "engine.h"
#include "error.h"
#include "gate.h"
#include "rotate.h"

#include <inttypes.h>
#include <string.h>

/* A deployment that ends the machine or the agent this often is one that failed. */
#define RESUMED_MAX 3
/*
 * What seems to pass and does not: so many runs with half of a revision up, and it is taken back. Going back is
 * tried for about an hour, because there is nothing better, before somebody is called.
 */
#define UP_WAITED_MAX	5
#define BACK_WAITED_MAX 20

/* A port or a name that a service holds which is to go: it goes first then. */
static int up_with_gap(struct deploy *d, const struct revision *to, const struct plan *plan,
	const char *const *services, struct error *e)
{
	struct error first;
	int r = services[0] ? engine_up(d->a, to->plan, services, e) : 0;

	if (r >= 0 || e->transient || engine_timed_out(e))
		return r;
	first = *e;
	r = deploy_remove_strangers(d, plan, STRANGERS_ALL, e);
	if (r >= 0)
		r = engine_up(d->a, to->plan, services, e);
	if (r < 0)
		*e = first;
	return r < 0 ? -first.code : r;
}

/*
 * Of these services those that have one thing to do, until they have done it: Compose, asked for one service alone, waits
 * for none, and what comes beside its old container would begin while its migration runs.
 */
static int await_ends(
	struct deploy *d, const struct plan *plan, const char *const *services, struct error *e)
{
	struct plan some = { .services =
				     arena_alloc(d->arena, (plan->n + 1) * sizeof *some.services) };
	const struct gate g = {
		.a = d->a, .plan = &some, .first = !d->ledger.good.sha, .calm = true, .inside = true
	};
	_buf_ why = BUF_INIT;
	int r;

	for (size_t i = 0; i < plan->n; i++)
		if (plan_names(services, plan->services[i].name) &&
			plan_is_awaited(&plan->services[i]))
			some.services[some.n++] = plan->services[i];
	if (some.n == 0)
		return 0;
	deploy_say(d, "up", "waiting until %s has ended", some.services[0].name);
	r = gate_wait(&g, &why, e);
	if (r != GATE_FAILED)
		return r;
	error_set(e, ERR_TEST, "%s", buf_str(&why));
	deploy_keep_evidence(d, d->ledger.doing.to.sha, e->msg, "");
	return -e->code;
}

/* Makes services of a revision as it says. Old ones without data go after; only a conflict makes them go before. */
static int make_so(struct deploy *d, const struct revision *to, const struct plan *plan,
	const char *const *services, struct error *e)
{
	const char **gap = arena_alloc(d->arena, (plan->n + 1) * sizeof *gap), **all = NULL;
	const struct plan_service **over = arena_alloc(d->arena, (plan->n + 1) * sizeof *over);
	size_t n_gap = 0, n_over = 0;
	int r = deploy_remove_strangers(d, plan, STRANGERS_WITH_DATA, e);

	if (r >= 0)
		r = deploy_take_along(d, plan, services, &all, e);
	if (r < 0)
		return r;
	for (size_t i = 0; all[i]; i++) {
		const struct plan_service *s = plan_find(plan, all[i]);

		if (overlap_possible(d, plan, s))
			over[n_over++] = s;
		else if (!overlap_is_done(d, s))
			gap[n_gap++] = s->name;
	}
	r = up_with_gap(d, to, plan, gap, e);
	if (r >= 0 && n_over > 0)
		r = await_ends(d, plan, gap, e);
	for (size_t i = 0; i < n_over && r >= 0; i++)
		r = overlap_replace(d, to->plan, over[i], e);
	return r < 0 ? r : deploy_remove_strangers(d, plan, STRANGERS_ALL, e);
}

static int wait_well(struct deploy *d, const struct plan *plan, struct buf *probes, struct error *e)
{
	const struct gate g = {
		.a = d->a,
		.http = agent_http(d->a),
		.plan = plan,
		.first = !d->ledger.good.sha,
		.probes = probes,
	};
	_buf_ why = BUF_INIT;
	int r;

	deploy_say(d, "gate", "waiting until the application is well");
	r = gate_wait(&g, &why, e);
	return r == GATE_FAILED ? error_set(e, ERR_TEST, "%s", buf_str(&why)) : r;
}

int deploy_up(struct deploy *d, struct error *e)
{
	struct attempt *t = &d->ledger.doing;
	struct plan plan;
	int r = plan_parse(t->to.table, d->arena, &plan, e);

	if (r < 0)
		return r;
	deploy_say(d, "up", "replacing what differs");
	return make_so(d, &t->to, &plan, t->services, e);
}

int deploy_gate(struct deploy *d, struct error *e)
{
	struct attempt *t = &d->ledger.doing;
	_buf_ probes = BUF_INIT;
	struct plan plan;
	int r = plan_parse(t->to.table, d->arena, &plan, e);

	if (r >= 0)
		r = wait_well(d, &plan, &probes, e);
	if (r == -ERR_TEST)
		deploy_keep_evidence(d, t->to.sha, e->msg, buf_str(&probes));
	return r;
}

static bool has_container(const struct containers *cs, const char *service)
{
	for (size_t i = 0; i < cs->n; i++)
		if (strcmp(cs->v[i].service, service) == 0)
			return true;
	return false;
}

/* Of the good revision's services: those that were to change, and those that are not there or are down. */
static int to_bring_back(
	struct deploy *d, const struct plan *good, const char ***ret, struct error *e)
{
	const char **names = arena_alloc(d->arena, (good->n + 1) * sizeof *names);
	const char *const *changed = d->ledger.doing.services;
	struct containers cs;
	size_t n = 0;
	int r = engine_ps(d->a, d->arena, &cs, e);

	for (size_t i = 0; r >= 0 && i < good->n; i++)
		if (plan_names(changed, good->services[i].name) ||
			!has_container(&cs, good->services[i].name) ||
			deploy_is_down(&good->services[i], &cs))
			names[n++] = good->services[i].name;
	*ret = names;
	return r;
}

static int make_good(
	struct deploy *d, const struct plan *good, const char *const *services, struct error *e)
{
	int r = make_so(d, &d->ledger.good, good, services, e);

	if (r >= 0 || deploy_pull_again(d, &d->ledger.good, e) < 0)
		return r < 0 ? -e->code : r;
	return make_so(d, &d->ledger.good, good, services, e);
}

/*
 * The good revision with the secrets of now, where its database takes no other ones any more: with its plan of then it
 * could not start.
 */
static int take_new_secret(struct deploy *d, struct error *e)
{
	struct revision *good = &d->ledger.good;
	const struct attempt doing = d->ledger.doing;
	int r = rotation_binds(d->a) ? deploy_prepare_back(d, good, e) : 0;

	if (r >= 0 && d->ledger.doing.to.plan != doing.to.plan) {
		good->plan = d->ledger.doing.to.plan;
		good->table = d->ledger.doing.to.table;
		good->env = d->ledger.doing.env;
	}
	d->ledger.doing = doing;
	return r;
}

/* The last good revision again. */
static int go_back(struct deploy *d, struct error *e)
{
	_buf_ text = BUF_INIT;
	struct error failed = { 0 };
	const char **services = NULL;
	struct plan good;
	int r;

	deploy_say(d, "back", "back to %s", short_sha(d->ledger.good.sha));
	r = take_new_secret(d, &failed);
	if (r >= 0)
		r = plan_parse(d->ledger.good.table, d->arena, &good, &failed);
	if (r >= 0)
		r = to_bring_back(d, &good, &services, &failed);
	if (r >= 0)
		r = make_good(d, &good, services, &failed);
	if (r >= 0)
		r = wait_well(d, &good, NULL, &failed);
	/* What shares name spaces has another hash with each container that it shares them with. */
	if (r >= 0)
		r = deploy_keep_hashes(d, &d->ledger.good, &failed);
	if (r >= 0)
		return deploy_was_rolled_back(d, e);
	if (failed.code == ERR_INTERRUPTED) {
		*e = failed;
		return r;
	}
	if (failed.transient && ++d->ledger.doing.waited < BACK_WAITED_MAX)
		return deploy_later(d, d->ledger.doing.to.sha, &failed, e);
	buf_printf(&text, "%s failed (%s), and so did going back to %s: %s",
		short_sha(d->ledger.doing.to.sha), d->ledger.doing.why,
		short_sha(d->ledger.good.sha), failed.msg);
	return deploy_needs_human(d, buf_str(&text), e);
}

/* The attempt has failed for good; why is in cause. */
static int give_up(struct deploy *d, const struct error *cause, struct error *e)
{
	struct attempt *t = &d->ledger.doing;
	_buf_ text = BUF_INIT;
	int r;

	t->why = arena_strdup(d->arena, cause->msg);
	if (cause->code != ERR_TEST)
		deploy_keep_evidence(d, t->to.sha, cause->msg, "");
	if (!d->ledger.good.sha) {
		buf_printf(&text, "%s failed: %s; there is no good revision to go back to",
			short_sha(t->to.sha), cause->msg);
		return deploy_needs_human(d, buf_str(&text), e);
	}
	if (strcmp(t->to.sha, d->ledger.good.sha) == 0 && rotation_binds(d->a)) {
		buf_printf(&text,
			"%s is not well with the new value of a secret: %s; its database takes no other "
			"one, so nothing was put back",
			short_sha(t->to.sha), cause->msg);
		return deploy_needs_human(d, buf_str(&text), e);
	}
	if (t->unsafe) {
		buf_printf(&text,
			"%s failed: %s; a service of it says kbuild.rollback=unsafe, so nothing "
			"was put back",
			short_sha(t->to.sha), cause->msg);
		return deploy_needs_human(d, buf_str(&text), e);
	}
	t->step = DOING_BACK;
	t->resumed = t->waited = 0;
	r = deploy_save(d, e);
	return r < 0 ? r : go_back(d, e);
}

/* Something passing stopped it: the next run goes on, or this one ends it. */
static int wait_or_give_up(struct deploy *d, const struct error *failed, struct error *e)
{
	struct attempt *t = &d->ledger.doing;
	const char *sha = t->to.sha;
	struct error cause = { 0 };

	/* Nothing is lost by beginning anew, with what the branch has by then. */
	if (!d->ledger.good.sha)
		memset(t, 0, sizeof *t);
	else if (++t->waited >= UP_WAITED_MAX) {
		error_set(&cause, ERR_FAILED, "%s (%d times)", failed->msg, UP_WAITED_MAX);
		return give_up(d, &cause, e);
	}
	return deploy_later(d, sha, failed, e);
}

static int go_on(struct deploy *d, struct error *e)
{
	struct error failed = { 0 };
	int r = deploy_up(d, &failed);

	if (r >= 0)
		r = deploy_gate(d, &failed);
	if (r >= 0)
		return deploy_good(d, e);
	if (failed.code == ERR_INTERRUPTED) {
		*e = failed;
		return r;
	}
	return failed.transient ? wait_or_give_up(d, &failed, e) : give_up(d, &failed, e);
}

int deploy_attempt(struct deploy *d, struct error *e)
{
	struct error failed = { 0 };
	int r = deploy_dump(d, &failed);

	if (r < 0 && failed.code == ERR_INTERRUPTED) {
		*e = failed;
		return r;
	}
	if (r < 0)
		return deploy_later(d, d->ledger.doing.to.sha, &failed, e);
	d->ledger.doing.step = DOING_UP;
	r = deploy_save(d, e);
	return r < 0 ? r : go_on(d, e);
}

int deploy_renew(struct deploy *d, struct error *e)
{
	if (!d->ledger.doing.services[0]) {
		d->ledger.good.env = d->ledger.doing.env;
		memset(&d->ledger.doing, 0, sizeof d->ledger.doing);
		return deploy_save(d, e) < 0 ? -e->code : GITOPS_UNCHANGED;
	}
	/*
	 * It is the same revision, whose migrations are done. A dump would be of no use, and waiting for one would keep
	 * from the application the only password that its database takes by now.
	 */
	d->ledger.doing.dump = false;
	return deploy_attempt(d, e);
}

int deploy_take_back(struct deploy *d, struct error *e)
{
	struct error cause = { 0 };

	error_set(&cause, ERR_FAILED, "taken back by hand");
	d->ledger.doing.unsafe = false;
	return give_up(d, &cause, e);
}

int deploy_resume(struct deploy *d, struct error *e)
{
	struct attempt *t = &d->ledger.doing;
	struct error cause = { 0 };
	int r;

	deploy_say(d, "resume", "%s was being %s when the last run ended", short_sha(t->to.sha),
		t->step == DOING_UP ? "deployed" : "taken back");
	t->resumed++;
	r = deploy_save(d, e);
	if (r < 0)
		return r;
	if (t->step == DOING_BACK)
		return go_back(d, e);
	if (t->resumed <= RESUMED_MAX)
		return go_on(d, e);
	error_set(&cause, ERR_FAILED, "the run was cut off %" PRId64 " times while it was deployed",
		t->resumed);
	return give_up(d, &cause, e);
}
