/* What is found once in a run. */
#include "ovh_session.h"

#include "alloc.h"
#include "arena.h"
#include "error.h"
#include "ovh.h"
#include "prices.h"

#include <string.h>
#include <time.h>

int ovh_session_new(struct ovh_session **ret, const struct ovh_conf_ask *ask, bool keys,
	const struct http *http, const struct clock *clock, struct error *e)
{
	_cleanup_(ovh_session_freep) struct ovh_session *s = xcalloc(1, sizeof *s);
	int r;

	s->arena = arena_new();
	r = ovh_conf_read(&s->conf, ask, s->arena, e);
	if (r == 0 && keys)
		r = ovh_conf_check(&s->conf, e);
	if (r < 0)
		return r;
	s->signed_in = keys || ovh_conf_check(&s->conf, &(struct error){}) == 0;
	s->conf.keys.visitor = !s->signed_in;
	r = ovh_new(&s->api, &s->conf.keys, http, clock, e);
	if (r < 0)
		return r;
	s->native.api = s->api;
	*ret = TAKE(s);
	return 0;
}

void ovh_session_free(struct ovh_session *s)
{
	if (!s)
		return;
	if (s->api)
		ovh_free(s->api);
	arena_free(s->arena);
	free(s);
}

const char *ovh_session_agree(struct ovh_session *s, const char *project)
{
	const char *other = s->conf.project;

	s->conf.project = arena_strdup(s->arena, project);
	if (!other || strcmp(other, project) == 0)
		return NULL;
	return arena_printf(s->arena,
		"OpenStack is signed in to the project %s, so that OVH's own API is asked about it, and not about %s (%s)",
		project, other, s->conf.project_at.text ? s->conf.project_at.text : "ovh.conf");
}

int ovh_session_project(struct ovh_session *s, const struct native **ret, struct error *e)
{
	int r = 0;

	if (!s->native.project)
		r = project_choose(s->api, s->conf.project, s->arena, &s->native.project, e);
	*ret = &s->native;
	return r;
}

int ovh_session_flavors(
	struct ovh_session *s, const char *region, const struct ovh_flavors **ret, struct error *e)
{
	const struct native *n;
	int r = 0;

	if (!s->flavors.region || strcmp(s->flavors.region, region) != 0) {
		r = ovh_session_project(s, &n, e);
		if (r == 0)
			r = project_flavors(n, region, s->arena, &s->flavors, e);
	}
	*ret = &s->flavors;
	return r;
}

int ovh_session_prices(struct ovh_session *s, const char *cache_dir, const struct ovh_prices **ret,
	struct error *e)
{
	struct ovh_prices p;
	int r;

	if (!s->prices) {
		r = prices_read(&p, s->api, &s->conf, cache_dir, time(NULL), s->arena, e);
		if (r < 0)
			return r;
		s->prices = arena_alloc(s->arena, sizeof p);
		*s->prices = p;
	}
	*ret = s->prices;
	return 0;
}
