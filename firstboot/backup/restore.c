/* See restore.h. */
#include "restore.h"

#include "agent.h"
#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "config.h"
#include "create.h"
#include "error.h"
#include "ipc.h"
#include "load.h"
#include "manifest.h"
#include "node.h"
#include "pg.h"
#include "report.h"
#include "state.h"

#include <errno.h>
#include <string.h>

#define STATE_NAME "restore.json"
/* NAMEDATALEN - 1: what PostgreSQL would cut off silently. */
#define NAME_LEN 63

struct item {
	struct load_item load;
	const char *fresh; /* the database that is filled */
	const char *old;
};

struct plan {
	const struct restore *q;
	struct arena *arena;
	struct pg pg;
	const char **there; /* the databases of the server */
	struct item *items;
	size_t n;
	const struct backup_file **files; /* volumes and paths */
	size_t n_files;
};

static bool is_there(const char *const *names, const char *name)
{
	for (; names && *names; names++) {
		if (strcmp(*names, name) == 0)
			return true;
	}
	return false;
}

static const char *derived(struct arena *a, const char *name, const char *word, const char *id)
{
	size_t rest = strlen(word) + strlen(id) + 2;

	return arena_printf(a, "%.*s_%s_%s", (int)(NAME_LEN - rest), name, word, id);
}

/* A name for the old database that is not taken: the same backup may be restored twice. */
static const char *old_name(const struct plan *p, const char *name)
{
	const char *old = derived(p->arena, name, "before", p->q->m->id);

	for (int i = 2; is_there(p->there, old); i++) {
		_free_ char *id = xasprintf("%s_%d", p->q->m->id, i);

		old = derived(p->arena, name, "before", id);
	}
	return old;
}

static void add_item(struct plan *p, const struct backup_file *f, const char *name)
{
	struct item *i = &p->items[p->n];

	i->load = (struct load_item){ f, name };
	if (p->q->only ? strcmp(p->q->only, name) != 0 : load_item_tables(&i->load) == 0)
		return;
	i->fresh = p->q->to ? p->q->to : derived(p->arena, name, "restore", p->q->m->id);
	i->old = old_name(p, name);
	p->n++;
}

/* The databases of a cluster's file are the first parts of its tables' names. */
static void add_cluster(struct plan *p, const struct backup_file *f)
{
	const char *last = "";

	for (size_t i = 0; i < f->n_tables; i++) {
		size_t n = strcspn(f->tables[i].name, ".");
		const char *name = arena_strndup(p->arena, f->tables[i].name, n);

		if (strcmp(name, last) == 0)
			continue;
		last = name;
		add_item(p, f, name);
	}
}

static bool is_files(const char *kind)
{
	return strcmp(kind, "volume") == 0 || strcmp(kind, "path") == 0;
}

static void add_file(struct plan *p, const struct backup_file *f)
{
	if (strcmp(f->kind, "database") == 0)
		add_item(p, f, f->of);
	else if (strcmp(f->kind, "cluster") == 0)
		add_cluster(p, f);
	else if (p->q->files && is_files(f->kind))
		p->files[p->n_files++] = f;
}

static int make_plan(struct plan *p, struct error *e)
{
	const struct manifest *m = p->q->m;
	int r = p->pg.container ? pg_all_databases(&p->pg, p->arena, &p->there, e) : 0;

	if (r < 0)
		return r;
	p->items = arena_alloc(p->arena, (m->n_files + manifest_tables(m) + 1) * sizeof *p->items);
	p->files = arena_alloc(p->arena, (m->n_files + 1) * sizeof *p->files);
	for (size_t i = 0; i < m->n_files; i++)
		add_file(p, &m->files[i]);
	if (p->n > 0 && !p->pg.container)
		return error_set(e, ERR_INVALID,
			"backup %s holds databases, and the configuration names no container for them",
			m->id);
	if (p->n_files > 0)
		return 0;
	if (p->n == 0 && p->q->only)
		return error_set(
			e, ERR_USAGE, "backup %s does not hold a database '%s'", m->id, p->q->only);
	if (p->n == 0)
		return error_set(e, ERR_USAGE, "backup %s holds no database with tables", m->id);
	if (p->q->to && p->n > 1)
		return error_set(e, ERR_USAGE,
			"backup %s holds %zu databases: name one with --database to restore it as "
			"'%s'",
			m->id, p->n, p->q->to);
	if (p->q->to && is_there(p->there, p->q->to))
		return error_set(e, ERR_USAGE, "there is a database '%s' already", p->q->to);
	return 0;
}

static void describe(const struct plan *p, struct restored **ret)
{
	struct restored *v = arena_alloc(p->arena, (p->n + p->n_files + 1) * sizeof *v);

	for (size_t i = 0; i < p->n; i++) {
		const struct item *item = &p->items[i];
		bool replaced = !p->q->to && is_there(p->there, item->load.name);

		v[i] = (struct restored){
			"database",
			item->load.name,
			p->q->to ? p->q->to : item->load.name,
			replaced ? item->old : NULL,
		};
	}
	for (size_t i = 0; i < p->n_files; i++)
		v[p->n + i] = (struct restored){
			p->files[i]->kind,
			p->files[i]->of,
			p->files[i]->of,
			NULL,
		};
	*ret = v;
}

static struct plan plan_of(const struct restore *q, struct arena *arena)
{
	const struct backup_config *c = &q->agent->config->backup;

	return (struct plan){
		.q = q,
		.arena = arena,
		.pg = { q->agent, c->postgres.container, c->postgres.user },
	};
}

int restore_plan(
	const struct restore *q, struct arena *arena, struct restored **ret, struct error *e)
{
	struct plan p = plan_of(q, arena);
	int r = make_plan(&p, e);

	if (r >= 0)
		describe(&p, ret);
	return r;
}

static void write_files(const struct plan *p, struct buf *list)
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

static int note_step(const struct plan *p, const char *step, struct error *e)
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
	return state_write(p->q->agent, STATE_NAME, &json, e);
}

static int forget(const struct agent *a, struct error *e)
{
	if (unlinkat(a->state_fd, STATE_NAME, 0) < 0 && errno != ENOENT)
		return error_errno(e, errno, "cannot remove %s/" STATE_NAME, a->state_dir);
	return fsync(a->state_fd) < 0
		       ? error_errno(e, errno, "cannot remove %s/" STATE_NAME, a->state_dir)
		       : 0;
}

static int fill(const struct plan *p, const struct item *i, struct error *e)
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

/*
 * Each rename is done only when what it makes is not there yet, so it can be begun anywhere. Without the
 * fresh one both were done; but whoever was cut off in the second may have left it closed.
 */
static int swap(const struct pg *pg, const char *const *there, const char *name, const char *fresh,
	const char *old, struct error *e)
{
	int r = 0;

	if (!is_there(there, fresh))
		return is_there(there, name) ? pg_open(pg, name, e) : 0;
	if (is_there(there, name))
		r = pg_rename(pg, name, old, e);
	return r < 0 ? r : pg_rename(pg, fresh, name, e);
}

static int fill_all(const struct plan *p, struct error *e)
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

int restore_run(
	const struct restore *q, struct arena *arena, struct restored **ret, struct error *e)
{
	struct plan p = plan_of(q, arena);
	struct error settling = { 0 };
	int r = make_plan(&p, e);

	if (r >= 0)
		r = note_step(&p, "fill", e);
	if (r < 0)
		return r;
	r = fill_all(&p, e);
	if (r < 0) {
		/* What was begun is of no use; the application's own database was not touched. */
		if (restore_settle(q->agent, &settling) < 0)
			report(REPORT_WARNING, "%s", settling.msg);
		return r;
	}
	describe(&p, ret);
	if (!q->to)
		r = note_step(&p, "swap", e);
	if (r < 0)
		return r;
	/* Ends the swap as a later run would, by what is there then. */
	return q->to ? forget(q->agent, e) : restore_settle(q->agent, e);
}

static int settle_one(const struct pg *pg, const char *const *there, bool swapping,
	const struct node *item, struct error *e)
{
	const char *name = node_str(node_get(item, "name"));
	const char *fresh = node_str(node_get(item, "fresh"));
	const char *old = node_str(node_get(item, "old"));

	if (!name || !fresh || !old)
		return 0;
	if (swapping)
		return swap(pg, there, name, fresh, old, e);
	return is_there(there, fresh) ? pg_drop(pg, fresh, e) : 0;
}

static size_t length(const struct node *list)
{
	return list && list->kind == NODE_LIST ? list->n : 0;
}

static int settle_databases(const struct agent *a, struct arena *arena, const struct node *list,
	bool swapping, struct error *e)
{
	const struct backup_config *c = &a->config->backup;
	const struct pg pg = { a, c->postgres.container, c->postgres.user };
	const char **there = NULL;
	int r = length(list) > 0 ? pg_all_databases(&pg, arena, &there, e) : 0;

	for (size_t i = 0; r >= 0 && i < length(list); i++)
		r = settle_one(&pg, there, swapping, list->items[i], e);
	return r;
}

static int settle_files(const struct agent *a, const struct node *list, const char *id,
	bool swapping, struct error *e)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && id && i < length(list); i++) {
		const char *kind = node_str(node_get(list->items[i], "kind"));
		const char *of = node_str(node_get(list->items[i], "of"));

		if (kind && of && is_files(kind))
			r = files_change(
				a, swapping ? "files-swap" : "files-drop", kind, of, id, e);
	}
	return r;
}

int restore_settle(const struct agent *a, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	const struct node *doc;
	const char *step;
	bool swapping;
	int r = state_read(a, STATE_NAME, arena, &doc, e);

	if (r != 0)
		return r == STATE_ABSENT ? 0 : r;
	step = node_str(node_get(doc, "step"));
	swapping = step && strcmp(step, "swap") == 0;
	r = settle_databases(a, arena, node_get(doc, "databases"), swapping, e);
	if (r >= 0)
		r = settle_files(
			a, node_get(doc, "files"), node_str(node_get(doc, "id")), swapping, e);
	if (r < 0)
		return error_prefix(e, "a restore was cut off and cannot be settled");
	return forget(a, e);
}
