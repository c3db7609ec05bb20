/*
 * The deployment engine's world in memory, which can be told what to do: a branch whose commits are good or bad in
 * many ways, and a clock. Shared by all processes of a run, each of which can be ended at each of its writes and
 * each of its calls, as a power cut would.
 */
#pragma once

#include "arena.h"
#include "buf.h"
#include "client.h"
#include "clock.h"
#include "error.h"
#include "ipc.h"

#include "check.h"
#include "tmpdir.h"

#include <errno.h>
#include <sys/file.h>

#define COMMITS 40
#define EPOCH	1700000000

enum kind {
	GOOD,
	README,	 /* good, and nothing that runs differs */
	SCHEMA,	 /* good, and the database's definition differs */
	RENAMED, /* good, and the database is another service, with the same data */
	CRASH,
	UNHEALTHY,
	ERROR_500,
	UNSAFE, /* crashes, and may not be taken back */
	MISSING_IMAGE,
	PRIVILEGED,
	UNSIGNED,
	KINDS,
};

struct commit {
	enum kind kind;
	int parent;  /* index, -1: none */
	int web, db; /* which form of the services it has; equal forms are equal documents */
	int settled; /* a run has called it bad: it must not be brought up any more */
	int visits;  /* how often the branch came to it */
	int faults, recoveries; /* told of it */
	bool renamed;		/* what has the data is called "database" */
	bool old;		/* it has a service "old", without data */
	bool job;		/* it has a service "job" that nothing starts again */
	bool migrate; /* it has a service "migrate" in web's form, for whose end web waits */
	bool inside;  /* it has the service "job" in the name space of web */
	bool side;    /* it has a service "side" in the name space of web */
};

struct box {
	bool there, running;
	int form, id, image;
	int compose; /* the version that made it */
	int64_t restarts;
	int status; /* that it has ended with */
	int space;  /* the name space it is in: each start makes one */
	int with;   /* the container whose name space it was made for; 0: its own */
};

/* In memory that all processes share. */
static struct world {
	struct commit commits[COMMITS];
	int db_image
		[COMMITS]; /* that its plan was pulled with; each commit finds another one under the tag */
	int n, tip, next_form;
	struct box web, db, database, job, migrate, side;
	struct box beside; /* a new container of web beside the one */
	int spaces;	   /* made so far */
	int migrate_ms;	   /* how long that takes */
	int fails_in;	   /* a form in which it ends with 1 */
	int64_t ends_at;   /* when it does, on the clock */
	bool depends;	   /* web depends on db: made alone it has another hash */
	int scales;	   /* how often something was started beside the old one */
	bool too_early;	   /* … before a migration had ended */
	int slow_up;	   /* up of this commit takes too long, counted from 1; 0: of none */
	int64_t up_seconds, up_ms; /* that the last up was given; that its answer was waited for */
	bool two_on_data;	   /* two containers had it at once */
	int ids, db_made;
	int compose;  /* its version: each hashes a definition in its own way */
	bool ups_bad; /* a commit that was settled as bad was brought up */
	int64_t ms;
	unsigned random;
	int flaky;     /* in a hundred calls: failures that pass */
	int broken_up; /* up does not work any more, for good */
	int soft_up; /* up of this commit fails as if it would pass, always; -1: of all; 0: of none */
	int gone;    /* images of this commit are not in the engine, counted from 1; 0: all are */
	bool no_registry;  /* can be asked */
	int extra;	   /* containers of web beside the one */
	bool stranger;	   /* one of the service "old", which a commit has that says so */
	int stranger_gone; /* how many ups there were when it was removed */
	int kill_at;	   /* points until the process ends; 0: never */
	int points;	   /* passed in the last run */
	int tidied;	   /* how often releases that nothing needs were taken away */
	bool full;
	int ends_job;	/* a form of web that job ends badly beside, as soon as it comes up */
	int ends_net;	/* a form of web that ends who asks it, once */
	int rotated;	/* the form that web has with the secrets of now; 0: its commit's */
	int rotated_db; /* and the database */
	int unused;	/* a secret that nothing uses */
	int moved;	/* the tags, to other images than the commit was made with */
	int built; /* how often what makes the image of web has made another one, under its tag */
	int bad_built; /* which of these crashes; 0: none */
	bool rendered; /* something, in the last run */
	int bad_form;  /* web crashes in this form, whatever its commit is */
	int human_faults, human_recoveries;
	int data_faults, data_recoveries; /* told of containers that keep data and were gone */
	int dumps;
	int warned;	 /* of something in the last run */
	bool used;	 /* the data volume is an earlier server's */
	bool no_dumps;	 /* can be taken */
	int64_t free_at; /* when who holds the lock lets it go, on the clock; 0: never */
	int ups;
	int fills;	/* a form of web that fills the disk, for all but Docker */
	int changes;	/* of a secret, by a rotation */
	bool no_change; /* can be made */
} * w;

static unsigned rnd(unsigned n)
{
	w->random = w->random * 1103515245u + 12345u;
	return (w->random >> 8) % n;
}

static inline void point(void)
{
	w->points++;
	if (w->kill_at > 0 && --w->kill_at == 0)
		_exit(137);
}

static inline bool fails(struct error *e)
{
	if (rnd(100) >= (unsigned)w->flaky)
		return false;
	error_set(e, ERR_NETWORK, "a passing failure");
	return true;
}

/* --- time ----------------------------------------------------------------------------------------- */

static inline int64_t fake_now(_unused_ void *arg)
{
	return w->ms;
}

static int held = -1; /* the lock of runs, as another process would hold it */

static inline int fake_sleep(_unused_ void *arg, int64_t ms)
{
	w->ms += ms;
	if (w->free_at && w->ms >= w->free_at)
		flock(held, LOCK_UN);
	return 0;
}

static const struct clock fake_clock = { fake_now, fake_sleep, NULL };

time_t __wrap_time(time_t *ret);
time_t __wrap_time(time_t *ret)
{
	time_t t = EPOCH + (w ? w->ms / 1000 : 0);

	if (ret)
		*ret = t;
	return t;
}

/* --- points at which a run can be ended -------------------------------------------------------------- */

int __real_file_replace(int dirfd, const char *path, const void *data, size_t len, mode_t mode);
int __wrap_file_replace(int dirfd, const char *path, const void *data, size_t len, mode_t mode);
int __wrap_file_replace(int dirfd, const char *path, const void *data, size_t len, mode_t mode)
{
	int r;

	point();
	r = w->fills && w->web.form == w->fills ? -ENOSPC
						: __real_file_replace(dirfd, path, data, len, mode);
	point();
	return r;
}

int __real_broker_call(const struct agent *a, const struct buf *request, const int *fds,
	size_t n_fds, int64_t timeout_ms, struct ipc_message *ret, struct error *e);
int __wrap_broker_call(const struct agent *a, const struct buf *request, const int *fds,
	size_t n_fds, int64_t timeout_ms, struct ipc_message *ret, struct error *e);
int __wrap_broker_call(const struct agent *a, const struct buf *request, const int *fds,
	size_t n_fds, int64_t timeout_ms, struct ipc_message *ret, struct error *e)
{
	int r;

	point();
	if (strstr(buf_str(request), "\"op\":\"up\""))
		w->up_ms = timeout_ms;
	r = __real_broker_call(a, request, fds, n_fds, timeout_ms, ret, e);
	point();
	return r;
}

int __wrap_secrets_digest(const struct agent *a, char ret_hex[65], struct error *e);
int __wrap_secrets_digest(
	_unused_ const struct agent *a, char ret_hex[65], _unused_ struct error *e)
{
	snprintf(ret_hex, 65, "%d.%d.%d", w->rotated, w->rotated_db, w->unused);
	return 0;
}

/* A dump is of what runs, by whatever name. */
int __wrap_backup_now(struct agent *a, const char *reason, struct error *e);
int __wrap_backup_now(_unused_ struct agent *a, _unused_ const char *reason, struct error *e)
{
	if ((!w->db.running && !w->database.running) || w->no_dumps)
		return error_set(e, ERR_FAILED, "no such container: db");
	w->dumps++;
	return 0;
}

/* --- the repository ----------------------------------------------------------------------------------- */

static inline void sha_of(int i, char ret[REPO_SHA])
{
	snprintf(ret, REPO_SHA, "%07x%033x", (unsigned)i + 1, (unsigned)i + 1);
}

static inline int index_of(const char *sha)
{
	return (int)strtol(sha + 32, NULL, 16) - 1;
}

int repo_check(_unused_ struct agent *a, const char *known, char ret_tip[REPO_SHA], struct error *e)
{
	if (fails(e))
		return -e->code;
	sha_of(w->tip, ret_tip);
	return known && strcmp(known, ret_tip) == 0 ? REPO_UNCHANGED : 0;
}

int repo_fetch(_unused_ struct agent *a, char ret_tip[REPO_SHA], struct error *e)
{
	if (fails(e))
		return -e->code;
	sha_of(w->tip, ret_tip);
	return 0;
}

static inline bool comes_after(int new, int old)
{
	while (new >= 0 && new != old)
		new = w->commits[new].parent;
	return new == old;
}

int repo_relation(_unused_ struct agent *a, const char *old, const char *new,
	enum repo_relation *ret, _unused_ struct error *e)
{
	int o = index_of(old), n = index_of(new);

	*ret = o == n		   ? REPO_EQUAL
	       : comes_after(n, o) ? REPO_DESCENDANT
	       : comes_after(o, n) ? REPO_ANCESTOR
				   : REPO_DIVERGED;
	return 0;
}

int repo_verify(_unused_ struct agent *a, const char *sha, struct arena *arena,
	const char **ret_who, _unused_ struct error *e)
{
	*ret_who = arena_strdup(arena, "somebody");
	return w->commits[index_of(sha)].kind == UNSIGNED ? REPO_UNSIGNED : 0;
}

int repo_describe(_unused_ struct agent *a, const char *sha, struct arena *arena,
	struct repo_commit *ret, _unused_ struct error *e)
{
	*ret = (struct repo_commit){ arena_printf(arena, "commit %d", index_of(sha)), "me", 0 };
	return 0;
}

int repo_write_release(_unused_ struct agent *a, _unused_ const char *sha, struct error *e)
{
	return fails(e) ? -e->code : 0;
}

int repo_mark_good(_unused_ struct agent *a, _unused_ const char *sha, _unused_ struct error *e)
{
	return 0;
}

int repo_gc(_unused_ struct agent *a, _unused_ const char *const *keep, _unused_ struct error *e)
{
	w->tidied++;
	return 0;
}
