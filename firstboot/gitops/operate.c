/* What an operator, and first boot, may ask of the deployment engine beside a run. */
#include "agent.h"
#include "arena.h"
#include "buf.h"
#include "client.h"
#include "config.h"
#include "deploy.h"
#include "error.h"
#include "rotate.h"

#include <fcntl.h>
#include <string.h>

int gitops_retry(struct agent *a, const struct gitops_run *run, struct buf *why, struct error *e)
{
	_cleanup_(deploy_close) struct deploy d = DEPLOY_INIT;
	int r;

	d.why = why;
	r = deploy_open(&d, a, run, e);
	if (r != 0)
		return r;
	/*
	 * All of them: only the branch's is ever looked at, and which that is now is not known here. Its
	 * alert stays open: it ends when a revision is good.
	 */
	d.retry = true;
	d.anew = d.ledger.good.sha && ledger_bad(&d.ledger, d.ledger.good.sha, NULL);
	d.ledger.left_by_hand = false;
	ledger_forget_bad(&d.ledger, NULL);
	d.ledger.tried.sha = NULL;
	memset(&d.ledger.later, 0, sizeof d.ledger.later);
	r = deploy_save(&d, e);
	return r < 0 ? r : deploy_run(&d, e);
}

/* What was begun is what is gone back from. A way back that was cut off is gone on with. */
static int roll_back_begun(struct deploy *d, struct error *e)
{
	const struct attempt *t = &d->ledger.doing;
	int r;

	if (!d->ledger.good.sha)
		return error_set(e, ERR_FAILED, "there is no revision to go back to");
	if (t->asked)
		return deploy_resume(d, e);
	r = t->step == DOING_UP ? deploy_take_back(d, e) : deploy_resume(d, e);
	/* That is what was asked for. */
	return r == GITOPS_ROLLED_BACK ? GITOPS_DEPLOYED : r;
}

/* What runs then is not the good revision, and was left so for somebody to look at. */
static bool other_runs(const struct ledger *l)
{
	return l->needs_human &&
	       (!l->tried.sha || !l->good.sha || strcmp(l->tried.sha, l->good.sha) != 0);
}

int gitops_rollback(struct agent *a, const struct gitops_run *run, struct buf *why, struct error *e)
{
	_cleanup_(deploy_close) struct deploy d = DEPLOY_INIT;
	const struct revision *to;
	bool left;
	int r;

	d.why = why;
	r = deploy_open(&d, a, run, e);
	if (r != 0)
		return r;
	if (d.ledger.doing.step != DOING_NOTHING)
		return roll_back_begun(&d, e);
	/* What was left running was never good: the good one is what is before it. */
	left = other_runs(&d.ledger) && !d.ledger.left_by_hand;
	to = left ? &d.ledger.good : &d.ledger.previous;
	if (!d.ledger.good.sha || !to->sha || !to->table)
		return error_set(e, ERR_FAILED, "there is no revision to go back to");
	r = deploy_prepare_back(&d, to, e);
	if (r < 0)
		return r;
	d.ledger.doing.asked = true;
	deploy_say(&d, "back", "from %s to %s",
		short_sha(left ? d.ledger.tried.sha : d.ledger.good.sha), short_sha(to->sha));
	return deploy_attempt(&d, e);
}

bool gitops_needs_human(struct agent *a, struct buf *why)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct ledger l;
	struct error ignored = { 0 };

	if (ledger_load(&l, a, arena, &ignored) < 0 || !other_runs(&l))
		return false;
	buf_adds(why, l.needs_human);
	return true;
}

/* A value that nobody has seen yet: what became of the one before it says nothing of it. */
static bool is_new_value(const struct deploy *d)
{
	return d->run->change && !rotation_is_kept(d->a);
}

/* Why the good revision is not to be made anew, as an enum gitops_result with words in why; 0: it may be. */
static int refresh_obstacle(struct deploy *d, struct error *e)
{
	const struct ledger *l = &d->ledger;
	const struct bad *bad;
	const char *env = NULL;
	int r;

	if (l->needs_human && (other_runs(l) || (!d->run->now && !is_new_value(d)))) {
		buf_adds(d->why, l->needs_human);
		return GITOPS_NEEDS_HUMAN;
	}
	if (d->run->now)
		return 0;
	if (gitops_is_paused(d->a))
		return GITOPS_PAUSED;
	if (is_new_value(d))
		return 0;
	r = deploy_env_digest(d, &env, e);
	bad = r < 0 ? NULL : ledger_bad(l, l->good.sha, env);
	if (!bad)
		return r;
	buf_adds(d->why, bad->why ? bad->why : "it has failed with it before");
	return GITOPS_REFUSED;
}

int gitops_refresh(struct agent *a, const struct gitops_run *run, struct buf *why, struct error *e)
{
	_cleanup_(deploy_close) struct deploy d = DEPLOY_INIT;
	int r;

	d.why = why;
	r = deploy_open(&d, a, run, e);
	if (r != 0)
		return r;
	if (d.ledger.doing.step != DOING_NOTHING)
		r = deploy_resume(&d, e);
	if (r < 0 || d.ledger.doing.step != DOING_NOTHING)
		return r;
	buf_reset(why);
	r = d.ledger.good.sha ? refresh_obstacle(&d, e) : 0;
	if (r == 0 && run->change)
		r = run->change(a, e);
	if (r != 0)
		return r;
	if (!d.ledger.good.sha)
		return GITOPS_UNCHANGED;
	/* Its images of then: a registry that is down must not keep the new value from who needs it. */
	r = deploy_prepare_back(&d, &d.ledger.good, e);
	return r < 0 ? r : deploy_renew(&d, e);
}

bool gitops_has_good(struct agent *a)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct ledger l;
	struct error e = { 0 };

	return ledger_load(&l, a, arena, &e) >= 0 && l.good.sha;
}

/* Up to where images are there. The branch is fetched anew each time: it may have been mended. */
static int first_checkout(struct deploy *d, struct error *e)
{
	char tip[REPO_SHA];
	const char *who = NULL;
	int r = repo_fetch(d->a, tip, e);

	if (r >= 0 && d->a->config->app.signers) {
		r = repo_verify(d->a, tip, d->arena, &who, e);
		if (r > 0)
			return error_set(e, ERR_INVALID, "%s has no trusted signature: %s",
				short_sha(tip), who ? who : "it is not signed");
	}
	return r < 0 ? r : deploy_prepare(d, tip, e);
}

int gitops_first(
	struct agent *a, enum gitops_step step, const struct gitops_run *run, struct error *e)
{
	_cleanup_(deploy_close) struct deploy d = DEPLOY_INIT;
	_buf_ why = BUF_INIT;
	int r;

	d.why = &why;
	r = deploy_open(&d, a, run, e);
	if (r == GITOPS_BUSY) {
		error_set(e, ERR_FAILED, "another run of the deployment engine is at work");
		return error_transient(e);
	}
	/* Deployed before: by an earlier boot, or by somebody's `gitops now`. */
	if (r < 0 || d.ledger.good.sha)
		return r;
	if (step == GITOPS_CHECKOUT || d.ledger.doing.step == DOING_NOTHING) {
		r = first_checkout(&d, e);
		if (r < 0 || step == GITOPS_CHECKOUT)
			return r;
		deploy_dump_found(&d);
		d.ledger.doing.step = DOING_UP;
		r = deploy_save(&d, e);
	}
	if (r >= 0)
		r = deploy_up(&d, e);
	if (r >= 0 && step == GITOPS_GATE)
		r = deploy_gate(&d, e);
	if (r >= 0 && step == GITOPS_GATE)
		r = deploy_good(&d, e);
	return r == GITOPS_LATER ? error_set(e, ERR_NETWORK, "%s", buf_str(&why)) : r < 0 ? r : 0;
}
