/*
 * The application's repository, as the conductor sees it. What is asked here is done by the git role,
 * the only process that knows libgit2, under a deadline: a role that is late is killed, and later calls
 * of this run fail (ERR_NETWORK: transient; the next run starts anew).
 *
 * Which repository, branch, signers and host keys: a->config->app. Credentials: the git role reads them
 * itself (credential "git"). AGENT_GIT must have been started.
 *
 * Errors: what may be otherwise in a moment (no connection, timeout, 5xx, full disk) is transient; a
 * refused login, an unknown host key, a missing branch, a limit, a refused tree are not. Revisions are
 * full ids, 40 lower-case hexadecimal digits.
 */
#pragma once

#include "base.h"

#define REPO_SHA 41 /* with the NUL */

struct agent;
struct arena;
struct error;

#define REPO_UNCHANGED 1

/*
 * Gives the roles the credential "git" anew: they were started before this run took it from the handoff.
 */
int repo_use_credential(struct agent *a, struct error *e);

/*
 * What the branch points to now, by one question to the server and without fetching. 0, or
 * REPO_UNCHANGED when that is known (NULL: nothing is known). ret_tip is set in both cases.
 */
int repo_check(struct agent *a, const char *known, char ret_tip[REPO_SHA], struct error *e);

/* Fetches the branch into STATE/repo.git. ret_tip is what came, which may be newer than a check said. */
int repo_fetch(struct agent *a, char ret_tip[REPO_SHA], struct error *e);

enum repo_relation {
	REPO_EQUAL,	 /* the same */
	REPO_DESCENDANT, /* new comes after old: the ordinary update */
	REPO_ANCESTOR,	 /* new comes before old: a downgrade */
	REPO_DIVERGED,	 /* neither: the branch was forced */
};

/* How new stands to old. Both must have been fetched; an old that is not there any more is DIVERGED. */
int repo_relation(struct agent *a, const char *old, const char *new, enum repo_relation *ret,
	struct error *e);

#define REPO_UNSIGNED  1 /* no signature */
#define REPO_UNTRUSTED 2 /* signed, but not by one of app.signers at this time, or not validly */

/*
 * Whether a commit is signed (SSHSIG, ed25519, namespace git) by one of a->config->app.signers. 0 with
 * who it is in ret_who; or an outcome with the reason in ret_who (both for people; in the arena).
 */
int repo_verify(struct agent *a, const char *sha, struct arena *arena, const char **ret_who,
	struct error *e);

struct repo_commit {
	const char *subject; /* the first line, at most 200 bytes, one line of UTF-8 */
	const char *author;  /* the name, likewise */
	int64_t time;	     /* committed, seconds since 1970 */
};

/* For people: status, history, alerts. In the arena. */
int repo_describe(struct agent *a, const char *sha, struct arena *arena, struct repo_commit *ret,
	struct error *e);

/*
 * Writes the commit's files to STATE/releases/SHA: complete or not there. Done already: 0 at once. Without
 * hooks, filters and attributes; trees with submodules, links that lead out, names that mean something
 * else elsewhere, or too much are refused (ERR_INVALID).
 */
int repo_write_release(struct agent *a, const char *sha, struct error *e);

/* Remembers sha (refs/kbuild/good), so that repo_gc() keeps it. */
int repo_mark_good(struct agent *a, const char *sha, struct error *e);

/*
 * Keeps what the tip and the good revision need in the repository, and the releases named in keep
 * (NULL-terminated) beside these two; removes all others. Cheap when there is nothing to do.
 */
int repo_gc(struct agent *a, const char *const *keep, struct error *e);
