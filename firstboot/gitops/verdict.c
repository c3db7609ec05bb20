/*
 * What an attempt came to: remembered in the ledger, told to people. The alert is raised before the
 * ledger says that all is over: after a kill in between it is raised again, which is no news.
 */
#include "deploy.h"

#include "agent.h"
#include "alert.h"
#include "arena.h"
#include "buf.h"
#include "client.h"
#include "config.h"
#include "engine.h"
#include "error.h"
#include "node.h"
#include "report.h"

#include <inttypes.h>
#include <string.h>

/* After a passing failure: a minute, then twice as long each time, half an hour at most. */
#define LATER_FIRST 60
#define LATER_CAP   1800

static const char *commit_key(struct deploy *d, const char *sha)
{
	return arena_printf(d->arena, "gitops:%s", sha);
}

static void tell(struct deploy *d, const char *key, const char *subject, const char *text)
{
	struct error e = { 0 };

	report(REPORT_WARNING, "%s: %s", subject, text);
	/* An alert that cannot be queued must not keep the server from going back. */
	if (alert_raise(d->a, &(struct alert){ key, "gitops", subject, text }, &e) < 0)
		report(REPORT_ERROR, "the alert cannot be queued: %s", e.msg);
}

static void set_tried(
	struct deploy *d, const char *sha, const char *subject, enum result result, const char *why)
{
	d->ledger.tried.sha = arena_strdup(d->arena, sha);
	d->ledger.tried.subject = subject;
	d->ledger.tried.result = result;
	d->ledger.tried.why = why ? arena_strdup(d->arena, why) : NULL;
	d->ledger.tried.at = deploy_now();
	if (result != RESULT_LATER)
		memset(&d->ledger.later, 0, sizeof d->ledger.later);
}

static void note(struct deploy *d, const char *sha, const char *what, const char *why)
{
	ledger_add_event(
		&d->ledger, &(struct event){ arena_strdup(d->arena, sha), what,
				    why ? arena_strdup(d->arena, why) : NULL, deploy_now() });
}

static void remember_bad(
	struct deploy *d, const char *sha, const char *env, enum result result, const char *why)
{
	ledger_add_bad(&d->ledger, &(struct bad){ arena_strdup(d->arena, sha), env,
					   arena_strdup(d->arena, why), result, deploy_now() });
}

static const char *still(struct deploy *d)
{
	if (!d->ledger.good.sha)
		return "the application was never deployed";
	return arena_printf(d->arena, "the application runs %s", short_sha(d->ledger.good.sha));
}

/* The good revision has failed: with other secrets than it became good with, or with other images. */
static bool has_new_secrets(const struct deploy *d)
{
	const char *now = d->ledger.doing.env, *then = d->ledger.good.env;

	return !now || !then || strcmp(now, then) != 0;
}

/* What is left to people when a commit was refused, or rolled back. */
static const char *advice(struct deploy *d, const char *sha, enum result result)
{
	bool same = d->ledger.good.sha && strcmp(d->ledger.good.sha, sha) == 0;

	if (result == RESULT_HELD)
		return "The branch is not followed there by itself. If it is right as it is, run: "
		       "kbuild-agent gitops retry; else put it back to where it was";
	if (same && !has_new_secrets(d))
		return "The images that its tags mean by now are not tried again; push a new commit, or "
		       "run: kbuild-agent gitops retry";
	if (same)
		return "It is not tried again with the secrets of now; give another value "
		       "(kbuild-agent secrets rotate NAME), or run: kbuild-agent gitops retry";
	return "The commit is not tried again; push a new one, or run: kbuild-agent gitops retry";
}

/* A branch whose commits all fail leaves the files of each: until one is good nobody else takes them away. */
static void drop_releases(struct deploy *d)
{
	struct error e = { 0 };

	if (deploy_prune_releases(d, &e) < 0)
		report(REPORT_WARNING, "gitops: tidying up: %s", e.msg);
}

int deploy_refuse(struct deploy *d, const char *sha, enum result result, const struct error *cause,
	struct error *e)
{
	const char *why = arena_strdup(d->arena, cause->msg);
	const char *env = NULL;
	struct error ignored = { 0 };
	_buf_ text = BUF_INIT;
	int r;

	/* What was refused for what it says may say something else with other secrets. */
	if (result == RESULT_REFUSED && deploy_env_digest(d, &env, &ignored) < 0)
		env = NULL;
	buf_printf(&text, "%s\n\nNothing was changed: %s.\n%s\n", why, still(d),
		advice(d, sha, result));
	tell(d, commit_key(d, sha),
		arena_printf(d->arena, "%s: %s was refused", d->a->config->name, short_sha(sha)),
		buf_str(&text));
	memset(&d->ledger.doing, 0, sizeof d->ledger.doing);
	remember_bad(d, sha, env, result, why);
	set_tried(d, sha, NULL, result, why);
	note(d, sha, result_word(result), why);
	buf_printf(d->why, "%s was refused: %s", short_sha(sha), why);
	r = deploy_save(d, e);
	if (r < 0)
		return r;
	drop_releases(d);
	return GITOPS_REFUSED;
}

static void wait_longer(struct deploy *d, const struct error *cause)
{
	int64_t now = deploy_now(), pause = LATER_FIRST;

	/* What is being built comes soon, and asking for it costs little. */
	for (int64_t i = 0; i < d->ledger.later.count && pause < LATER_CAP && !d->awaits_images;
		i++)
		pause *= 2;
	if (d->ledger.later.count++ == 0)
		d->ledger.later.since = now;
	d->ledger.later.next = now + MIN(pause, LATER_CAP);
	d->ledger.later.why = arena_strdup(d->arena, cause->msg);
}

int deploy_later(struct deploy *d, const char *sha, const struct error *cause, struct error *e)
{
	int64_t now = deploy_now();
	int r;

	/* Else what fails at each run (a container that cannot be put right) would keep the branch from being looked at. */
	if (sha || !ledger_waits(&d->ledger, now))
		wait_longer(d, cause);
	/* It ended in order: only what was cut off counts. */
	d->ledger.doing.resumed = 0;
	if (sha)
		set_tried(d, sha, NULL, RESULT_LATER, cause->msg);
	report(REPORT_WARNING, "gitops: %s; trying again in %" PRId64 " s", cause->msg,
		d->ledger.later.next - now);
	buf_printf(d->why, "%s", cause->msg);
	r = deploy_save(d, e);
	return r < 0 ? r : GITOPS_LATER;
}

void deploy_over(struct deploy *d)
{
	const char *subject, *text;
	struct error ignored = { 0 };

	if (!d->ledger.good.sha)
		return;
	subject = arena_printf(d->arena, "%s: %s runs and is well", d->a->config->name,
		short_sha(d->ledger.good.sha));
	text = d->ledger.good.subject ? d->ledger.good.subject : "";
	/* By kind, not by what the ledger has: a run may have been killed between telling and noting. */
	(void)alert_resolve_kind(d->a, "gitops", subject, text, &ignored);
}

/* It runs, and nothing starts it again: not the engine after a reboot, and not we, who take it for what ends by itself. */
static void warn_of_policies(
	const struct deploy *d, const struct revision *to, const struct containers *cs)
{
	struct error ignored = { 0 };
	struct plan plan;

	if (plan_parse(to->table, d->arena, &plan, &ignored) < 0)
		return;
	for (size_t i = 0; i < cs->n; i++) {
		const struct plan_service *s = plan_find(&plan, cs->v[i].service);

		if (s && !s->restarts && !s->oneshot && strcmp(cs->v[i].state, "running") == 0)
			deploy_warn(d,
				"%s has no restart policy that starts it after a reboot: if it is to run always, "
				"say 'restart: unless-stopped'",
				s->name);
	}
}

/* cs: the containers that it looked at. */
static int keep_hashes(
	struct deploy *d, struct revision *to, struct containers *cs, struct error *e)
{
	struct node *table = node_copy(d->arena, to->table);
	int r = engine_ps(d->a, d->arena, cs, e);

	for (size_t i = 0; r >= 0 && i < cs->n; i++)
		plan_set(table, d->arena, cs->v[i].service, "config", cs->v[i].config);
	to->table = table;
	return r;
}

int deploy_keep_hashes(struct deploy *d, struct revision *to, struct error *e)
{
	struct containers cs;

	return keep_hashes(d, to, &cs, e);
}

/* What is needed no more. Failing to tidy up is no failure of a deployment. */
static void tidy(struct deploy *d)
{
	struct error e = { 0 };

	if (repo_mark_good(d->a, d->ledger.good.sha, &e) < 0 || deploy_prune_releases(d, &e) < 0 ||
		deploy_prune(d, NULL, &e) < 0)
		report(REPORT_WARNING, "gitops: tidying up: %s", e.msg);
}

int deploy_good(struct deploy *d, struct error *e)
{
	struct ledger *l = &d->ledger;
	struct revision to = l->doing.to;
	bool same = l->good.sha && strcmp(l->good.sha, to.sha) == 0;
	struct error failed = { 0 };
	struct containers cs;
	int r = keep_hashes(d, &to, &cs, &failed);

	if (r < 0)
		return deploy_later(d, to.sha, &failed, e);
	warn_of_policies(d, &to, &cs);
	to.at = deploy_now();
	to.env = l->doing.env;
	if (l->doing.asked)
		remember_bad(d, l->good.sha, NULL, RESULT_ROLLED_BACK, "taken back by hand");
	if (!same)
		l->previous = l->good;
	l->good = to;
	memset(&l->doing, 0, sizeof l->doing);
	l->needs_human = NULL;
	ledger_forget_bad(l, to.sha);
	set_tried(d, to.sha, to.subject, RESULT_GOOD, NULL);
	note(d, to.sha, "good", to.subject);
	r = deploy_save(d, e);
	if (r < 0)
		return r;
	report(REPORT_NOTICE, "gitops: %s is good", short_sha(to.sha));
	deploy_over(d);
	tidy(d);
	buf_printf(d->why, "%s is deployed%s%s", short_sha(to.sha), to.subject ? ": " : "",
		to.subject ? to.subject : "");
	return GITOPS_DEPLOYED;
}

int deploy_was_rolled_back(struct deploy *d, struct error *e)
{
	const struct attempt t = d->ledger.doing;
	bool same = strcmp(t.to.sha, d->ledger.good.sha) == 0;
	_buf_ text = BUF_INIT;
	int r;

	buf_printf(&text,
		"%s\n\n%s is back: %s, and is well.\n%s\nWhat was seen: %s/failures/%s.json\n",
		t.why, same ? "What was before" : "The last good revision", still(d),
		advice(d, t.to.sha, RESULT_ROLLED_BACK), d->a->state_dir, t.to.sha);
	tell(d, commit_key(d, t.to.sha),
		arena_printf(d->arena, "%s: %s failed%s and was rolled back", d->a->config->name,
			short_sha(t.to.sha),
			!same		     ? ""
			: has_new_secrets(d) ? " with its new secrets"
					     : " with its new images"),
		buf_str(&text));
	memset(&d->ledger.doing, 0, sizeof d->ledger.doing);
	d->ledger.needs_human = NULL;
	if (!t.asked)
		remember_bad(d, t.to.sha, t.env, RESULT_ROLLED_BACK, t.why);
	set_tried(d, t.to.sha, t.to.subject, RESULT_ROLLED_BACK, t.why);
	note(d, t.to.sha, "rolled-back", t.why);
	buf_printf(d->why, "%s was rolled back to %s: %s", short_sha(t.to.sha),
		short_sha(d->ledger.good.sha), t.why);
	r = deploy_save(d, e);
	if (r < 0)
		return r;
	drop_releases(d);
	return GITOPS_ROLLED_BACK;
}

/* What `rollback` would do, when a human is called for what is being done. */
static const char *way_back(struct deploy *d)
{
	const struct ledger *l = &d->ledger;
	const char *to = l->good.sha;

	/* It is the good one that failed, or a way back by hand. */
	if (l->doing.asked || (to && l->doing.to.sha && strcmp(l->doing.to.sha, to) == 0))
		to = l->previous.sha;
	return to ? arena_printf(d->arena, " (or rollback, which leads to %s)", short_sha(to)) : "";
}

int deploy_needs_human(struct deploy *d, const char *text, struct error *e)
{
	const struct attempt t = d->ledger.doing;
	_buf_ body = BUF_INIT;
	int r;

	buf_printf(&body,
		"%s.\n\nNothing more is done by itself. Push a new commit, or look at it and "
		"run: kbuild-agent gitops retry%s\n",
		text, way_back(d));
	/* By commit: that the next one failed, too, is news. */
	tell(d, arena_printf(d->arena, "gitops:needs-human:%s", t.to.sha ? t.to.sha : ""),
		arena_printf(d->arena, "%s: the application needs you", d->a->config->name),
		buf_str(&body));
	memset(&d->ledger.doing, 0, sizeof d->ledger.doing);
	if (t.to.sha) {
		remember_bad(d, t.to.sha, t.env, RESULT_FAILED, t.why ? t.why : text);
		set_tried(d, t.to.sha, t.to.subject, RESULT_FAILED, t.why ? t.why : text);
		note(d, t.to.sha, "failed", text);
	}
	d->ledger.needs_human = arena_strdup(d->arena, text);
	d->ledger.left = t.to;
	d->ledger.left_by_hand = t.asked;
	buf_printf(d->why, "%s", text);
	r = deploy_save(d, e);
	return r < 0 ? r : GITOPS_NEEDS_HUMAN;
}
