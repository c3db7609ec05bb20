/*
 * A run of the backup, in its order: room and leftovers, the dump and its checks, and only then what
 * may remove older ones. What fails is an alert, and the next good run ends it.
 */
#include "run.h"

#include "agent.h"
#include "alert.h"
#include "arena.h"
#include "backup.h"
#include "config.h"
#include "error.h"
#include "manifest.h"
#include "prune.h"
#include "report.h"
#include "restore.h"
#include "store.h"
#include "take.h"

#include <string.h>

#define LOCK "backup"

int run_lock(struct agent *a, struct error *e)
{
	int r = agent_lock(a, LOCK, e);

	if (r != AGENT_BUSY)
		return r;
	error_set(e, ERR_FAILED, "another backup or restore is at work");
	return error_transient(e);
}

static void tell_alert(const struct agent *a, const char *subject, const char *text)
{
	const struct alert alert = { "backup", "backup", subject, text };
	struct error e = { 0 };

	if (alert_raise(a, &alert, &e) < 0)
		report(REPORT_WARNING, "the alert was not kept: %s", e.msg);
}

static void end_alert(const struct agent *a, const struct manifest *m)
{
	struct error e = { 0 };

	if (alert_resolve(a, "backup", "backups work again", m->id, &e) < 0)
		report(REPORT_WARNING, "the end of an alert was not kept: %s", e.msg);
}

static int take_and_prune(struct agent *a, const struct run *run, int dir, struct arena *arena,
	struct manifest *ret, struct error *e)
{
	const struct take take = {
		.agent = a,
		.dir = dir,
		.reason = run->reason,
		.lenient = strcmp(run->reason, BACKUP_BEFORE_RESTORE) == 0,
	};
	int r = store_sweep(dir, e);

	if (r >= 0)
		r = restore_settle(a, e);
	if (r >= 0)
		r = take_backup(&take, arena, ret, e);
	if (r >= 0)
		r = prune_backups(a, dir, run->pinned, e);
	return r;
}

int run_backup(struct agent *a, const struct run *run, struct arena *arena, struct manifest *ret,
	struct error *e)
{
	_close_ int dir = store_open(a, e);
	int r = dir < 0 ? dir : take_and_prune(a, run, dir, arena, ret, e);

	if (r < 0 && e->code != ERR_INTERRUPTED)
		tell_alert(a, "the backup failed", e->msg);
	else if (r >= 0 && ret->suspect)
		tell_alert(a, "the backup looks wrong", ret->suspect);
	else if (r >= 0)
		end_alert(a, ret);
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
