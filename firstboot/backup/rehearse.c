/* See rehearse.h. */
#include "rehearse.h"

#include "age.h"
#include "agent.h"
#include "arena.h"
#include "config.h"
#include "create.h"
#include "error.h"
#include "load.h"
#include "manifest.h"
#include "pg.h"
#include "report.h"
#include "room.h"
#include "store.h"

#include <string.h>

/* A little less than a week: the timer does not come to the second. */
#define EVERY (INT64_C(7) * 24 * 3600 - INT64_C(6) * 3600)

bool rehearse_due(const struct agent *a, const struct backup_list *l, int64_t now)
{
	const struct backup_config *c = &a->config->backup;

	if (!c->test_restore || !c->postgres.container)
		return false;
	for (size_t i = 0; i < l->n; i++) {
		int64_t age = now - l->v[i].started;

		/* One of the future was made by a wrong clock. */
		if (manifest_verified_by(&l->v[i], "restore") && age >= 0 && age < EVERY)
			return false;
	}
	return true;
}

static int restore_one(
	const struct load *l, const struct backup_file *f, const char *name, struct error *e)
{
	const struct load_item item = { f, name };
	/* Another name than any that the server is made with. */
	static const char into[] = "kbuild_rehearsal";
	int r = create_database(l, &item, into, e);

	if (r >= 0)
		r = load_database(l, &item, into, e);
	if (r >= 0)
		r = load_compare(l, &item, into, e);
	/* The next one wants the room. */
	return r < 0 ? r : pg_drop(l->pg, into, e);
}

static int restore_cluster(
	const struct load *l, const struct backup_file *f, struct arena *arena, struct error *e)
{
	const char *last = "";
	int r = 0;

	for (size_t i = 0; r >= 0 && i < f->n_tables; i++) {
		size_t n = strcspn(f->tables[i].name, ".");
		const char *name = arena_strndup(arena, f->tables[i].name, n);

		if (strcmp(name, last) == 0)
			continue;
		last = name;
		r = restore_one(l, f, name, e);
	}
	return r;
}

static int restore_all(const struct load *l, struct arena *arena, struct error *e)
{
	int r = load_roles(l, true, e);

	for (size_t i = 0; r >= 0 && i < l->m->n_files; i++) {
		const struct backup_file *f = &l->m->files[i];

		if (strcmp(f->kind, "database") == 0)
			r = restore_one(l, f, f->of, e);
		else if (strcmp(f->kind, "cluster") == 0)
			r = restore_cluster(l, f, arena, e);
	}
	return r;
}

/* Adds "restore" to what the manifest was verified by. */
static int note(int dir, struct manifest *m, struct error *e)
{
	const char *words[8] = { NULL };
	struct manifest noted = *m;
	size_t n = 0;
	int r;

	for (const char **v = m->verified; v && *v && n < ARRAY_SIZE(words) - 2; v++)
		words[n++] = *v;
	words[n] = "restore";
	noted.verified = words;
	r = store_update(dir, &noted, e);
	return r;
}

int rehearse(struct agent *a, int dir, struct manifest *m, const struct age_identity *witness,
	struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct error removing = { 0 };
	const struct backup_config *c = &a->config->backup;
	const struct pg live = { a, c->postgres.container, c->postgres.user };
	struct pg pg;
	const struct load load = { &pg, dir, m, witness, witness ? 1 : 0 };
	int r;

	if (!m->image)
		return error_set(
			e, ERR_FAILED, "nobody can tell which image the database's container runs");
	r = room_for_rehearsal(&live, m, e);
	if (r < 0)
		return error_prefix(e, "the test restore of backup %s", m->id);
	r = pg_throwaway(a, m->image, arena, &pg, e);
	if (r >= 0) {
		r = restore_all(&load, arena, e);
		if (pg_throwaway_remove(&pg, &removing) < 0)
			report(REPORT_WARNING,
				"the container of the test restore is still there: %s",
				removing.msg);
	}
	if (r >= 0)
		r = note(dir, m, e);
	return r < 0 ? error_prefix(e, "the test restore of backup %s", m->id) : 0;
}
