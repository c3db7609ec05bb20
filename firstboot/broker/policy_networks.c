/* See policy.h: what a network of the application may be. */
#include "policy_parts.h"

#include "node.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The firewall knows the engine's bridges by their names, which begin with br-. */
static int check_bridge_name(struct look *l, const char *key, const struct node *value)
{
	const char *name = node_str(value);

	if (name && strncmp(name, "br-", 3) == 0)
		return 0;
	return refuse(l, key, "a bridge's name must begin with br-, for the firewall");
}

static int check_network_opts(struct look *l, const char *key, const struct node *map)
{
	static const struct rule rules[] = {
		{ "com.docker.network.bridge.enable_icc" },
		{ "com.docker.network.bridge.enable_ip_masquerade" },
		{ "com.docker.network.bridge.name", check_bridge_name },
		{ "com.docker.network.driver.mtu" },
		{},
	};

	if (map->kind != NODE_MAP)
		return refuse(l, key, "it is no map");
	return check_keys(l, map, rules);
}

static int check_network_driver(struct look *l, const char *key, const struct node *value)
{
	static const char *const drivers[] = { "bridge", "default", NULL };

	return check_word(l, key, value, drivers);
}

/*
 * The addresses that a container network may have: private ones. A public one would lead what the machine sends to
 * somebody there, its name servers perhaps, into a container.
 */
static const struct {
	int family;
	unsigned char bytes[2];
	unsigned bits;
} private_ranges[] = {
	{ AF_INET, { 10 }, 8 },
	{ AF_INET, { 100, 64 }, 10 },
	{ AF_INET, { 172, 16 }, 12 },
	{ AF_INET, { 192, 168 }, 16 },
	{ AF_INET6, { 0xfc }, 7 },
};

static bool is_private(const char *subnet)
{
	const char *slash = strchr(subnet, '/');
	int family = strchr(subnet, ':') ? AF_INET6 : AF_INET;
	unsigned char at[16];
	char address[INET6_ADDRSTRLEN];
	unsigned long bits = slash ? strtoul(slash + 1, NULL, 10) : 128;

	if (snprintf(address, sizeof address, "%.*s",
		    (int)(slash ? (size_t)(slash - subnet) : strlen(subnet)),
		    subnet) >= (int)sizeof address ||
		inet_pton(family, address, at) != 1)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(private_ranges); i++) {
		unsigned n = private_ranges[i].bits;
		unsigned have = (unsigned)at[0] << 8 | at[1];
		unsigned want =
			(unsigned)private_ranges[i].bytes[0] << 8 | private_ranges[i].bytes[1];

		if (private_ranges[i].family == family && bits >= n &&
			have >> (16 - n) == want >> (16 - n))
			return true;
	}
	return false;
}

static int check_subnets(struct look *l, const char *key, const struct node *list)
{
	for (size_t i = 0; list->kind == NODE_LIST && i < list->n; i++) {
		const struct node *subnet = node_get(list->items[i], "subnet");

		if (subnet && (!node_str(subnet) || !is_private(node_str(subnet))))
			return refuse(l, key, "'%s' is no private network",
				node_str(subnet) ? node_str(subnet) : "");
	}
	return list->kind == NODE_LIST || list->kind == NODE_SCALAR
		       ? 0
		       : refuse(l, key, "it is no list");
}

static int check_ipam(struct look *l, _unused_ const char *key, const struct node *map)
{
	static const struct rule rules[] = {
		{ "driver", check_network_driver },
		{ "config", check_subnets },
		{},
	};

	return check_keys(l, map, rules);
}

/* Names that the engine takes for something else than a network of its own making: the machine's, the one for all. */
static int check_network_name(struct look *l, const char *key, const struct node *value)
{
	static const char *const taken[] = { "host", "none", "bridge", "default" };
	int r = policy_check_name(l, key, value);

	for (size_t i = 0; !r && i < ARRAY_SIZE(taken); i++) {
		if (strcmp(node_str(value), taken[i]) == 0)
			return refuse(l, key, "'%s' is a network of the engine", taken[i]);
	}
	return r;
}

int check_network(struct look *l, const struct node *network)
{
	static const struct rule rules[] = {
		{ "name", check_network_name },
		{ "driver", check_network_driver },
		{ "driver_opts", check_network_opts },
		{ "ipam", check_ipam },
		{ "external", policy_no_external },
		{ "internal" },
		{ "attachable" },
		{ "enable_ipv4" },
		{ "enable_ipv6" },
		{ "labels" },
		{},
	};

	return check_keys(l, network, rules);
}
