/* Whether the project may have what is not there yet: asked before anything is made. */
#include "launching.h"

#include "arena.h"
#include "error.h"

#include <inttypes.h>
#include <string.h>

struct need {
	const char *what, *unit;
	int64_t max, used, more;
};

/* The numbers are a service's. */
static int64_t times(int64_t n, int64_t each)
{
	int64_t r;

	return __builtin_mul_overflow(n, each, &r) ? INT64_MAX : r;
}

static int64_t less(int64_t all, int64_t part)
{
	int64_t r;

	return __builtin_sub_overflow(all, part, &r) ? 0 : r;
}

static bool is_room(const struct need *v)
{
	int64_t sum;

	return v->max < 0 || v->more == 0 ||
	       (!__builtin_add_overflow(v->used, v->more, &sum) && sum <= v->max);
}

static void compare(struct launching *l, const struct need *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (is_room(&v[i]))
			continue;
		launch_wrong(l, "quota", v[i].what,
			"%" PRId64 " of %" PRId64 "%s are used in %s, and %" PRId64
			" more are needed: remove something, or ask %s for a larger quota",
			v[i].used, v[i].max, v[i].unit, l->region, v[i].more, l->row->hooks->title);
	}
}

/* How many servers are to be made, and what is counted as used and goes before it is needed. */
struct room {
	int64_t n;
	int64_t servers, cores, ram, ports; /* of those that are replaced */
};

/* broken: what is replaced by it, or NULL. One that is gone may still be listed, and is counted nowhere. */
static void add_one(struct room *m, const struct nova_server *broken)
{
	m->n++;
	if (!broken || strcmp(broken->status, "DELETED") == 0)
		return;
	m->servers++;
	m->cores += broken->vcpus;
	m->ram += broken->ram;
	m->ports += broken->n_addresses > 0;
}

/* This one, and of those that will follow it the ones that are not there. */
static int look_room(struct launching *l, struct room *ret, struct error *e)
{
	const char *const *names = l->q->following;
	struct nova_server *v;
	size_t n;
	int r;

	*ret = (struct room){};
	add_one(ret, l->server);
	if (!names || !*names)
		return 0;
	r = nova_servers(l->os, l->region, NULL, l->a, &v, &n, e);
	for (; r == 0 && *names; names++) {
		const struct nova_server *s = row_ours(v, n, *names);

		if (!s || launch_is_broken(s))
			add_one(ret, s);
	}
	return r;
}

static int compare_compute(struct launching *l, const struct room *m, struct error *e)
{
	struct nova_limits c;
	int r = nova_limits(l->os, l->region, l->a, &c, e);

	if (r < 0)
		return r;
	compare(l,
		(const struct need[]){
			{ "servers", "", c.max_servers, c.servers - m->servers, m->n },
			{ "cores", "", c.max_cores, less(c.cores, m->cores),
				times(m->n, l->flavor->vcpus) },
			{ "memory", " MiB", c.max_ram, less(c.ram, m->ram),
				times(m->n, l->flavor->ram) },
			{ "key pairs", "", c.max_keys, (int64_t)l->n_keys,
				l->q->key      ? 0
				: l->key_there ? m->n - 1
					       : m->n },
		},
		4);
	return 0;
}

static int compare_network(struct launching *l, const struct room *m, struct error *e)
{
	int64_t groups = m->n - (l->group ? 1 : 0);
	struct neutron_rule *rules;
	size_t n_allow, n_rules;
	const struct port_allow *allow = launch_allow(l->q, &n_allow);
	struct neutron_limits n;
	int r = neutron_limits(l->os, l->region, l->a, &n, e);

	if (r < 0)
		return r;
	neutron_wanted(allow, n_allow, l->a, &rules, &n_rules);
	compare(l,
		(const struct need[]){
			{ "ports", "", n.max_ports, n.ports - m->ports, m->n },
			{ "security groups", "", n.max_groups, n.groups, groups },
			/* Two that let everything out come with each group. */
			{ "security group rules", "", n.max_rules, n.rules,
				groups * (2 + (int64_t)n_rules) },
		},
		3);
	return 0;
}

static int compare_volumes(struct launching *l, const struct room *m, struct error *e)
{
	int64_t n = m->n - (l->volume ? 1 : 0);
	struct cinder_limits c;
	int r = n > 0 ? cinder_limits(l->os, l->region, l->a, &c, e) : 0;

	if (r < 0 || n == 0)
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
	struct room m;
	int r;

	if (l->server && !l->broken)
		return 0; /* it has what it needs */
	r = look_room(l, &m, e);
	if (r == 0 && l->flavor)
		r = compare_compute(l, &m, e);
	if (r == 0)
		r = compare_network(l, &m, e);
	return r == 0 && l->q->volume_size ? compare_volumes(l, &m, e) : r;
}
