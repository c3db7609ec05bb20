/*
 * The table of a launch's steps, and the survey that walks it only looking: for check() and plan().
 */
#include "arena.h"
#include "clock.h"
#include "digest.h"
#include "error.h"
#include "launching.h"
#include "os.h"
#include "plan.h"

#include <inttypes.h>

static bool wants_volume(const struct launching *l)
{
	return l->q->volume_size > 0;
}

static bool wants_zone(const struct launching *l)
{
	return l->q->zone || wants_volume(l);
}

static bool wants_group(const struct launching *l)
{
	return !l->network || l->network->port_security;
}

static bool is_whole(const struct launching *l)
{
	return !l->broken;
}

static bool has_server(const struct launching *l)
{
	return l->server;
}

static bool has_image(const struct launching *l)
{
	return l->image;
}

static bool has_key(const struct launching *l)
{
	return l->key_there && !l->key_stale;
}

static bool has_group(const struct launching *l)
{
	return l->group;
}

static bool has_rules(const struct launching *l)
{
	struct neutron_rule *missing;
	const char **extra;

	return l->rules_made ||
	       (launch_missing_rules(l, &missing) == 0 && launch_extra_rules(l, &extra) == 0);
}

static bool has_volume(const struct launching *l)
{
	return l->volume;
}

const struct launch_step launch_steps[] = {
	{ "old server", .look = look_server, .show = show_server, .there = is_whole,
		.make = replace_broken },
	{ "flavor", launch_makes_server, look_flavor, show_flavor },
	{ "network", .look = look_network, .show = show_network },
	{ "image", launch_makes_server, look_image, show_image, has_image, make_image, look_image },
	{ "key pair", launch_makes_server, look_key, show_key, has_key, make_key, look_key },
	{ "security group", wants_group, look_group, show_group, has_group, make_group, look_group,
		.twice = true },
	{ "firewall rules", wants_group, .there = has_rules, .make = make_rules,
		.again = look_group },
	{ "data volume", wants_volume, look_volume, show_volume, has_volume, make_volume,
		look_volume, wait_volume, .twice = true },
	{ "zone", wants_zone, look_zone, show_zone },
	{ "quota", launch_makes_server, look_quota },
	{ "server", .there = has_server, .make = make_server, .again = look_server,
		.wait = wait_server, .twice = true },
	{ "attachment", wants_volume, .there = is_attached, .make = attach_volume,
		.again = look_attached, .wait = wait_attached },
};
const size_t launch_n_steps = ARRAY_SIZE(launch_steps);

/* Requests with equal digests mean the same server. NULL: the image is not known yet. */
const char *launch_intent(const struct launching *l)
{
	const struct launch_request *q = l->q;
	const char *data = q->user_data_intent ? q->user_data_intent : q->user_data;
	_cleanup_(sha256_freep) struct sha256 *h = NULL;
	char *hex;

	if (!q->image_digest)
		return NULL;
	h = sha256_new();
	hex = arena_alloc(l->a, SHA256_HEX);
	sha256_adds(h, q->image_digest);
	sha256_adds(h, data ? data : "");
	sha256_adds(h, q->flavor ? q->flavor : "");
	sha256_adds(h, q->network ? q->network : "");
	sha256_adds(h, q->key ? q->key : "");
	sha256_adds(h, arena_printf(l->a, "%" PRIu64, q->volume_size));
	for (size_t i = 0; q->ssh_keys && q->ssh_keys[i]; i++)
		sha256_adds(h, q->ssh_keys[i]);
	if (q->zone)
		sha256_adds(h, q->zone);
	sha256_end(h, hex);
	return hex;
}

int launch_survey(struct row *row, const struct launch_request *q, struct arena *a,
	struct plan *plan, struct launching **ret, struct error *e)
{
	struct launching *l = arena_alloc(a, sizeof *l);
	struct launch_request *own = arena_alloc(a, sizeof *own);
	int r = row_region(row, OS_COMPUTE, q->region, &l->region, e);

	*own = *q;
	*l = (struct launching){ .row = row, .q = own, .a = a, .region = l->region, .plan = plan };
	if (r == 0)
		r = row_os(row, &l->os, e);
	if (r == 0 && row->hooks->check_region)
		r = row->hooks->check_region(row, l->region, true, e);
	if (r < 0)
		return r;
	l->tag = row_tag(a, q->name);
	l->directory = row_directory(row, l->region, q->name, a);
	l->intent = launch_intent(l);
	l->looked = clock_now_ms(row->cloud.clock);
	plan->region = l->region;
	for (size_t i = 0; i < launch_n_steps && r == 0; i++) {
		const struct launch_step *s = &launch_steps[i];

		if (s->wanted && !s->wanted(l))
			continue;
		r = s->look ? s->look(l, e) : 0;
		if (r == 0 && s->show)
			s->show(l);
	}
	*ret = l;
	return r;
}

/* All that is wrong, in one error. */
int launch_wrong_items(const struct plan *p, struct error *e)
{
	bool first = true;

	for (size_t i = 0; i < p->n; i++) {
		const struct plan_item *t = &p->items[i];

		if (t->state != PLAN_WRONG)
			continue;
		if (first)
			error_set(e, ERR_FAILED, "%s%s%s%s: %s", t->what, t->name ? " '" : "",
				t->name ? t->name : "", t->name ? "'" : "", t->detail);
		else
			error_append(e, "\n%s%s%s%s: %s", t->what, t->name ? " '" : "",
				t->name ? t->name : "", t->name ? "'" : "", t->detail);
		first = false;
	}
	return first ? 0 : -e->code;
}

void launch_forget(struct row *row)
{
	if (row->launching && row->launching->poll)
		arena_free(row->launching->poll);
	if (row->survey)
		arena_free(row->survey);
	row->survey = NULL;
	row->launching = NULL;
}

int row_check(const struct cloud *c, const struct launch_request *q, struct error *e)
{
	struct row *row = row_of(c);
	struct plan *plan;
	int r;

	launch_forget(row);
	row->survey = arena_new();
	plan = arena_alloc(row->survey, sizeof *plan);
	r = launch_survey(row, q, row->survey, plan, &row->launching, e);
	if (r == 0)
		r = launch_wrong_items(plan, e);
	if (r < 0)
		launch_forget(row);
	return r;
}

int row_plan(const struct cloud *c, const struct launch_request *q, struct arena *a,
	struct plan *ret, struct error *e)
{
	size_t from = ret->n; /* what is before it is of other servers */
	struct launching *l;
	int r;

	row_of(c)->looks = true;
	r = launch_survey(row_of(c), q, a, ret, &l, e);
	if (r < 0 && row_of(c)->no_user)
		return row_foresee(row_of(c), q, a, ret, e);
	if (r < 0)
		return r;
	if (plan_count(ret, PLAN_WRONG) == 0) {
		const struct nova_flavor *f = l->flavor;

		if (l->server && !l->broken)
			plan_add(ret, a, PLAN_THERE, "server", q->name,
				!l->server->tag_settled
					? row_has_long_run(l->server)
						  ? "it runs: a launch looks at its answer"
						  : "still starting: a launch goes on with it"
				: l->intent ? "it runs: a launch has nothing to do"
					    : launch_is_there(q));
		else if (f)
			plan_add(ret, a, PLAN_MAKE, "server", q->name,
				arena_printf(a,
					"%s: %" PRId64 " CPUs, %" PRId64 " MiB, disk %" PRId64
					" GiB",
					f->name, f->vcpus, f->ram, f->disk));
	}
	return launch_add_prices(l, ret, from, e);
}
