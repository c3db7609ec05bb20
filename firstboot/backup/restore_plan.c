/* See restore_parts.h: what a restore is to do, and whether it can. */
#include "restore_parts.h"

#include "agent.h"
#include "arena.h"
#include "config.h"
#include "error.h"
#include "manifest.h"
#include "restore.h"

#include <string.h>

static void add_item(struct restore_plan *p, const struct backup_file *f, const char *name)
{
	struct restore_item *i = &p->items[p->n];

	i->load = (struct load_item){ f, name };
	if (p->q->only ? strcmp(p->q->only, name) != 0 : load_item_tables(&i->load) == 0)
		return;
	i->fresh = p->q->to ? p->q->to : restore_name(p->arena, name, RESTORE_FRESH, p->q->m->id);
	i->old = restore_old_name(p->arena, p->there, name, p->q->m->id);
	p->n++;
}

/* The databases of a cluster's file are the first parts of its tables' names. */
static void add_cluster(struct restore_plan *p, const struct backup_file *f)
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

bool restore_is_files(const char *kind)
{
	return strcmp(kind, "volume") == 0 || strcmp(kind, "path") == 0;
}

static void add_file(struct restore_plan *p, const struct backup_file *f)
{
	if (strcmp(f->kind, "database") == 0)
		add_item(p, f, f->of);
	else if (strcmp(f->kind, "cluster") == 0)
		add_cluster(p, f);
	else if (p->q->files && restore_is_files(f->kind))
		p->files[p->n_files++] = f;
}

static int check_names(const struct restore_plan *p, struct error *e)
{
	for (size_t i = 0; i < p->n; i++) {
		for (size_t k = 0; k < i; k++) {
			if (strcmp(p->items[i].fresh, p->items[k].fresh) == 0 ||
				strcmp(p->items[i].old, p->items[k].old) == 0)
				return error_set(e, ERR_FAILED,
					"databases %s and %s would get one name while they are "
					"restored: restore each with --database",
					p->items[k].load.name, p->items[i].load.name);
		}
	}
	return 0;
}

static int check_databases(const struct restore_plan *p, struct error *e)
{
	const struct manifest *m = p->q->m;

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
	if (p->q->to && restore_has(p->there, p->q->to))
		return error_set(e, ERR_USAGE, "there is a database '%s' already", p->q->to);
	return check_names(p, e);
}

/* Nothing is touched before it is known that all of it can be put back. */
static int check_files(const struct restore_plan *p, struct error *e)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < p->n_files; i++) {
		const struct backup_file *f = p->files[i];
		struct files_state state;

		r = files_look(p->q->agent, f->kind, f->of, p->q->m->id, &state, e);
		if (r >= 0)
			continue;
		r = error_prefix(e, "the %s %s of backup %s cannot be put back", f->kind, f->of,
			p->q->m->id);
		if (p->n > 0)
			r = error_append(e, "; --databases leaves volumes and paths as they are");
	}
	return r;
}

int restore_plan_make(
	const struct restore *q, struct arena *arena, struct restore_plan *p, struct error *e)
{
	const struct backup_config *c = &q->agent->config->backup;
	const struct manifest *m = q->m;
	int r;

	*p = (struct restore_plan){
		.q = q,
		.arena = arena,
		.pg = { q->agent, c->postgres.container, c->postgres.user },
	};
	r = p->pg.container ? pg_all_databases(&p->pg, p->arena, &p->there, e) : 0;
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
	r = p->n > 0 || p->n_files == 0 ? check_databases(p, e) : 0;
	return r < 0 ? r : check_files(p, e);
}

void restore_plan_describe(const struct restore_plan *p, struct restored **ret)
{
	struct restored *v = arena_alloc(p->arena, (p->n + p->n_files + 1) * sizeof *v);

	for (size_t i = 0; i < p->n; i++) {
		const struct restore_item *item = &p->items[i];
		bool replaced = !p->q->to && restore_has(p->there, item->load.name);

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

int restore_plan(
	const struct restore *q, struct arena *arena, struct restored **ret, struct error *e)
{
	struct restore_plan p;
	int r = restore_plan_make(q, arena, &p, e);

	if (r >= 0)
		restore_plan_describe(&p, ret);
	return r;
}
