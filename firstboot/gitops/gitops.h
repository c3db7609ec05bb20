/*
 * The deployment engine: the application is brought from the last good revision to the one of its
 * branch, or stays where it was. What is known is STATE/gitops.json (ledger.h); every change of it is
 * one replacement of that file, made before what it tells of is begun, so that a run that finds it
 * after a kill knows whether containers were being replaced, and finishes or goes back.
 *
 * Needs AGENT_NET, AGENT_GIT and AGENT_PARSE (GITOPS_ROLES), a->config->app, the broker.
 */
#pragma once

#include "agent.h"

struct buf;
struct error;

#define GITOPS_ROLES (AGENT_NET | AGENT_GIT | AGENT_PARSE)

/* What a run came to. None of these is a failure of the agent. */
enum gitops_result {
	GITOPS_UNCHANGED = 1, /* nothing new, and everything as it should be */
	GITOPS_DEPLOYED,      /* the new revision is good now */
	GITOPS_REPAIRED,      /* nothing new; containers that were changed by hand are put right */
	GITOPS_REFUSED,	      /* the new revision was not even begun (or it was, long ago: bad) */
	GITOPS_ROLLED_BACK,   /* it failed, and the last good one is back */
	GITOPS_NEEDS_HUMAN,   /* it failed, and so did going back, or nobody may go back */
	GITOPS_LATER, /* something passing (network, disk, engine); the next run tries again */
	GITOPS_PAUSED,
	GITOPS_BUSY, /* another run is at work */
};

struct gitops_run {
	bool now; /* somebody asked: do not wait for the pause after a passing failure to be over */
	bool no_dump; /* nor is there one to be had: a revision that changes data goes without */
	/* Called as the run goes on; NULL: nobody wants to know. step is a word, note for people. */
	void (*progress)(void *arg, const char *step, const char *note);
	void *arg;
	/* gitops_refresh(): what changes the environment, called when nothing else is at work; NULL: it is changed. */
	int (*change)(struct agent *a, struct error *e);
};

/*
 * One run. Returns an enum gitops_result with the reason in why (appended; empty when there is
 * nothing to say), or < 0 when the agent itself failed (its state cannot be written).
 */
int gitops_run(struct agent *a, const struct gitops_run *run, struct buf *why, struct error *e);

/*
 * First boot does the same by steps, so that each is named, retried and journalled there. Each may be
 * called again after a kill, and does what is left to do. 0, or an error (transient: may be tried
 * again; else the commit itself is refused or failed, and only a new commit or --retry helps).
 */
enum gitops_step {
	GITOPS_CHECKOUT, /* fetched, verified, written, rendered, images pulled */
	GITOPS_START,	 /* containers are up */
	GITOPS_GATE,	 /* they are healthy: this revision is good now */
};
int gitops_first(
	struct agent *a, enum gitops_step step, const struct gitops_run *run, struct error *e);
/*
 * Signs the engine in to each registry of the credential "registry"; it keeps that. One that fails does not keep
 * the others from it, and is the error (transient: that is waited for). Needs the broker only.
 */
#define GITOPS_NO_REGISTRIES 1
int gitops_sign_in(const struct agent *a, struct error *e);

/* Whether something else than the good revision was left running for somebody to look at; why, appended. */
bool gitops_needs_human(struct agent *a, struct buf *why);
/* Whether a run is at work now, in another process: containers come and go, and it judges them. */
bool gitops_is_running(const struct agent *a);
/* Whether a revision is good: first boot's probe. */
bool gitops_has_good(struct agent *a);

/*
 * The good revision again, with the environment as it is after run->change: a secret was rotated. What was begun ends
 * before it, for it was rendered with the values of before. What uses the new one is made anew, through the
 * gate. GITOPS_UNCHANGED when there is no good revision yet, or nothing differs. Where nobody asked for it (run->now) it
 * is PAUSED while deployments are, and REFUSED when the application has failed with this environment before.
 * NEEDS_HUMAN: another revision was left running on purpose; or a database takes only the new value, and the
 * application is not well with that. Where it is not begun, nothing was changed.
 */
int gitops_refresh(struct agent *a, const struct gitops_run *run, struct buf *why, struct error *e);

/* For `kbuild-agent status`: appends one JSON object, the one of `gitops status --json`. */
int gitops_status_json(struct agent *a, struct buf *out, struct error *e);
int gitops_status_text(struct agent *a, struct buf *out, struct error *e);
/* What happened, the newest first; as JSON when a->json. */
int gitops_history(struct agent *a, struct buf *out, struct error *e);

/* What an operator may ask; each says on why what it did. ERR_USAGE-free: words were checked. */
int gitops_pause(struct agent *a, struct buf *why, struct error *e);
int gitops_resume(struct agent *a, struct buf *why, struct error *e);
bool gitops_is_paused(const struct agent *a);
/*
 * Forgets that the branch's commit is bad, and takes it wherever the branch went; then a run. That a human is
 * needed is over when it ends well.
 */
int gitops_retry(struct agent *a, const struct gitops_run *run, struct buf *why, struct error *e);
/*
 * To the good revision before the last one, through the gate; the current one then counts as bad. While a
 * deployment is unfinished, or was left as it is because it failed, that is what is taken back, to the good one.
 */
int gitops_rollback(
	struct agent *a, const struct gitops_run *run, struct buf *why, struct error *e);
