/*
 * A run of the backup, in its order: room and leftovers, the dump and its checks, and only then what
 * may remove older ones. What fails is an alert, and the next good run ends it.
 */
#include "run.h"

#include "age.h"
#include "agent.h"
#include "alert.h"
#include "arena.h"
#include "backup.h"
#include "clock.h"
#include "config.h"
#include "error.h"
#include "manifest.h"
#include "offsite.h"
#include "prune.h"
#include "rehearse.h"
#include "report.h"
#include "restore.h"
#include "store.h"
#include "take.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOCK "backup"

/* A deployment has it from its dump to its end, of which a pull may take an hour. */
#define PATIENCE_MS (INT64_C(2) * 3600 * 1000)
#define LOOK_MS	    500

static int busy(struct error *e)
{
	error_set(e, ERR_FAILED, "another backup or restore is at work");
	return error_transient(e);
}

int run_lock(struct agent *a, struct error *e)
{
	int r = agent_lock(a, LOCK, e);

	return r == AGENT_BUSY ? busy(e) : r;
}

int run_lock_wait(struct agent *a, struct error *e)
{
	int64_t end_ms = clock_now_ms(a->clock) + PATIENCE_MS;
	int r = agent_lock(a, LOCK, e);

	if (r == AGENT_BUSY)
		report(REPORT_INFO,
			"another backup, a restore or a deployment is at work: waiting for its end");
	while (r == AGENT_BUSY) {
		if (clock_now_ms(a->clock) >= end_ms)
			return busy(e);
		if (clock_sleep_ms(a->clock, LOOK_MS) < 0)
			return error_set(e, ERR_INTERRUPTED, "interrupted");
		r = agent_lock(a, LOCK, e);
	}
	return r;
}

int run_settle(struct agent *a, struct error *e)
{
	_close_ int fd = -1;
	int r;

	if (faccessat(a->state_fd, RESTORE_STATE, F_OK, 0) < 0)
		return 0;
	r = agent_lock_part(a, LOCK, &fd, e);
	return r == 0 ? restore_settle(a, e) : MIN(r, 0);
}

static void tell(const struct agent *a, const char *key, const char *subject, const char *text)
{
	const struct alert alert = { key, "backup", subject, text };
	struct error e = { 0 };

	if (alert_raise(a, &alert, &e) < 0)
		report(REPORT_WARNING, "the alert was not kept: %s", e.msg);
}

static void tell_over(const struct agent *a, const char *key, const char *subject, const char *text)
{
	struct error e = { 0 };

	if (alert_resolve(a, key, subject, text, &e) < 0)
		report(REPORT_WARNING, "the end of an alert was not kept: %s", e.msg);
}

/* One of the things that follow a backup, which stands whatever becomes of them. */
static void tell_after(const struct agent *a, const char *key, const char *failed, const char *over,
	int r, const struct error *e)
{
	if (r >= 0) {
		tell_over(a, key, over, NULL);
	} else if (e->code != ERR_INTERRUPTED) {
		report(REPORT_ERROR, "%s: %s", failed, e->msg);
		tell(a, key, failed, e->msg);
	}
}

struct running {
	struct agent *a;
	const struct run *run;
	int dir;
	bool rehearsal; /* is due */
	struct age_identity witness;
};

static int prepare(struct running *k, struct error *e)
{
	_cleanup_(backup_list_free) struct backup_list list = BACKUP_LIST_INIT;
	int r = store_sweep(k->dir, e);

	/* Fetched for a restore that did not come to its end; its own safety dump is no scheduled run. */
	if (r >= 0 && k->run->scheduled)
		r = store_forget_foreign(k->a, e);
	if (r >= 0)
		r = restore_settle(k->a, e);
	if (r >= 0)
		r = store_list(k->dir, &list, e);
	k->rehearsal = r >= 0 && k->run->scheduled && rehearse_due(k->a, &list, time(NULL));
	if (k->rehearsal)
		age_identity_generate(&k->witness);
	return r;
}

static int take(struct running *k, struct arena *arena, struct manifest *ret, struct error *e)
{
	const struct take take = {
		.agent = k->a,
		.dir = k->dir,
		.reason = k->run->reason,
		.lenient = strcmp(k->run->reason, BACKUP_BEFORE_RESTORE) == 0,
		.witness = k->rehearsal ? &k->witness : NULL,
	};
	int r = take_backup(&take, arena, ret, e);

	if (r >= 0)
		r = prune_backups(k->a, k->dir, k->run->pinned, e);
	return r;
}

/* What a scheduled run does with a backup that is there. The first thing that failed is the result. */
static int follow_up(struct running *k, struct manifest *m, struct error *e)
{
	struct error copying = { 0 };
	int r = 0, copied = 0;

	if (k->rehearsal) {
		r = rehearse(k->a, k->dir, m, m->recipients ? &k->witness : NULL, e);
		tell_after(k->a, "backup-rehearsal", "the test restore of the backup failed",
			"the test restore of the backup works again", r, e);
	}
	if (offsite_wanted(k->a)) {
		copied = offsite_sync(k->a, k->dir, &copying);
		tell_after(k->a, "backup-offsite", "the backups are not copied elsewhere",
			"the backups are copied elsewhere again", copied, &copying);
	}
	if (r >= 0 && copied < 0)
		*e = copying;
	return r < 0 ? r : copied;
}

static void tell_suspect(const struct running *k, struct arena *arena, const struct manifest *m)
{
	tell(k->a, "backup", "the backup looks wrong",
		arena_printf(arena,
			"%s. Where that is as it should be: kbuild-agent backup verify %s --accept",
			m->suspect, m->id));
}

static int run_all(struct running *k, struct arena *arena, struct manifest *ret, struct error *e)
{
	int r = prepare(k, e);

	if (r >= 0)
		r = take(k, arena, ret, e);
	if (r < 0 && e->code != ERR_INTERRUPTED)
		tell(k->a, "backup", "the backup failed", e->msg);
	if (r < 0)
		return r;
	/* What a restore puts aside is no sign of anything: less is there than should be. */
	if (manifest_before_restore(ret))
		return 0;
	if (ret->suspect)
		tell_suspect(k, arena, ret);
	else
		tell_over(k->a, "backup", "backups work again", ret->id);
	return k->run->scheduled ? follow_up(k, ret, e) : 0;
}

int run_backup(struct agent *a, const struct run *run, struct arena *arena, struct manifest *ret,
	struct error *e)
{
	_close_ int dir = store_open(a, e);
	struct running k = { .a = a, .run = run, .dir = dir };
	int r = dir < 0 ? dir : run_all(&k, arena, ret, e);

	age_identity_wipe(&k.witness);
	return r;
}

int backup_now(struct agent *a, const char *reason, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	const struct run run = { reason, NULL, false };
	struct manifest m;
	int r;

	if (!take_anything(a))
		return 0;
	r = run_lock(a, e);
	return r < 0 ? r : run_backup(a, &run, arena, &m, e);
}
