/* What can be had in a region: flavors, and how much of everything is left. */
#include "arena.h"
#include "error.h"
#include "mark.h"
#include "native_reply.h"
#include "node.h"
#include "project.h"
#include "reply.h"

#include <string.h>

static const struct field plan_fields[] = {
	{ "hourly", reply_text, offsetof(struct ovh_flavor, hourly) },
	{ "monthly", reply_text, offsetof(struct ovh_flavor, monthly) },
	{},
};

static const struct field flavor_fields[] = {
	{ "id", reply_word, offsetof(struct ovh_flavor, id), FIELD_REQUIRED },
	{ "name", reply_word, offsetof(struct ovh_flavor, name), FIELD_REQUIRED },
	{ "region", reply_word, offsetof(struct ovh_flavor, region), FIELD_REQUIRED },
	{ "osType", reply_text, offsetof(struct ovh_flavor, os) },
	{ "ram", field_int, offsetof(struct ovh_flavor, ram), FIELD_REQUIRED },
	{ "disk", field_int, offsetof(struct ovh_flavor, disk), FIELD_REQUIRED },
	{ "vcpus", field_int, offsetof(struct ovh_flavor, vcpus), FIELD_REQUIRED },
	{ "available", field_bool, offsetof(struct ovh_flavor, available), FIELD_REQUIRED },
	{ "quota", reply_number, offsetof(struct ovh_flavor, quota) },
	{ "planCodes", field_map, 0, 0, plan_fields },
	{},
};

int project_flavors(const struct native *n, const char *region, struct arena *a,
	struct ovh_flavors *ret, struct error *e)
{
	struct ovh_flavors all = { .region = arena_strdup(a, region) };
	struct node *answer;
	int r = native_list(n, native_part("/flavor?region=", region, a), a, &answer, e);

	if (r < 0)
		return r;
	all.v = arena_alloc(a, (answer->n + 1) * sizeof *all.v);
	for (size_t i = 0; i < answer->n; i++) {
		struct ovh_flavor *f = &all.v[all.n];

		*f = (struct ovh_flavor){ .quota = -1 };
		r = reply_read(answer->items[i], "flavor", flavor_fields, f, a, e);
		if (r < 0)
			return r;
		all.n += (!f->os || strcmp(f->os, "linux") == 0) && strcmp(f->region, region) == 0;
	}
	*ret = all;
	return 0;
}

const struct ovh_flavor *flavor_find(const struct ovh_flavors *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++) {
		if (strcmp(f->v[i].name, name) == 0 || strcmp(f->v[i].id, name) == 0)
			return &f->v[i];
	}
	return NULL;
}

static int no_such_flavor(const struct ovh_flavors *f, const char *name, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const char **names = arena_alloc(a, (f->n + 1) * sizeof *names), *near;

	for (size_t i = 0; i < f->n; i++)
		names[i] = f->v[i].name;
	near = nearest_word(name, names);
	error_set(e, ERR_FAILED, "there is no flavor '%s' in the region %s", name, f->region);
	if (near)
		return error_append(e, "; did you mean '%s'?", near);
	error_append(e, "; available are: ");
	for (size_t i = 0, said = 0; i < f->n; i++) {
		if (f->v[i].available && f->v[i].quota != 0)
			error_append(e, "%s%s", said++ ? ", " : "", f->v[i].name);
	}
	return -e->code;
}

int flavor_pick(const struct ovh_flavors *f, const char *name, const struct ovh_flavor **ret,
	struct error *e)
{
	const struct ovh_flavor *found = flavor_find(f, name);

	if (!found)
		return no_such_flavor(f, name, e);
	if (!found->available)
		return error_set(e, ERR_FAILED,
			"the flavor '%s' is sold out in the region %s: choose another flavor or region",
			found->name, f->region);
	if (found->quota == 0)
		return error_set(e, ERR_FAILED,
			"the project's quota leaves no server of flavor '%s' in the region %s: raise "
			"it in the web console (Public Cloud, 'Quota and Regions'), or remove one",
			found->name, f->region);
	*ret = found;
	return 0;
}

#define LIMIT(member) offsetof(struct ovh_quota, member)

static const struct field instance_fields[] = {
	{ "maxInstances", reply_number, LIMIT(instances.max) },
	{ "usedInstances", reply_number, LIMIT(instances.used) },
	{ "maxCores", reply_number, LIMIT(cores.max) },
	{ "usedCores", reply_number, LIMIT(cores.used) },
	{ "maxRam", reply_number, LIMIT(ram.max) },
	{ "usedRAM", reply_number, LIMIT(ram.used) },
	{},
};

static const struct field volume_fields[] = {
	{ "maxVolumeCount", reply_number, LIMIT(volumes.max) },
	{ "volumeCount", reply_number, LIMIT(volumes.used) },
	{ "maxGigabytes", reply_number, LIMIT(gigabytes.max) },
	{ "usedGigabytes", reply_number, LIMIT(gigabytes.used) },
	{},
};

static const struct field network_fields[] = {
	{ "maxNetworks", reply_number, LIMIT(networks.max) },
	{ "usedNetworks", reply_number, LIMIT(networks.used) },
	{ "maxFloatingIPs", reply_number, LIMIT(floating_ips.max) },
	{ "usedFloatingIPs", reply_number, LIMIT(floating_ips.used) },
	{},
};

static const struct field keypair_fields[] = {
	{ "maxCount", reply_number, LIMIT(key_pairs.max) },
	{},
};

/* A part that a region does not have is null. */
static const struct field quota_fields[] = {
	{ "region", reply_word, offsetof(struct ovh_quota, region), FIELD_REQUIRED },
	{ "instance", field_map, 0, 0, instance_fields },
	{ "volume", field_map, 0, 0, volume_fields },
	{ "network", field_map, 0, 0, network_fields },
	{ "keypair", field_map, 0, 0, keypair_fields },
	{},
};

int project_quota(const struct native *n, const char *region, struct arena *a,
	struct ovh_quota *ret, struct error *e)
{
	static const struct ovh_limit unknown = { .max = -1 };
	const char *path = arena_printf(a, "%s/quota", native_part("/region/", region, a));
	struct ovh_quota q = { NULL, unknown, unknown, unknown, unknown, unknown, unknown, unknown,
		unknown };
	struct node *answer;
	int r = native_get(n, path, a, &answer, e);

	if (r != 0)
		return -e->code;
	r = reply_read(answer, "quota", quota_fields, &q, a, e);
	if (r == 0)
		*ret = q;
	return r;
}

int64_t limit_left(const struct ovh_limit *l)
{
	if (l->max < 0)
		return INT64_MAX;
	return l->used >= l->max ? 0 : l->max - MAX(l->used, 0);
}
