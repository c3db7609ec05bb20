/*
 * One attempt to bring the application to a revision: prepared without touching anything, begun (which
 * the ledger says first), proven by the gate, recorded; or taken back. Internal to gitops/.
 *
 * Failures are told apart once, here: what is passing leaves the attempt where it was (the next run goes
 * on with it), what is not ends it.
 */
#pragma once

#include "gitops.h"
#include "ledger.h"
#include "plan_table.h"

struct containers;
struct node;

/* Files beside the ledger. A pause need not wait for a run to end; the other's time is what counts. */
#define GITOPS_PAUSE_FILE   "gitops-paused"
#define GITOPS_CHECKED_FILE "gitops-checked" /* the branch was last looked at with success */
#define GITOPS_LOOKED_FILE  "gitops-looked"  /* the containers were, and nothing was wrong */

struct deploy {
	int lock; /* held while it is open; -1: not open */
	struct agent *a;
	const struct gitops_run *run;
	struct arena *arena;
	struct ledger ledger;
	struct buf *why;    /* for people, of what the run came to */
	bool retry;	    /* somebody asked for the branch's commit, wherever the branch went */
	bool awaits_images; /* what was to be prepared has none yet, and they may come */
	bool anew; /* the good commit, too, is brought up: what runs may be something else */
};
#define DEPLOY_INIT                                                                                \
	{                                                                                          \
		.lock = -1                                                                         \
	}

/*
 * session.c. Takes the lock, loads the ledger; GITOPS_BUSY when another process has it, and, for who asked by hand,
 * does not end for an hour. d->why must have been set. deploy_close() gives all back; for _cleanup_.
 */
int deploy_open(struct deploy *d, struct agent *a, const struct gitops_run *run, struct error *e);
void deploy_close(struct deploy *d);

/* Says what is being done, to who is listening and to the journal. */
void deploy_say(const struct deploy *d, const char *step, const char *fmt, ...) _printf_(3, 4);
void deploy_warn(const struct deploy *d, const char *fmt, ...) _printf_(2, 3);
int64_t deploy_now(void); /* seconds since 1970 */
int deploy_save(struct deploy *d, struct error *e);
/* Seven digits of a commit, as git shows them; static buffers, four of them in turn. */
const char *short_sha(const char *sha);

/*
 * prepare.c: checkout, environment, rendering, images. On success d->ledger.doing is filled with what
 * would be done, its step DOING_NOTHING, unsaved. until_pulled false: stops before the pull.
 */
int deploy_prepare(struct deploy *d, const char *sha, struct error *e);
/* The same with a revision that was good: its images of then, the secrets of now. */
int deploy_prepare_back(struct deploy *d, const struct revision *to, struct error *e);

/* arrival.c: images that are built while their commit is here already. */

/* The branch has this commit: remembered with the time, in the ledger, the first time. */
int deploy_see(struct deploy *d, const char *sha, struct error *e);
/* Whether it was seen so lately that its images may still be built. */
bool deploy_images_may_come(const struct deploy *d, const char *sha);
/* A pull for it has failed, as e says; passing, when they may come. Returns negative. */
int deploy_await_images(struct deploy *d, const char *sha, struct error *e);
/* tags.c: the good commit again, when its tags mean other images than it became good with. UNCHANGED: they do not, or nobody can say. */
int deploy_follow_tags(struct deploy *d, struct error *e);

/* images.c: pulls a plan's images as engine_pull() does, signed in where that is needed. */
int deploy_pull(struct deploy *d, const char **plan, const struct plan *as,
	const struct node **services, struct error *e);
/*
 * Bringing up a revision that was good has failed, as e says: perhaps images of it are gone. 0: they are here, and e is
 * empty: it may be tried once more. Else the error is in e.
 */
int deploy_pull_again(struct deploy *d, const struct revision *of, struct error *e);
/* Services of the good revision as it says, images that are gone included. */
int deploy_up_good(struct deploy *d, const char *const *services, struct error *e);

/*
 * dump.c: the databases, when doing changes data. A dump that cannot be made is no fault of the commit but must be
 * there: the commit waits for it.
 */
int deploy_dump(struct deploy *d, struct error *e);
/*
 * The same before a first deployment, of a database that an earlier server has left on the data volume: the branch's
 * commit may be one that it took back. Best effort, and told: with nothing that runs there is nothing to wait for.
 */
void deploy_dump_found(struct deploy *d);

/* attempt.c. Each returns an enum gitops_result, or < 0: the agent's own state could not be kept. */

/* Replaces what differs, proves it, records it; or goes back. From doing as prepare left it. */
int deploy_attempt(struct deploy *d, struct error *e);
/* The same where that is the good revision with the environment of now. UNCHANGED: nothing that runs differs by it. */
int deploy_renew(struct deploy *d, struct error *e);
/* What a run finds unfinished: goes on, or goes back. */
int deploy_resume(struct deploy *d, struct error *e);
/* What was begun is given up by hand, whatever its services say of going back. Needs a good revision. */
int deploy_take_back(struct deploy *d, struct error *e);
/* Its parts, for first boot: containers up; proven. 0 or < 0 with the reason in e. */
int deploy_up(struct deploy *d, struct error *e);
int deploy_gate(struct deploy *d, struct error *e);

/* strangers.c: containers of services that a plan does not have (any more) go. */
enum strangers { STRANGERS_WITH_DATA, STRANGERS_ALL };
int deploy_remove_strangers(
	struct deploy *d, const struct plan *plan, enum strangers which, struct error *e);
/* Whether a service does, by the revisions that are known; one that is in none of them may. */
bool deploy_may_keep_data(struct deploy *d, const char *service);

/* sharers.c: who is in the name spaces of a service that is brought up. */

/* Of the plan's services those of these names, and who lives in their name spaces, by these containers; in the arena. */
const char **deploy_with_sharers(struct deploy *d, const struct plan *plan,
	const char *const *services, const struct containers *cs);
/* The same by what runs now, before they are brought up: who shares name spaces is stopped, and comes up with them. */
int deploy_take_along(struct deploy *d, const struct plan *plan, const char *const *services,
	const char ***ret, struct error *e);

/* overlap.c: whether a service of the plan is to be, and can be, replaced without a gap; says why not. */
bool overlap_possible(struct deploy *d, const struct plan *plan, const struct plan_service *s);
/*
 * Whether it stands there as it should, made alone: Compose, asked for it together with what it depends on, would make
 * it anew.
 */
bool overlap_is_done(struct deploy *d, const struct plan_service *s);
/* Does so. ERR_TEST: the new one is not well; it is gone again, and the old one serves. */
int overlap_replace(
	struct deploy *d, const char *plan, const struct plan_service *s, struct error *e);

/* verdict.c: what is remembered, and who is told. */

/* The commit is not even begun: remembered, told. */
int deploy_refuse(struct deploy *d, const char *sha, enum result result, const struct error *cause,
	struct error *e);
/*
 * Something passing (in cause): when to try again. The attempt, if one was begun, stays. sha: the commit that waits;
 * NULL: it is about none, and does not put off what is waited for already.
 */
int deploy_later(struct deploy *d, const char *sha, const struct error *cause, struct error *e);
/* Compose's own hashes of what runs, by which a container that was changed by hand is seen later. */
int deploy_keep_hashes(struct deploy *d, struct revision *to, struct error *e);
/* d->ledger.doing is good now. */
int deploy_good(struct deploy *d, struct error *e);
/* The last good revision is back (for the reason in doing.why). */
int deploy_was_rolled_back(struct deploy *d, struct error *e);
/* It is up to people now. text: what happened. */
int deploy_needs_human(struct deploy *d, const char *text, struct error *e);

/* tidy.c: images that neither a revision of the ledger nor the plan in hand (NULL: none) needs. */
int deploy_prune(struct deploy *d, const struct node *table, struct error *e);
/* The files of revisions that are neither in the ledger nor the branch's. */
int deploy_prune_releases(struct deploy *d, struct error *e);

/*
 * volumes.c: a service that keeps data would have another volume where it has one. ERR_INVALID says which; 0.
 */
int deploy_check_volumes(const struct plan *was, const struct plan *to, struct error *e);

/* Faults that are over, because the branch's revision is the good one. */
void deploy_over(struct deploy *d);

/* evidence.c: what was seen of a failure, in STATE/failures/SHA.json, without secrets. Best effort. */
void deploy_keep_evidence(struct deploy *d, const char *sha, const char *why, const char *probes);

/* run.c: what a run does, in an open session. */
int deploy_run(struct deploy *d, struct error *e);

/* drift.c: how a service's containers are not as it says, for people; NULL: they are. */
const char *drift_of(const struct plan_service *s, const struct containers *cs);
/*
 * Whether one of them has ended badly and stays so: a machine that went down leaves 137 or 255 where no policy starts it
 * again. That is no drift, but nothing passes the gate beside it: whatever brings up others starts it, too.
 */
bool deploy_is_down(const struct plan_service *s, const struct containers *cs);
/*
 * Raises an alert of services that keep data, of the revision that was, whose containers are gone and will be made
 * again: with the volume they would be well, and empty.
 */
void deploy_tell_of_data(struct deploy *d, const struct plan *was, const struct plan *to,
	const struct containers *cs);
/* GITOPS_UNCHANGED, GITOPS_REPAIRED, GITOPS_LATER; NEEDS_HUMAN when repairing failed. */
int deploy_drift(struct deploy *d, struct error *e);

/* env.c: the digest of the environment file the application would get; "" when there is none. */
int deploy_env_digest(struct deploy *d, const char **ret, struct error *e);
