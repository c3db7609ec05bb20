/*
 * Services that are in the name spaces of another one (network_mode: service:NAME). When that one gets another
 * container, or the one it has starts again, they are left in what is gone: nobody reaches them, and they look well.
 * So whatever brings it up brings them up with it. They are stopped before: Compose makes anew what shares with another
 * container than it did, but leaves alone what shares with one that was only down.
 */
#include "deploy.h"
#include "engine.h"

#include <string.h>

/* What has ended is in no name space; nobody wants to have a migration done again because of where it was done. */
static bool lives(const struct containers *cs, const char *service)
{
	for (size_t i = 0; i < cs->n; i++)
		if (strcmp(cs->v[i].service, service) == 0 &&
			strcmp(cs->v[i].state, "exited") != 0 &&
			strcmp(cs->v[i].state, "dead") != 0)
			return true;
	return false;
}

const char **deploy_with_sharers(struct deploy *d, const struct plan *plan,
	const char *const *services, const struct containers *cs)
{
	const char **all = plan_with_sharers(plan, d->arena, services);
	size_t n = 0;

	for (size_t i = 0; all[i]; i++)
		if (plan_names(services, all[i]) || lives(cs, all[i]))
			all[n++] = all[i];
	all[n] = NULL;
	return all;
}

/* The one of these services whose name spaces it is in; NULL: of none. */
static const char *shared_with(const struct plan_service *s, const char *const *services)
{
	for (const char **name = s->shares; name && *name; name++)
		if (plan_names(services, *name))
			return *name;
	return NULL;
}

static int stop_sharers(struct deploy *d, const struct plan *plan, const char *const *services,
	const struct containers *cs, struct error *e)
{
	int r = 0;

	for (size_t i = 0; i < cs->n && r >= 0; i++) {
		const struct container *c = &cs->v[i];
		const struct plan_service *s = plan_find(plan, c->service);
		const char *with =
			s && plan_names(services, s->name) ? shared_with(s, services) : NULL;

		if (!with || strcmp(c->state, "created") == 0 || !lives(cs, s->name))
			continue;
		deploy_say(d, "up",
			"stopping %s, which is in the name spaces of %s, until that is there again",
			c->name, with);
		r = engine_stop(d->a, c->id, e);
	}
	return r;
}

int deploy_take_along(struct deploy *d, const struct plan *plan, const char *const *services,
	const char ***ret, struct error *e)
{
	struct containers cs = { 0 };
	bool shared = false;
	int r = 0;

	/* Most share nothing, and a look at the containers costs much. */
	for (size_t i = 0; i < plan->n; i++)
		shared = shared || plan->services[i].shares;
	if (shared)
		r = engine_ps(d->a, d->arena, &cs, e);
	if (r < 0)
		return r;
	*ret = deploy_with_sharers(d, plan, services, &cs);
	return stop_sharers(d, plan, *ret, &cs, e);
}
