/* Whether the project may have one more of each: asked before anything is made. */
#include "launching.h"

#include "arena.h"
#include "error.h"

#include <inttypes.h>

struct need {
	const char *what, *unit;
	int64_t max, used, more;
};

static void compare(struct launching *l, const struct need *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (v[i].max < 0 || v[i].more == 0 || v[i].used + v[i].more <= v[i].max)
			continue;
		launch_wrong(l, "quota", v[i].what,
			"%" PRId64 " of %" PRId64 "%s are used in %s, and %" PRId64
			" more are needed: remove something, or ask %s for a larger quota",
			v[i].used, v[i].max, v[i].unit, l->region, v[i].more, l->row->hooks->title);
	}
}

static int compare_compute(struct launching *l, struct error *e)
{
	int64_t n = 1 + (int64_t)l->q->count;
	struct nova_limits c;
	int r = nova_limits(l->os, l->region, l->a, &c, e);

	if (r < 0)
		return r;
	compare(l,
		(const struct need[]){
			{ "servers", "", c.max_servers, c.servers, n },
			{ "cores", "", c.max_cores, c.cores, n * l->flavor->vcpus },
			{ "memory", " MiB", c.max_ram, c.ram, n * l->flavor->ram },
			{ "key pairs", "", c.max_keys, (int64_t)l->n_keys,
				l->q->key      ? 0
				: l->key_there ? n - 1
					       : n },
		},
		4);
	return 0;
}

static int compare_network(struct launching *l, struct error *e)
{
	int64_t count = 1 + (int64_t)l->q->count, groups = count - (l->group ? 1 : 0);
	size_t allow = 0;
	struct neutron_limits n;
	int r = neutron_limits(l->os, l->region, l->a, &n, e);

	if (r < 0)
		return r;
	(void)launch_allow(l->q, &allow);
	compare(l,
		(const struct need[]){
			{ "ports", "", n.max_ports, n.ports, count },
			{ "security groups", "", n.max_groups, n.groups, groups },
			/* Two that let everything out come with each group. */
			{ "security group rules", "", n.max_rules, n.rules,
				groups * (2 + 2 * (int64_t)allow) },
		},
		3);
	return 0;
}

static int compare_volumes(struct launching *l, struct error *e)
{
	int64_t n = 1 + (int64_t)l->q->count - (l->volume ? 1 : 0);
	struct cinder_limits c;
	int r = cinder_limits(l->os, l->region, l->a, &c, e);

	if (r < 0)
		return r;
	compare(l,
		(const struct need[]){
			{ "volumes", "", c.max_volumes, c.volumes, n },
			{ "volume storage", " GiB", c.max_gib, c.gib,
				n * (int64_t)(l->q->volume_size / GIB) },
		},
		2);
	return 0;
}

int look_quota(struct launching *l, struct error *e)
{
	int r = 0;

	if (l->server && !l->broken)
		return 0; /* it has what it needs */
	if (l->flavor)
		r = compare_compute(l, e);
	if (r == 0)
		r = compare_network(l, e);
	if (r == 0 && l->q->volume_size && (!l->volume || l->q->count))
		r = compare_volumes(l, e);
	return r;
}
