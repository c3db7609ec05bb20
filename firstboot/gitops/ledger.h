/*
 * What the deployment engine knows between runs: STATE/gitops.json, replaced as a whole at each change.
 * It is the one truth about what the application runs: a kill at any instant leaves the record before
 * a change or the one after it.
 *
 * A revision is a commit together with the plan the broker keeps of it (rendered, checked, images by
 * digest): going back means that plan, not the branch and not a tag.
 */
#pragma once

#include "base.h"

struct agent;
struct arena;
struct buf;
struct error;
struct node;

#define BAD_MAX	    20 /* commits remembered as bad; a branch moves on */
#define HISTORY_MAX 50
#define WHY_MAX	    400 /* bytes of a reason in these lists */

struct revision {
	const char *sha; /* NULL: there is none */
	const char *plan, *subject;
	int64_t at;
	const char
		*env; /* digest of the environment file it became good with, or NULL: not known */
	const struct node *table; /* what plan_parse() reads: its services, images by digest */
};

/* Where an attempt is, written before each of these is begun. */
enum doing {
	DOING_NOTHING,
	DOING_UP,   /* containers are being replaced, or prove themselves */
	DOING_BACK, /* the last good revision is being brought back */
};

struct attempt {
	enum doing step;
	struct revision to;    /* what was to become good */
	const char *env;       /* digest of the environment file it was rendered with */
	const char **services; /* those that differ from the good revision; NULL-terminated */
	bool unsafe;	       /* one of them says kbuild.rollback=unsafe */
	bool dump;	       /* one of them may change data: the databases are dumped first */
	bool asked;	       /* a rollback by hand: nothing new to remember as bad */
	int64_t resumed;       /* how often a run found it unfinished */
	int64_t waited;	       /* how often something passing stopped it */
	const char *why;       /* DOING_BACK: why */
};

/* What a commit came to. The order is that of result_words. */
enum result {
	RESULT_NONE,
	RESULT_GOOD,
	RESULT_REFUSED,	    /* by policy, by Compose, by the tree's form; nothing was touched */
	RESULT_UNSIGNED,    /* no trusted signature */
	RESULT_HELD,	    /* a downgrade, or a forced update that is not wanted */
	RESULT_ROLLED_BACK, /* tried and failed */
	RESULT_FAILED, /* tried and failed, and there is nothing to go back to, or it failed too */
	RESULT_LATER,  /* something passing */
};

struct bad {
	const char *sha, *env, *why;
	enum result result;
	int64_t at;
};

struct event {
	const char *sha, *what, *why;
	int64_t at;
};

struct ledger {
	struct arena *arena; /* everything below lives here; owned by the caller */
	struct revision good, previous;
	struct {
		const char *sha; /* NULL: none */
		enum result result;
		const char *why, *subject;
		int64_t at;
	} tried;
	struct
	{ /* the branch's commit that was looked at last, and since when: its images may come later */
		const char *sha;
		int64_t since;
	} seen;
	struct attempt doing;
	struct bad bad[BAD_MAX]; /* oldest first */
	size_t n_bad;
	const char *needs_human; /* why, or NULL */
	struct revision
		left; /* with needs_human: what was left running; its files and images stay */
	bool left_by_hand; /* it came of a rollback that somebody asked for: nothing more without being asked */
	struct {
		int64_t since, next, count; /* count 0: nothing is wrong */
		const char *why;
	} later;
	struct event history[HISTORY_MAX]; /* oldest first */
	size_t n_history;
};

int ledger_load(struct ledger *ret, const struct agent *a, struct arena *arena, struct error *e);
int ledger_save(const struct ledger *m, const struct agent *a, struct error *e);

/* Whether the pause after a passing failure lasts. */
bool ledger_waits(const struct ledger *m, int64_t now);

/* The parts that other documents share. */
void ledger_write_revision(const struct revision *r, struct buf *json);
const char *result_word(enum result r);

void ledger_add_bad(struct ledger *m, const struct bad *b); /* replaces one of the same commit */
/* NULL: not known as bad. A commit rendered with another environment is another attempt. */
const struct bad *ledger_bad(const struct ledger *m, const char *sha, const char *env);
void ledger_forget_bad(struct ledger *m, const char *sha); /* NULL: all */
void ledger_add_event(struct ledger *m, const struct event *ev);
