/*
 * A plan where there is nobody yet to sign in as. The cloud's own API may still know the region, the flavor and what
 * they cost; of OpenStack nothing is known, and a plan makes nothing, so that it cannot be.
 */
#include "arena.h"
#include "error.h"
#include "launching.h"
#include "nova.h"
#include "plan.h"

#include <inttypes.h>

static int add_flavor(struct launching *l, struct plan *p, struct error *e)
{
	struct error why = {};
	const char *name = l->q->flavor;
	int f = 0;

	if (!name)
		plan_add(p, l->a, PLAN_WRONG, "flavor", NULL,
			"say which: --flavor, or kbuild.server.flavor of the definition");
	else if (l->row->hooks->check_flavor)
		f = l->row->hooks->check_flavor(l->row, l->region, name, &why);
	if (f == 0)
		return 0;
	if (why.code == ERR_INTERRUPTED || why.code == ERR_NETWORK) {
		*e = why;
		return f;
	}
	plan_add(p, l->a, PLAN_WRONG, "flavor", name, arena_strdup(l->a, why.msg));
	return 0;
}

static void add_items(const struct launching *l, struct plan *p)
{
	const struct launch_request *q = l->q;
	const char *tag = row_tag(l->a, q->name);

	plan_add(p, l->a, PLAN_MAKE, "image", q->definition, NULL);
	if (!q->key)
		plan_add(
			p, l->a, PLAN_MAKE, "key pair", NULL, NULL); /* named by the project, too */
	plan_add(p, l->a, PLAN_MAKE, "security group", tag, NULL);
	if (q->volume_size)
		plan_add(p, l->a, PLAN_MAKE, "data volume", tag,
			arena_printf(l->a, "%" PRIu64 " GiB", q->volume_size / GIB));
	if (q->flavor)
		plan_add(p, l->a, PLAN_MAKE, "server", q->name, q->flavor);
}

int row_foresee(struct row *r, const struct launch_request *q, struct arena *a, struct plan *ret,
	struct error *e)
{
	const struct nova_flavor flavor = { .name = q->flavor };
	struct launching l = { .row = r,
		.q = q,
		.a = a,
		.region = q->region	    ? q->region
			  : r->cloud.region ? r->cloud.region
					    : r->access.region,
		.flavor = q->flavor ? &flavor : NULL };
	const size_t from = ret->n;
	int f = 0;

	if (!l.region)
		return error_set(e, ERR_USAGE,
			"say which region: --region, or kbuild.server.region of the definition");
	ret->region = l.region;
	if (r->hooks->check_region)
		f = r->hooks->check_region(r, l.region, true, e);
	if (f < 0)
		return f;
	if (plan_count(ret, PLAN_MAKE) == 0) /* once, of several servers */
		plan_add(ret, a, PLAN_MAKE, "OpenStack user", r->no_user,
			"of the project, for this machine; what else is there already is known only with it");
	f = add_flavor(&l, ret, e);
	if (f < 0)
		return f;
	add_items(&l, ret);
	return launch_add_prices(&l, ret, from, e);
}
