/*
 * Answers of OVH's native API about a project, as anybody could write them: the first byte of each piece
 * chooses a status, the rest up to a NUL is the body. Every reader ends, what fails has words, and what is
 * read holds what its header promises.
 */
#include "arena.h"
#include "buf.h"
#include "carbon.h"
#include "clock.h"
#include "consumer_key.h"
#include "error.h"
#include "http.h"
#include "node.h"
#include "os.h"
#include "ovh.h"
#include "ovh_conf.h"
#include "prices.h"
#include "project.h"
#include "provider.h"
#include "rights.h"

#include "script.h"

#include <string.h>

static const long statuses[] = { 200, 200, 200, 200, 200, 204, 400, 403, 404, 409, 429, 503 };

static bool words(int r, struct error *e)
{
	bool failed = r < 0;

	if (failed && (e->code != -r || !*e->msg))
		abort();
	*e = (struct error){ 0 };
	return !failed;
}

static void use_flavors(const struct ovh_flavors *all, struct error *e)
{
	const struct ovh_flavor *f;

	for (size_t i = 0; i < all->n; i++) {
		if (!all->v[i].id || !all->v[i].name || !all->v[i].region || all->v[i].ram < 0)
			abort();
		carbon_month(all->v[i].region, all->v[i].vcpus);
	}
	words(flavor_pick(all, "d2-2", &f, e), e);
}

static void use_prices(const struct node *answer, struct arena *a, struct error *e)
{
	const struct ovh_flavor f = { .hourly = "d2-2.consumption" };
	struct cloud_cost cost = { 0 };
	struct ovh_prices p;

	if (!words(prices_of_catalogue(&p, answer, "FR", 0, a, e), e))
		return;
	if (!p.currency)
		abort();
	prices_cost(&p, &f, "region", "classic", 20, &cost);
	if (cost.currency && (cost.server < 0 || cost.volume < 0))
		abort();
}

static void use_project(const struct native *n, struct arena *a)
{
	struct ovh_project project;
	struct ovh_region region;
	struct ovh_flavors all;
	struct ovh_image *images;
	struct ovh_quota q;
	const char **names, *name;
	struct error e = { 0 };
	size_t count;

	if (words(project_choose(n->api, NULL, a, &name, &e), &e) && !*name)
		abort();
	if (words(project_read(n, a, &project, &e), &e) && (!project.id || !project.status))
		abort();
	words(project_regions(n, a, &names, &e), &e);
	words(project_regions_available(n, a, &names, &e), &e);
	if (words(project_region(n, "GRA11", REGION_SERVERS | REGION_IMAGES, a, &region, &e), &e) &&
		!region.name)
		abort();
	if (words(project_flavors(n, "GRA11", a, &all, &e), &e))
		use_flavors(&all, &e);
	if (words(project_quota(n, "GRA11", a, &q, &e), &e) && limit_left(&q.instances) < 0)
		abort();
	words(project_images(n, "GRA11", a, &images, &count, &e), &e);
}

static void use_rest(
	struct ovh *api, const struct http *http, const struct clock *clock, struct arena *a)
{
	static const struct ovh_conf conf = {
		.section = "ovh-eu",
		.keys = { .application_key = "a", .application_secret = "b" },
	};
	const struct login l = { &conf, NULL, NULL, http, clock, NULL };
	const struct ovh_query q = { .method = "GET", .path = "/x" };
	struct login_key key = { 0 };
	struct node *answer = NULL;
	struct error e = { 0 };

	if (words(login_request(&l, a, &key, &e), &e))
		words(login_wait(&l, 60000, a, &key, &e), &e);
	if (words(ovh_must(api, &q, a, &answer, &e), &e)) {
		ovh_rules_allow(answer, "GET", "/cloud/project/p1/region");
		use_prices(answer, a, &e);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ovh_keys keys = { .access_token = "token" };
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_(ovh_freep) struct ovh *api = NULL;
	struct script s = { data, size, statuses, ARRAY_SIZE(statuses), NULL, 0 };
	const struct http http = script_http(&s);
	const struct clock clock = script_clock(&s);
	struct error e = { 0 };

	if (ovh_new(&api, &keys, &http, &clock, &e) < 0)
		abort();
	if (size % 3 == 0) { /* so that the later ones see the first bytes, too */
		use_rest(api, &http, &clock, a);
		use_project(&(struct native){ api, "p1" }, a);
	} else {
		use_project(&(struct native){ api, "p1" }, a);
		use_rest(api, &http, &clock, a);
	}
	return 0;
}
