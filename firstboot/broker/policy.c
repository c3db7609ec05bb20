/* See policy.h: the services, key by key. */
#include "policy_parts.h"

#include "node.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int never(struct look *l, const char *key, _unused_ const struct node *value)
{
	return refuse(l, key, "it gives a container rights over the machine");
}

static int no_build(struct look *l, const char *key, _unused_ const struct node *value)
{
	return refuse(l, key, "images are built elsewhere and pulled by digest");
}

/* A name space may be its own or that of another service: not the machine's, not any container's. */
static int check_namespace(struct look *l, const char *key, const struct node *value)
{
	const char *text = node_str(value);
	static const char *const own[] = { "none", "private", "shareable", "bridge", NULL };

	if (text && strncmp(text, "service:", 8) == 0) {
		/* Its processes lead to all that it sees, the engine's socket among it. */
		if (strcmp(key, "pid") == 0 && policy_has_socket(l, text + 8))
			return refuse(l, key, "the service '%s' has the engine's socket", text + 8);
		return 0;
	}
	if (text && (strcmp(text, "host") == 0 || strncmp(text, "container:", 10) == 0))
		return refuse(l, key, "'%s' takes the container out of its own name space", text);
	return check_word(l, key, value, own);
}

/* What the engine gives by default, and two that databases ask for: locked memory, priorities. */
static const char *const capabilities[] = {
	"AUDIT_WRITE",
	"CHOWN",
	"DAC_OVERRIDE",
	"FOWNER",
	"FSETID",
	"KILL",
	"MKNOD",
	"NET_BIND_SERVICE",
	"NET_RAW",
	"SETFCAP",
	"SETGID",
	"SETPCAP",
	"SETUID",
	"SYS_CHROOT",
	"IPC_LOCK",
	"SYS_NICE",
	NULL,
};

static int check_cap_add(struct look *l, const char *key, const struct node *list)
{
	if (list->kind != NODE_LIST)
		return refuse(l, key, "it is no list");
	for (size_t i = 0; i < list->n; i++) {
		const char *name = node_str(list->items[i]);
		const char *const *c = capabilities;

		if (name && strncasecmp(name, "CAP_", 4) == 0)
			name += 4;
		while (name && *c && strcasecmp(*c, name) != 0)
			c++;
		if (!name || !*c)
			return refuse(l, key,
				"the capability %s is not among those that are allowed",
				name ? name : "?");
	}
	return 0;
}

static int check_security_opt(struct look *l, const char *key, const struct node *list)
{
	static const char *const words[] = { "no-new-privileges", "no-new-privileges:true",
		"no-new-privileges=true", NULL };

	if (list->kind != NODE_LIST)
		return refuse(l, key, "it is no list");
	for (size_t i = 0; i < list->n; i++) {
		if (check_word(l, key, list->items[i], words))
			return POLICY_REFUSED;
	}
	return 0;
}

/* Of these each is known to stay within the container's own network name space. */
static int check_sysctls(struct look *l, const char *key, const struct node *map)
{
	static const struct rule rules[] = {
		{ "net.core.somaxconn" },
		{ "net.ipv4.ip_local_port_range" },
		{ "net.ipv4.ip_unprivileged_port_start" },
		{ "net.ipv4.tcp_keepalive_time" },
		{ "net.ipv4.tcp_syncookies" },
		{ "net.ipv6.conf.all.disable_ipv6" },
		{},
	};

	if (map->kind != NODE_MAP)
		return refuse(l, key, "it is no map");
	return check_keys(l, map, rules);
}

/* Labels of Compose's own are how containers are told apart: nobody forges them. */
static int check_labels(struct look *l, const char *key, const struct node *map)
{
	if (map->kind != NODE_MAP)
		return refuse(l, key, "it is no map");
	for (size_t i = 0; i < map->n; i++) {
		if (strncmp(map->keys[i]->str, "com.docker.", 11) == 0)
			return refuse(l, key, "the label '%s' is Compose's own", map->keys[i]->str);
	}
	return 0;
}

static int check_logging(struct look *l, _unused_ const char *key, const struct node *map)
{
	static const char *const drivers[] = { "local", "json-file", "journald", "none", NULL };
	const struct node *driver = node_get(map, "driver");

	return driver ? check_word(l, "logging.driver", driver, drivers) : 0;
}

static int check_deploy(struct look *l, _unused_ const char *key, const struct node *map)
{
	static const char *const parts[] = { "resources.limits", "resources.reservations", NULL };

	for (const char *const *p = parts; *p; p++) {
		static const char *const refused[] = { "devices", "generic_resources", NULL };

		for (const char *const *r = refused; *r; r++) {
			const struct node *n = node_get(node_path(map, *p), *r);

			if (n && !policy_says_nothing(n))
				return refuse(l, "deploy", "a container gets no devices");
		}
	}
	return 0;
}

/* How a service hangs on its networks: names and addresses, no options of drivers. */
static int check_attachments(struct look *l, const char *key, const struct node *map)
{
	static const struct rule rules[] = {
		{ "aliases" },
		{ "gw_priority" },
		{ "interface_name" },
		{ "ipv4_address" },
		{ "ipv6_address" },
		{ "link_local_ips" },
		{ "mac_address" },
		{ "priority" },
		{},
	};

	if (map->kind != NODE_MAP)
		return refuse(l, key, "it is no map");
	for (size_t i = 0; i < map->n; i++) {
		if (check_keys(l, map->items[i], rules))
			return POLICY_REFUSED;
	}
	return 0;
}

/* A hook has more ways to ask for rights than a service; none is needed. */
static int check_hooks(struct look *l, const char *key, const struct node *list)
{
	for (size_t i = 0; list->kind == NODE_LIST && i < list->n; i++) {
		const struct node *p = node_get(list->items[i], "privileged");

		if (p && !policy_says_nothing(p))
			return never(l, key, p);
	}
	return list->kind == NODE_LIST ? 0 : refuse(l, key, "it is no list");
}

static const struct rule service_rules[] = {
	{ "attach" },
	{ "blkio_config" },
	{ "build", no_build },
	{ "cap_add", check_cap_add },
	{ "cap_drop" },
	{ "cgroup", check_namespace },
	{ "cgroup_parent", never },
	{ "command" },
	{ "configs" },
	{ "container_name" },
	{ "cpu_count" },
	{ "cpu_percent" },
	{ "cpu_period" },
	{ "cpu_quota" },
	{ "cpu_shares" },
	{ "cpus" },
	{ "cpuset" },
	{ "credential_spec", never },
	{ "depends_on" },
	{ "deploy", check_deploy },
	{ "develop" },
	{ "device_cgroup_rules", never },
	{ "devices", never },
	{ "dns" },
	{ "dns_opt" },
	{ "dns_search" },
	{ "domainname" },
	{ "entrypoint" },
	{ "environment" },
	{ "expose" },
	{ "extra_hosts" },
	{ "gpus", never },
	{ "group_add" },
	{ "healthcheck" },
	{ "hostname" },
	{ "image" },
	{ "init" },
	{ "ipc", check_namespace },
	{ "labels", check_labels },
	{ "links" },
	{ "logging", check_logging },
	{ "mac_address" },
	{ "mem_limit" },
	{ "mem_reservation" },
	{ "mem_swappiness" },
	{ "memswap_limit" },
	{ "network_mode", check_namespace },
	{ "networks", check_attachments },
	{ "oom_kill_disable", never },
	{ "oom_score_adj" },
	{ "pid", check_namespace },
	{ "pids_limit" },
	{ "platform" },
	{ "ports", check_ports },
	{ "post_start", check_hooks },
	{ "pre_stop", check_hooks },
	{ "privileged", never },
	{ "profiles" },
	{ "pull_policy" },
	{ "read_only" },
	{ "restart" },
	{ "runtime", never },
	{ "scale" },
	{ "secrets" },
	{ "security_opt", check_security_opt },
	{ "shm_size" },
	{ "stdin_open" },
	{ "stop_grace_period" },
	{ "stop_signal" },
	{ "storage_opt" },
	{ "sysctls", check_sysctls },
	{ "tmpfs" },
	{ "tty" },
	{ "ulimits" },
	{ "use_api_socket", never },
	{ "user" },
	{ "userns_mode", never },
	{ "uts", never },
	{ "volumes", check_mounts },
	{ "volumes_from", check_volumes_from },
	{ "working_dir" },
	{},
};

static int check_service(struct look *l, const struct node *service)
{
	int r = check_keys(l, service, service_rules);

	if (!r && !node_str(node_get(service, "image")))
		return refuse(l, "image", "a service without an image");
	return r;
}

/* A part of the document: each of its entries by one function. */
struct part {
	const char *name;
	int (*check)(struct look *l, const struct node *entry);
};

static int check_part(struct look *l, const struct part *part, const struct node *map)
{
	int r = 0;

	l->where = part->name;
	if (!node_is_null(map) && map->kind != NODE_MAP)
		return refuse(l, "", "it is no map");
	for (size_t i = 0; map && i < map->n && !r; i++) {
		char where[128];

		snprintf(where, sizeof where, "%s.%s", part->name, map->keys[i]->str);
		l->where = where;
		l->name = map->keys[i]->str;
		l->service = map->items[i];
		r = check_service == part->check || !node_is_null(map->items[i])
			    ? part->check(l, map->items[i])
			    : 0;
		l->where = part->name;
	}
	return r;
}

int policy_check(const struct policy *p, const struct node *doc, struct verdict *ret)
{
	static const struct part parts[] = {
		{ "services", check_service },
		{ "networks", check_network },
		{ "volumes", check_volume },
		{ "configs", check_file },
		{ "secrets", check_file },
	};
	static const struct rule top[] = {
		{ "name" },
		{ "services" },
		{ "networks" },
		{ "volumes" },
		{ "configs" },
		{ "secrets" },
		{},
	};
	struct look l = { .p = p, .v = ret, .where = "the document" };

	if (node_is_null(doc) || doc->kind != NODE_MAP || !node_get(doc, "services"))
		return refuse(&l, "services", "there is nothing to run");
	if (check_keys(&l, doc, top))
		return POLICY_REFUSED;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (check_part(&l, &parts[i], node_get(doc, parts[i].name)))
			return POLICY_REFUSED;
	}
	return 0;
}
