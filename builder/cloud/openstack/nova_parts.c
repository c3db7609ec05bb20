/* Calls of Nova about key pairs, flavors and limits. */
#include "api.h"
#include "arena.h"
#include "body.h"
#include "error.h"
#include "node.h"
#include "nova.h"
#include "os.h"
#include "reply.h"

#include <stdlib.h>
#include <string.h>

static struct os_query query(const char *region, const char *method, const char *path)
{
	return (struct os_query){
		.service = OS_COMPUTE,
		.region = region,
		.method = method,
		.path = path,
		.microversion = NOVA_VERSION,
	};
}

/* {"keypair": {"name": …, "public_key": …}} */
int nova_key_read(const struct node *n, struct arena *a, struct nova_key *ret, struct error *e)
{
	static const struct field fields[] = {
		{ "name", reply_text, offsetof(struct nova_key, name), FIELD_REQUIRED },
		{ "public_key", field_string, offsetof(struct nova_key, public_key),
			FIELD_REQUIRED },
		{},
	};
	struct nova_key k = {};
	int r = reply_read(node_get(n, "keypair"), "keypair", fields, &k, a, e);

	if (r == 0)
		*ret = k;
	return r;
}

int nova_keys(struct os *o, const char *region, struct arena *a, struct nova_key **ret,
	size_t *ret_n, struct error *e)
{
	struct os_query q = query(region, "GET", "/os-keypairs");
	struct nova_key *v;
	struct node *list;
	int r = os_list(o, &q, "keypairs", a, &list, e);

	if (r < 0)
		return r;
	v = arena_alloc(a, (list->n + 1) * sizeof *v);
	for (size_t i = 0; i < list->n; i++) {
		r = nova_key_read(list->items[i], a, &v[i], e);
		if (r < 0)
			return r;
	}
	*ret = v;
	*ret_n = list->n;
	return 0;
}

int nova_key_import(
	struct os *o, const char *region, const char *name, const char *public_key, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct node *key = body_map(a), *reply = NULL;
	struct os_query q = query(region, "POST", "/os-keypairs");

	body_text(a, key, "name", name);
	body_text(a, key, "public_key", public_key);
	q.body = body_json(a, "keypair", key);
	return os_call(o, &q, a, &reply, e);
}

int nova_key_delete(struct os *o, const char *region, const char *name, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct os_query q =
		query(region, "DELETE", arena_printf(a, "/os-keypairs/%s", escaped(a, name)));
	struct node *reply = NULL;
	int r = os_call(o, &q, a, &reply, e);

	return r == OS_ABSENT ? r : api_plain(r, e);
}

int nova_flavor_read(
	const struct node *n, struct arena *a, struct nova_flavor *ret, struct error *e)
{
	static const struct field fields[] = {
		{ "id", reply_text, offsetof(struct nova_flavor, id), FIELD_REQUIRED },
		{ "name", reply_text, offsetof(struct nova_flavor, name), FIELD_REQUIRED },
		{ "vcpus", reply_number, offsetof(struct nova_flavor, vcpus), FIELD_REQUIRED },
		{ "ram", reply_number, offsetof(struct nova_flavor, ram), FIELD_REQUIRED },
		{ "disk", reply_number, offsetof(struct nova_flavor, disk), FIELD_REQUIRED },
		{},
	};
	struct nova_flavor f = {};
	int r = reply_read(n, "flavor", fields, &f, a, e);

	if (r == 0)
		*ret = f;
	return r;
}

static int smaller_first(const void *va, const void *vb)
{
	const struct nova_flavor *a = va, *b = vb;

	if (a->ram != b->ram)
		return a->ram < b->ram ? -1 : 1;
	if (a->vcpus != b->vcpus)
		return a->vcpus < b->vcpus ? -1 : 1;
	return strcmp(a->name, b->name);
}

int nova_flavors(struct os *o, const char *region, struct arena *a, struct nova_flavor **ret,
	size_t *ret_n, struct error *e)
{
	struct os_query q = query(region, "GET", "/flavors/detail?limit=1000");
	struct nova_flavor *v;
	struct node *list;
	int r = os_list(o, &q, "flavors", a, &list, e);

	if (r < 0)
		return r;
	v = arena_alloc(a, (list->n + 1) * sizeof *v);
	for (size_t i = 0; i < list->n; i++) {
		r = nova_flavor_read(list->items[i], a, &v[i], e);
		if (r < 0)
			return r;
	}
	qsort(v, list->n, sizeof *v, smaller_first);
	*ret = v;
	*ret_n = list->n;
	return 0;
}

int nova_limits_read(
	const struct node *reply, struct arena *a, struct nova_limits *ret, struct error *e)
{
	static const struct field fields[] = {
		{ "maxTotalInstances", reply_number, offsetof(struct nova_limits, max_servers) },
		{ "totalInstancesUsed", reply_number, offsetof(struct nova_limits, servers) },
		{ "maxTotalCores", reply_number, offsetof(struct nova_limits, max_cores) },
		{ "totalCoresUsed", reply_number, offsetof(struct nova_limits, cores) },
		{ "maxTotalRAMSize", reply_number, offsetof(struct nova_limits, max_ram) },
		{ "totalRAMUsed", reply_number, offsetof(struct nova_limits, ram) },
		{ "maxTotalKeypairs", reply_number, offsetof(struct nova_limits, max_keys) },
		{},
	};
	struct nova_limits l = {
		.max_servers = -1, .max_cores = -1, .max_ram = -1, .max_keys = -1
	};
	int r = reply_read(
		node_path(reply, "limits.absolute"), "limits.absolute", fields, &l, a, e);

	if (r == 0)
		*ret = l;
	return r;
}

int nova_limits(
	struct os *o, const char *region, struct arena *a, struct nova_limits *ret, struct error *e)
{
	struct os_query q = query(region, "GET", "/limits");
	struct node *reply = NULL;
	int r = os_must(o, &q, a, &reply, e);

	return r < 0 ? r : nova_limits_read(reply, a, ret, e);
}
