/* See restore.h. */
#include "restore.h"

#include "agent.h"
#include "alert.h"
#include "arena.h"
#include "buf.h"
#include "create.h"
#include "error.h"
#include "ipc.h"
#include "load.h"
#include "manifest.h"
#include "pg.h"
#include "report.h"
#include "restore_parts.h"
#include "state.h"

static void write_files(const struct restore_plan *p, struct buf *list)
{
	buf_addc(list, '[');
	for (size_t i = 0; i < p->n_files; i++) {
		_buf_ one = BUF_INIT;

		ipc_begin(&one);
		ipc_add_str(&one, "kind", p->files[i]->kind);
		ipc_add_str(&one, "of", p->files[i]->of);
		ipc_end(&one);
		buf_adds(list, i ? "," : "");
		buf_adds(list, buf_str(&one));
	}
	buf_addc(list, ']');
}

static int note_step(const struct restore_plan *p, const char *step, struct error *e)
{
	_buf_ files = BUF_INIT;
	_buf_ list = BUF_INIT;
	_buf_ json = BUF_INIT;

	buf_addc(&list, '[');
	for (size_t i = 0; i < p->n; i++) {
		_buf_ one = BUF_INIT;

		ipc_begin(&one);
		ipc_add_str(&one, "name", p->items[i].load.name);
		ipc_add_str(&one, "fresh", p->items[i].fresh);
		ipc_add_str(&one, "old", p->items[i].old);
		ipc_end(&one);
		buf_adds(&list, i ? "," : "");
		buf_adds(&list, buf_str(&one));
	}
	buf_addc(&list, ']');
	ipc_begin(&json);
	ipc_add_str(&json, "id", p->q->m->id);
	ipc_add_str(&json, "step", step);
	ipc_add(&json, "databases", buf_str(&list));
	write_files(p, &files);
	ipc_add(&json, "files", buf_str(&files));
	ipc_end(&json);
	return state_write(p->q->agent, RESTORE_STATE, &json, e);
}

static int fill(const struct restore_plan *p, const struct restore_item *i, struct error *e)
{
	const struct restore *q = p->q;
	const struct load load = { &p->pg, q->dir, q->m, q->identities, q->n };
	/* One that a run made which was cut off, after this one had looked. */
	int r = q->to ? 0 : pg_drop(&p->pg, i->fresh, e);

	if (r >= 0)
		r = create_database(&load, &i->load, i->fresh, e);
	if (r >= 0)
		r = load_database(&load, &i->load, i->fresh, e);
	return r < 0 ? r : load_compare(&load, &i->load, i->fresh, e);
}

static int fill_all(const struct restore_plan *p, struct error *e)
{
	const struct restore *q = p->q;
	const struct load load = { &p->pg, q->dir, q->m, q->identities, q->n };
	int r = p->n > 0 ? load_roles(&load, q->roles, e) : 0;

	for (size_t i = 0; r >= 0 && i < p->n; i++)
		r = fill(p, &p->items[i], e);
	for (size_t i = 0; r >= 0 && i < p->n_files; i++)
		r = load_files(&load, p->files[i], e);
	return r;
}

/* What was begun is of no use; the application's own databases were not touched. */
static int give_up(const struct agent *a, int r)
{
	struct error settling = { 0 };

	if (restore_end(a, false, &settling) < 0)
		report(REPORT_WARNING, "%s", settling.msg);
	return r;
}

/*
 * A swap that fails is judged as a later run would judge one that was cut off. Whoever waits for this one is told
 * how it ended, and nothing happens behind his back later on.
 */
static int swap_all(const struct restore *q, struct error *e)
{
	struct error settling = { 0 };
	int r = restore_end(q->agent, true, e), end;

	if (r >= 0)
		return r;
	end = restore_end(q->agent, false, &settling);
	if (end == RESTORE_DROPPED)
		return error_prefix(e, "nothing was changed");
	if (end == RESTORE_LACKING)
		return error_prefix(e, "all but some files of backup %s is restored", q->m->id);
	if (end < 0)
		return error_append(e, "; the next backup or restore ends what was begun");
	report(REPORT_WARNING, "%s; it went well when it was tried again", e->msg);
	return 0;
}

int restore_run(
	const struct restore *q, struct arena *arena, struct restored **ret, struct error *e)
{
	struct error ignored = { 0 };
	struct restore_plan p;
	int r = restore_plan_make(q, arena, &p, e);

	if (r >= 0)
		r = note_step(&p, "fill", e);
	if (r < 0)
		return r;
	r = fill_all(&p, e);
	if (r < 0)
		return give_up(q->agent, r);
	restore_plan_describe(&p, ret);
	if (q->to)
		return restore_forget(q->agent, e);
	r = note_step(&p, "swap", e);
	if (r >= 0)
		r = swap_all(q, e);
	if (r >= 0)
		(void)alert_resolve(
			q->agent, RESTORE_ALERT, "a backup is restored", q->m->id, &ignored);
	return r;
}
