/*
 * Images and plans are kept while a revision that may be gone back to needs them: the good one, the one
 * before, and the one in hand. All others go; docker itself keeps what a container uses.
 */
#include "arena.h"
#include "client.h"
#include "deploy.h"
#include "engine.h"
#include "node.h"

#include <string.h>

struct digests {
	const char **v;
	size_t n;
};

static size_t count(const struct node *table)
{
	const struct node *list = node_get(table, "services");

	return list ? list->n : 0;
}

/* "NAME@sha256:…" and "sha256:…" alike give the digest. */
static void add(struct digests *ds, const struct node *table)
{
	const struct node *list = node_get(table, "services");

	for (size_t i = 0; list && i < list->n; i++) {
		const char *image = node_str(node_get(list->items[i], "image"));
		const char *digest = image ? strstr(image, "sha256:") : NULL;

		if (digest)
			ds->v[ds->n++] = digest;
	}
}

/* What was left running for somebody to look at: its containers have their files from there. */
static const struct revision *left(const struct deploy *d)
{
	static const struct revision none;

	return d->ledger.needs_human ? &d->ledger.left : &none;
}

int deploy_prune(struct deploy *d, const struct node *table, struct error *e)
{
	const struct node *tables[] = { table, d->ledger.good.table, d->ledger.previous.table,
		d->ledger.doing.to.table, left(d)->table };
	const char *const kept[] = { d->ledger.good.plan, d->ledger.previous.plan,
		d->ledger.doing.to.plan, left(d)->plan };
	const char *plans[ARRAY_SIZE(kept) + 1] = { NULL };
	struct digests ds = { 0 };
	size_t n = 1, n_plans = 0;

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		n += count(tables[i]);
	ds.v = arena_alloc(d->arena, n * sizeof *ds.v);
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		add(&ds, tables[i]);
	/* The plan in hand is young, and the broker keeps what is. */
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		if (kept[i])
			plans[n_plans++] = kept[i];
	}
	return engine_prune(d->a, ds.v, plans, e);
}

int deploy_prune_releases(struct deploy *d, struct error *e)
{
	const struct ledger *l = &d->ledger;
	const char *const known[] = { l->good.sha, l->previous.sha, l->doing.to.sha, left(d)->sha };
	const char *keep[ARRAY_SIZE(known) + 1] = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i])
			keep[n++] = known[i];
	return repo_gc(d->a, keep, e);
}
