/* What Nova, Neutron and Cinder answer: one reply is read as each of them would be. */
#include "arena.h"
#include "cinder.h"
#include "error.h"
#include "json.h"
#include "neutron.h"
#include "node.h"
#include "nova.h"
#include "zones.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ids become parts of paths; what fails is the server's fault. */
static void judge(int r, const char *id, const struct error *e)
{
	if (r == 0 && (!id || !*id || strpbrk(id, "/?#%\r\n ")))
		abort();
	if (r < 0 && e->code != ERR_NETWORK)
		abort();
}

static void read_one(const struct node *n)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct nova_server server = {};
	struct nova_flavor flavor = {};
	struct nova_key key = {};
	struct nova_limits limits = {};
	struct neutron_network network = {};
	struct neutron_group group = {};
	struct neutron_limits quota = {};
	struct cinder_volume volume = {};
	struct cinder_limits volumes = {};
	const char **zones = NULL;
	struct error e = {};
	int r;

	r = nova_server_read(n, a, &server, &e);
	judge(r, server.id, &e);
	r = neutron_network_read(n, a, &network, &e);
	judge(r, network.id, &e);
	r = neutron_group_read(n, a, &group, &e);
	judge(r, group.id, &e);
	r = cinder_volume_read(n, a, &volume, &e);
	judge(r, volume.id, &e);
	(void)nova_flavor_read(n, a, &flavor, &e);
	(void)nova_key_read(n, a, &key, &e);
	(void)nova_limits_read(n, a, &limits, &e);
	(void)neutron_limits_read(n, a, &quota, &e);
	(void)cinder_limits_read(n, a, &volumes, &e);
	judge(zones_read(n, a, &zones, &e), "zones", &e);
	for (const char *p = nova_failure_read(n, a); p && *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			abort(); /* it goes to a terminal */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct node *reply = NULL;
	struct error e = {};

	if (json_parse(&reply, a, "reply", (const char *)data, size, &e) < 0)
		return 0;
	read_one(reply);
	/* {"servers": […]} and {"server": {…}} */
	for (size_t i = 0; reply->kind == NODE_MAP && i < reply->n; i++) {
		const struct node *part = reply->items[i];

		read_one(part);
		for (size_t j = 0; part->kind == NODE_LIST && j < part->n && j < 50; j++)
			read_one(part->items[j]);
	}
	return 0;
}
