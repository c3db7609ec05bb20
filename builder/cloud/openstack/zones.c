/* Availability zones; see zones.h. */
#include "zones.h"

#include "arena.h"
#include "error.h"
#include "node.h"
#include "nova.h"
#include "os.h"
#include "reply.h"

#include <string.h>

int zones_read(const struct node *reply, struct arena *a, const char ***ret, struct error *e)
{
	struct zone {
		const char *name;
		const struct node *state;
	};
	static const struct field fields[] = {
		{ "zoneName", reply_text, offsetof(struct zone, name), FIELD_REQUIRED },
		{ "zoneState", field_node, offsetof(struct zone, state) },
		{},
	};
	const struct node *list = node_get(reply, "availabilityZoneInfo");
	const char **v;
	size_t n = 0;

	if (!list || list->kind != NODE_LIST) {
		error_set(e, ERR_NETWORK, "the reply's 'availabilityZoneInfo' must be a list");
		e->transient = false;
		return -e->code;
	}
	v = arena_alloc(a, (list->n + 1) * sizeof *v);
	for (size_t i = 0; i < list->n; i++) {
		struct zone z = {};
		bool available = true;
		int r = reply_read(list->items[i], "availabilityZoneInfo", fields, &z, a, e);

		if (r < 0)
			return r;
		(void)node_is_bool(node_get(z.state, "available"), &available);
		if (available && *z.name)
			v[n++] = z.name;
	}
	v[n] = NULL;
	*ret = v;
	return 0;
}

/* A service that does not tell has none that could be chosen. */
static int ask(struct os *o, enum os_service service, const char *region, struct arena *a,
	const char ***ret, struct error *e)
{
	struct os_query q = { .service = service,
		.region = region,
		.method = "GET",
		.path = "/os-availability-zone",
		.microversion = service == OS_COMPUTE ? NOVA_VERSION : NULL };
	struct node *reply = NULL;
	int r;

	*ret = arena_alloc(a, sizeof **ret);
	(*ret)[0] = NULL;
	r = os_call(o, &q, a, &reply, e);
	return r < 0 ? r : r > 0 ? 0 : zones_read(reply, a, ret, e);
}

bool zones_among(const char *zone, const char *const *v)
{
	while (*v && strcmp(*v, zone) != 0)
		v++;
	return *v;
}

int zones_look(struct os *o, const char *region, bool volumes, struct arena *a, struct zones *ret,
	struct error *e)
{
	const char **servers = NULL, **all = NULL, **both;
	size_t n = 0;
	int r = ask(o, OS_COMPUTE, region, a, &servers, e);

	if (r < 0)
		return r;
	while (servers[n])
		n++;
	both = arena_alloc(a, (n + 1) * sizeof *both);
	*ret = (struct zones){ .servers = servers, .common = both };
	/* A volume can be wherever the only zone is. */
	if (!volumes || n < 2)
		return 0;
	r = ask(o, OS_VOLUME, region, a, &all, e);
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (zones_among(servers[i], all))
			both[ret->n_common++] = servers[i];
	}
	return r;
}
