/*
 * Containers of services that a plan does not have: a service that was renamed or removed, or what somebody made by
 * hand. One that keeps data may be what another name keeps it under by now, and two of them on the same files
 * destroy those: it goes before anything comes up. All else goes after, so that nothing is missing meanwhile.
 */
#include "deploy.h"
#include "engine.h"
#include "error.h"

/* Where nobody knows, it may. */
bool deploy_may_keep_data(struct deploy *d, const char *service)
{
	const struct node *tables[] = { d->ledger.good.table, d->ledger.doing.to.table,
		d->ledger.previous.table };
	bool known = false;

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		struct error ignored = { 0 };
		const struct plan_service *s;
		struct plan plan;

		if (!tables[i] || plan_parse(tables[i], d->arena, &plan, &ignored) < 0)
			continue;
		s = plan_find(&plan, service);
		known = known || s;
		if (s && (s->stateful || s->database))
			return true;
	}
	return !known;
}

int deploy_remove_strangers(
	struct deploy *d, const struct plan *plan, enum strangers which, struct error *e)
{
	struct containers cs;
	int r = engine_ps(d->a, d->arena, &cs, e);

	for (size_t i = 0; r >= 0 && i < cs.n; i++) {
		const struct container *c = &cs.v[i];

		if (plan_find(plan, c->service) ||
			(which == STRANGERS_WITH_DATA && !deploy_may_keep_data(d, c->service)))
			continue;
		deploy_say(d, "up", "removing %s: the application has no service %s any more",
			c->name, c->service);
		r = engine_stop(d->a, c->id, e);
		if (r >= 0)
			r = engine_remove(d->a, c->id, e);
	}
	return r;
}
