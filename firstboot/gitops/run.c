/*
 * One run of the deployment engine, from the lock to what it came to. See gitops.h for what others may
 * call, deploy.h for the parts.
 */
#include "gitops.h"

#include "buf.h"
#include "client.h"
#include "config.h"
#include "deploy.h"
#include "error.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/*
 * Between two looks at the containers by the timer that found nothing wrong, in seconds: docker's own programs
 * make a look cost many times what asking the branch does. Whoever runs `gitops now` has them looked at.
 */
#define LOOK_EVERY 600

/* A file whose time is what counts; not synced: who does not find it looks once more. */
static void note_time(const struct agent *a, const char *name)
{
	const struct timespec now[] = { { .tv_sec = deploy_now() }, { .tv_sec = deploy_now() } };
	_close_ int fd = openat(a->state_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd >= 0)
		(void)futimens(fd, now);
}

static bool looked_lately(const struct deploy *d)
{
	struct stat st;

	if (d->run->now || fstatat(d->a->state_fd, GITOPS_LOOKED_FILE, &st, 0) < 0)
		return false;
	return st.st_mtime <= deploy_now() && deploy_now() - st.st_mtime < LOOK_EVERY;
}

/* Whether a new revision may come after the good one. 0, or RESULT_HELD with the reason in e. */
static int check_relation(struct deploy *d, const char *tip, struct error *e)
{
	enum repo_relation relation;
	int r;

	/* Who says retry has looked at it. */
	if (!d->ledger.good.sha || d->retry)
		return 0;
	r = repo_relation(d->a, d->ledger.good.sha, tip, &relation, e);
	if (r < 0)
		return r;
	if (relation == REPO_ANCESTOR) {
		error_set(e, ERR_INVALID,
			"the branch went back to %s, which is older than %s (to go back: kbuild-agent "
			"gitops rollback, or revert in a new commit)",
			short_sha(tip), short_sha(d->ledger.good.sha));
		return RESULT_HELD;
	}
	if (relation == REPO_DIVERGED && !d->a->config->app.follow_forced) {
		error_set(e, ERR_INVALID,
			"the branch was forced to %s, which does not come after %s "
			"(kbuild.app.forced_updates: refuse)",
			short_sha(tip), short_sha(d->ledger.good.sha));
		return RESULT_HELD;
	}
	return 0;
}

/* 0, or RESULT_UNSIGNED with the reason in e. */
static int check_signature(struct deploy *d, const char *tip, struct error *e)
{
	const char *who = NULL;
	int r;

	if (!d->a->config->app.signers)
		return 0;
	r = repo_verify(d->a, tip, d->arena, &who, e);
	if (r <= 0)
		return r;
	error_set(e, ERR_INVALID, r == REPO_UNSIGNED ? "%s is not signed%s%s" : "%s: %s%s",
		short_sha(tip), who && r == REPO_UNSIGNED ? ": " : "", who ? who : "");
	return RESULT_UNSIGNED;
}

/*
 * How the branch's commit stands. The good one may have failed since, with other secrets, or not have those of now; and
 * while a human is needed something else runs: a branch that was put back to it wants it brought up.
 */
enum standing { STANDS_OPEN, STANDS_BAD, STANDS_WELL, STANDS_STALE };

/*
 * The good one keeps its images: they are here, whatever its tags mean by now, and whether or not the registry can be
 * asked for them.
 */
static int prepare(struct deploy *d, const char *tip, struct error *e)
{
	const struct revision *good = &d->ledger.good;

	if (good->sha && strcmp(good->sha, tip) == 0)
		return deploy_prepare_back(d, good, e);
	return deploy_prepare(d, tip, e);
}

/* A revision that was not looked at yet, or the good one to be made anew. */
static int consider(struct deploy *d, const char *tip, enum standing standing, struct error *e)
{
	struct error failed = { 0 };
	bool renew = standing == STANDS_STALE;
	int r = renew ? 0 : check_relation(d, tip, &failed);

	if (!renew && r == 0)
		r = check_signature(d, tip, &failed);
	if (r > 0)
		return deploy_refuse(d, tip, (enum result)r, &failed, e);
	if (r >= 0)
		r = prepare(d, tip, &failed);
	if (r >= 0)
		return renew ? deploy_renew(d, e) : deploy_attempt(d, e);
	if (failed.code == ERR_INTERRUPTED) {
		*e = failed;
		return r;
	}
	return failed.transient ? deploy_later(d, tip, &failed, e)
				: deploy_refuse(d, tip, RESULT_REFUSED, &failed, e);
}

static int look(struct deploy *d, struct error *e)
{
	int r = deploy_drift(d, e);

	if (r == GITOPS_UNCHANGED || r == GITOPS_REPAIRED)
		note_time(d->a, GITOPS_LOOKED_FILE);
	return r;
}

/* A commit waits for something; what runs meanwhile is looked after all the same. */
static int wait_on(struct deploy *d, struct error *e)
{
	int r = d->ledger.needs_human || looked_lately(d) ? GITOPS_UNCHANGED : look(d, e);

	if (r < 0 || r == GITOPS_LATER)
		return r;
	buf_printf(d->why, "%s%s", d->why->len ? "; " : "", d->ledger.later.why);
	return GITOPS_LATER;
}

/* Nothing to deploy: what runs is looked after. */
static int look_after(struct deploy *d, struct error *e)
{
	bool waited = d->ledger.later.count > 0;
	int r;

	/* What was left as it is on purpose is not put right behind a human's back. */
	if (d->ledger.needs_human) {
		buf_adds(d->why, d->ledger.needs_human);
		return GITOPS_NEEDS_HUMAN;
	}
	if (!waited && looked_lately(d))
		return GITOPS_UNCHANGED;
	r = look(d, e);
	if (r < 0 || r == GITOPS_LATER || !waited)
		return r;
	memset(&d->ledger.later, 0, sizeof d->ledger.later);
	return deploy_save(d, e) < 0 ? -e->code : r;
}

static enum standing stand_of_good(const struct ledger *l, const char *env)
{
	if (l->needs_human)
		return l->left_by_hand ? STANDS_BAD : STANDS_OPEN;
	return !l->good.env || strcmp(l->good.env, env) == 0 ? STANDS_WELL : STANDS_STALE;
}

static int stand(struct deploy *d, const char *tip, enum standing *ret, struct error *e)
{
	const struct ledger *l = &d->ledger;
	const char *env = NULL;
	int r = deploy_env_digest(d, &env, e);

	if (r >= 0 && ledger_bad(l, tip, env))
		*ret = STANDS_BAD;
	else if (r >= 0 && l->good.sha && strcmp(l->good.sha, tip) == 0 && !d->anew)
		*ret = stand_of_good(l, env);
	return r;
}

static int follow(struct deploy *d, struct error *e)
{
	char tip[REPO_SHA];
	struct error failed = { 0 };
	enum standing standing = STANDS_OPEN;
	int r = repo_check(d->a, d->ledger.tried.sha, tip, &failed);

	if (r >= 0)
		r = stand(d, tip, &standing, &failed) < 0 ? -failed.code : r;
	if (r >= 0 && standing == STANDS_OPEN) {
		deploy_say(d, "fetch", "fetching %s", d->a->config->app.branch);
		r = repo_fetch(d->a, tip, &failed);
		if (r >= 0)
			r = stand(d, tip, &standing, &failed);
	}
	if (r < 0 && failed.code == ERR_INTERRUPTED) {
		*e = failed;
		return r;
	}
	if (r < 0) {
		/* No way to the repository; the application is looked after all the same. */
		r = d->ledger.needs_human ? GITOPS_UNCHANGED : deploy_drift(d, e);
		return r < 0 || r == GITOPS_LATER ? r : deploy_later(d, NULL, &failed, e);
	}
	note_time(d->a, GITOPS_CHECKED_FILE);
	if (standing == STANDS_OPEN || standing == STANDS_STALE)
		return consider(d, tip, standing, e);
	if (standing == STANDS_WELL) {
		deploy_over(d);
		r = deploy_follow_tags(d, e);
		if (r != GITOPS_UNCHANGED)
			return r;
	}
	return look_after(d, e);
}

int deploy_run(struct deploy *d, struct error *e)
{
	/* What was begun is ended, paused or not: half a deployment is no state to stop in. */
	if (d->ledger.doing.step != DOING_NOTHING)
		return deploy_resume(d, e);
	if (gitops_is_paused(d->a)) {
		buf_adds(d->why, "paused (kbuild-agent gitops resume)");
		return GITOPS_PAUSED;
	}
	if (!d->run->now && ledger_waits(&d->ledger, deploy_now()))
		return wait_on(d, e);
	return follow(d, e);
}

int gitops_run(struct agent *a, const struct gitops_run *run, struct buf *why, struct error *e)
{
	_cleanup_(deploy_close) struct deploy d = DEPLOY_INIT;
	int r;

	d.why = why;
	r = deploy_open(&d, a, run, e);
	return r != 0 ? r : deploy_run(&d, e);
}
