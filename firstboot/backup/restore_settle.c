/*
 * See restore_parts.h: how a restore comes to its end, also one that was cut off. Nothing is remembered of how far
 * a swap had come: the names that are there tell it.
 */
#include "restore_parts.h"

#include "agent.h"
#include "alert.h"
#include "arena.h"
#include "config.h"
#include "error.h"
#include "node.h"
#include "report.h"
#include "restore.h"
#include "state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct ending {
	const struct agent *a;
	struct arena *arena;
	struct pg pg;
	const char *id;
	const struct node *databases, *files; /* as they were noted */
	const char **there;		      /* the databases of the server */
	const struct node *doc;
	const char *step; /* "fill", "swap", or "drop": a swap that never began is called off */
};

struct noted {
	const char *name, *fresh, *old;
};

static size_t length(const struct node *list)
{
	return list && list->kind == NODE_LIST ? list->n : 0;
}

static bool is_at(const struct ending *x, const char *step)
{
	return x->step && strcmp(x->step, step) == 0;
}

static bool database_at(const struct ending *x, size_t i, struct noted *ret)
{
	const struct node *item = x->databases->items[i];

	*ret = (struct noted){
		node_str(node_get(item, "name")),
		node_str(node_get(item, "fresh")),
		node_str(node_get(item, "old")),
	};
	return ret->name && ret->fresh && ret->old;
}

static bool files_at(const struct ending *x, size_t i, const char **kind, const char **of)
{
	const struct node *item = x->files->items[i];

	*kind = node_str(node_get(item, "kind"));
	*of = node_str(node_get(item, "of"));
	return x->id && *kind && *of && restore_is_files(*kind);
}

static void tell(const struct ending *x, const char *subject, const char *text)
{
	const struct alert alert = { RESTORE_ALERT, "backup", subject, text };
	struct error e = { 0 };

	report(REPORT_WARNING, "%s: %s", subject, text);
	/* Another one than what may be open still. */
	if (alert_remind(x->a, &alert, &e) < 0)
		report(REPORT_WARNING, "the alert was not kept: %s", e.msg);
}

/* Whether a name was changed already, or none is there that people could be working in. */
static bool has_begun(const struct ending *x)
{
	bool begun = false, live = false;

	for (size_t i = 0; i < length(x->databases); i++) {
		struct noted d;

		if (!database_at(x, i, &d))
			continue;
		begun |= !restore_has(x->there, d.fresh) || restore_has(x->there, d.old);
		live |= restore_has(x->there, d.name);
	}
	for (size_t i = 0; i < length(x->files); i++) {
		struct files_state state;
		struct error ignored = { 0 };
		const char *kind, *of;

		if (!files_at(x, i, &kind, &of) ||
			files_look(x->a, kind, of, x->id, &state, &ignored) < 0)
			continue;
		/* Databases come first. */
		begun |= length(x->databases) == 0 && (!state.waits || !state.there);
		live |= state.there;
	}
	return begun || !live;
}

/* A database that somebody made when its name was free makes way too. */
static int make_way(const struct ending *x, const struct noted *d, struct error *e)
{
	const char *old = d->old;
	int r;

	if (restore_has(x->there, old))
		old = restore_old_name(x->arena, x->there, d->name, x->id ? x->id : "");
	r = pg_rename(&x->pg, d->name, old, e);
	if (r >= 0 && old != d->old)
		tell(x, "a database was made while another was restored",
			arena_printf(x->arena,
				"The restored one is %s now; the one that was made meanwhile is kept as "
				"%s, the one of before as %s.",
				d->name, old, d->old));
	return r;
}

/*
 * Each rename is done only when what it makes is not there yet, so it can be begun anywhere. Without the
 * fresh one both were done; but whoever was cut off in the second may have left it closed.
 */
static int swap_database(const struct ending *x, const struct noted *d, struct error *e)
{
	int r = 0;

	if (!restore_has(x->there, d->fresh))
		return restore_has(x->there, d->name) ? pg_open(&x->pg, d->name, e) : 0;
	if (restore_has(x->there, d->name))
		r = make_way(x, d, e);
	return r < 0 ? r : pg_rename(&x->pg, d->fresh, d->name, e);
}

static int drop_database(const struct ending *x, const struct noted *d, struct error *e)
{
	return restore_has(x->there, d->fresh) ? pg_drop(&x->pg, d->fresh, e) : 0;
}

/* What was to be renamed may have been closed for that. */
static int open_database(const struct ending *x, const struct noted *d, struct error *e)
{
	return restore_has(x->there, d->name) ? pg_open(&x->pg, d->name, e) : 0;
}

static int each_database(const struct ending *x,
	int (*what)(const struct ending *, const struct noted *, struct error *), struct error *e)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < length(x->databases); i++) {
		struct noted d;

		if (database_at(x, i, &d))
			r = what(x, &d, e);
	}
	return r;
}

/* What cannot be removed lies in nobody's way. */
static int drop_files(const struct ending *x, size_t i, struct error *e)
{
	struct error dropping = { 0 };
	const char *kind, *of;

	if (!files_at(x, i, &kind, &of) ||
		files_change(x->a, "files-drop", kind, of, x->id, &dropping) >= 0)
		return 0;
	if (dropping.code == ERR_INTERRUPTED) {
		*e = dropping;
		return -e->code;
	}
	report(REPORT_WARNING, "what was unpacked of the %s %s may be there still: %s", kind, of,
		dropping.msg);
	return 0;
}

/* It is noted first: what is dropped would else look like what has got its place. */
static int call_off(struct ending *x, struct error *e)
{
	struct node *doc = node_copy(x->arena, x->doc);
	int r = each_database(x, open_database, e);

	x->step = "drop";
	node_set(x->arena, doc, &x->doc->at, "step",
		node_scalar(x->arena, &x->doc->at, x->step, strlen(x->step)));
	return r < 0 ? r : state_write_node(x->a, RESTORE_STATE, doc, e);
}

static int drop_all(const struct ending *x, struct error *e)
{
	int r = each_database(x, drop_database, e);

	for (size_t i = 0; r >= 0 && i < length(x->files); i++)
		r = drop_files(x, i, e);
	return r < 0 ? r : RESTORE_DROPPED;
}

/*
 * Files that cannot be swapped are told and given up when it is not the first time that it is tried: no later
 * backup waits for them, and none puts old files in place one night.
 */
static int swap_files(const struct ending *x, size_t i, bool first, struct error *e)
{
	struct error dropping = { 0 };
	const char *kind, *of;
	int r = files_at(x, i, &kind, &of) ? files_change(x->a, "files-swap", kind, of, x->id, e)
					   : 0;

	if (r >= 0)
		return r;
	error_prefix(e, "the %s %s of backup %s was not put back", kind, of, x->id);
	if (first || e->code == ERR_INTERRUPTED)
		return -e->code;
	return drop_files(x, i, &dropping) < 0 ? -e->code : RESTORE_LACKING;
}

static int swap_all(const struct ending *x, bool first, struct error *e)
{
	int r = each_database(x, swap_database, e), all = 0;

	for (size_t i = 0; r >= 0 && i < length(x->files); i++) {
		struct error lacking = { 0 };

		r = swap_files(x, i, first, &lacking);
		if (r < 0 || (r == RESTORE_LACKING && all == 0))
			*e = lacking;
		all = MAX(all, r);
	}
	return r < 0 ? r : all;
}

int restore_forget(const struct agent *a, struct error *e)
{
	if (unlinkat(a->state_fd, RESTORE_STATE, 0) < 0 && errno != ENOENT)
		return error_errno(e, errno, "cannot remove %s/" RESTORE_STATE, a->state_dir);
	return fsync(a->state_fd) < 0
		       ? error_errno(e, errno, "cannot remove %s/" RESTORE_STATE, a->state_dir)
		       : 0;
}

static int end_it(struct ending *x, bool begin, struct error *e)
{
	struct error forgetting = { 0 };
	int r = length(x->databases) > 0 ? pg_all_databases(&x->pg, x->arena, &x->there, e) : 0;

	if (r < 0)
		return r;
	if (is_at(x, "swap") && (begin || has_begun(x))) {
		r = swap_all(x, begin, e);
	} else {
		r = is_at(x, "swap") ? call_off(x, e) : 0;
		r = r < 0 ? r : drop_all(x, e);
	}
	if (r >= 0 && restore_forget(x->a, &forgetting) < 0) {
		*e = forgetting;
		return -e->code;
	}
	return r;
}

static int read_it(const struct agent *a, struct arena *arena, struct ending *ret, struct error *e)
{
	const struct backup_config *c = &a->config->backup;
	const struct node *doc;
	int r = state_read(a, RESTORE_STATE, arena, &doc, e);

	if (r != 0)
		return r;
	*ret = (struct ending){
		.a = a,
		.arena = arena,
		.pg = { a, c->postgres.container, c->postgres.user },
		.id = node_str(node_get(doc, "id")),
		.databases = node_get(doc, "databases"),
		.files = node_get(doc, "files"),
		.doc = doc,
		.step = node_str(node_get(doc, "step")),
	};
	return 0;
}

int restore_end(const struct agent *a, bool begin, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct ending x;
	int r = read_it(a, arena, &x, e);

	if (r != 0)
		return r == STATE_ABSENT ? 0 : r;
	return end_it(&x, begin, e);
}

static void tell_end(const struct ending *x, int settled, const char *lacking)
{
	const char *again = arena_printf(x->arena, "kbuild-agent restore %s", x->id ? x->id : "ID");

	if (settled == RESTORE_LACKING)
		tell(x, "a restore was cut off and is not whole",
			arena_printf(x->arena, "%s. When that is mended: %s", lacking, again));
	else if (settled == RESTORE_DROPPED && is_at(x, "drop"))
		tell(x, "a restore was cut off and changed nothing",
			arena_printf(x->arena,
				"It had not begun to put anything in place, and it is too late for that: "
				"people work in what is there. Once more: %s",
				again));
}

int restore_settle(const struct agent *a, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct ending x;
	int r = read_it(a, arena, &x, e);

	if (r != 0)
		return r == STATE_ABSENT ? 0 : r;
	r = end_it(&x, false, e);
	if (r < 0)
		return error_prefix(e, "a restore was cut off and cannot be settled");
	tell_end(&x, r, e->msg);
	return 0;
}
