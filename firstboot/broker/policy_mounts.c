/* See policy.h: what services share with the machine and with each other: files and ports. */
#include "policy_parts.h"

#include "node.h"

#include <stdio.h>
#include <string.h>

bool policy_inside(const struct policy *p, const char *path)
{
	size_t n = strlen(p->release);

	if (strncmp(path, p->release, n) != 0 || (path[n] != '/' && path[n] != '\0'))
		return false;
	for (path += n; *path; path += strcspn(path, "/")) {
		path += strspn(path, "/");
		if (strncmp(path, "..", 2) == 0 && (path[2] == '/' || path[2] == '\0'))
			return false;
	}
	return true;
}

static bool is_socket(const char *path)
{
	return strcmp(path, "/var/run/docker.sock") == 0 || strcmp(path, "/run/docker.sock") == 0;
}

static bool is_true(const struct node *map, const char *key)
{
	bool yes = false;

	return node_is_bool(node_get(map, key), &yes) && yes;
}

/*
 * Whoever has the engine's socket is root on the machine, whether or not it is mounted read-only. So
 * it is not the repository that says who gets it, but the definition of the server.
 */
static int check_socket(struct look *l, const char *key, const struct node *mount)
{
	if (!l->p->socket_service)
		return refuse(l, key,
			"the engine's socket makes a container root; kbuild.app.docker_socket names the "
			"service that may have it");
	if (strcmp(l->p->socket_service, l->name) != 0)
		return refuse(l, key, "the engine's socket is for the service '%s' only",
			l->p->socket_service);
	if (!is_true(mount, "read_only"))
		return refuse(l, key, "the engine's socket must be mounted read-only");
	return 0;
}

static int check_bind(struct look *l, const char *key, const struct node *mount)
{
	static const char *const propagations[] = { "private", "rprivate", NULL };
	const char *source = node_str(node_get(mount, "source"));
	const struct node *propagation = node_path(mount, "bind.propagation");

	if (!source)
		return refuse(l, key, "a mount without a source");
	if (propagation && node_str(propagation) && *node_str(propagation) &&
		check_word(l, "volumes.bind.propagation", propagation, propagations))
		return POLICY_REFUSED;
	if (is_socket(source))
		return check_socket(l, key, mount);
	if (!policy_inside(l->p, source))
		return refuse(l, key, "'%s' is outside of the repository", source);
	return 0;
}

static int check_named(struct look *l, const char *key, const struct node *mount)
{
	const char *source = node_str(node_get(mount, "source"));

	if (source && (strchr(source, '/') || *source == '.'))
		return refuse(l, key, "'%s' is no volume's name", source);
	return 0;
}

int check_mounts(struct look *l, const char *key, const struct node *list)
{
	if (list->kind != NODE_LIST)
		return refuse(l, key, "it is no list");
	for (size_t i = 0; i < list->n; i++) {
		const struct node *mount = list->items[i];
		const char *type = node_str(node_get(mount, "type"));
		int r = 0;

		if (!type)
			return refuse(l, key, "a mount without a type");
		if (strcmp(type, "bind") == 0)
			r = check_bind(l, key, mount);
		else if (strcmp(type, "volume") == 0)
			r = check_named(l, key, mount);
		else if (strcmp(type, "tmpfs") != 0)
			r = refuse(l, key, "mounts of type '%s' are not allowed", type);
		if (r)
			return r;
	}
	return 0;
}

static bool is_loopback(const char *ip)
{
	return strncmp(ip, "127.", 4) == 0 || strcmp(ip, "::1") == 0;
}

static bool in_list(const char *const *ports, const char *published, const char *protocol)
{
	for (; *ports; ports++) {
		size_t n = strcspn(*ports, "/");

		if (n == strlen(published) && strncmp(*ports, published, n) == 0 &&
			(!(*ports)[n] || strcmp(*ports + n + 1, protocol) == 0))
			return true;
	}
	return false;
}

/* One port: for the machine alone; or to the world, where the firewall's list has it. */
static int check_port(struct look *l, const char *key, const struct node *port)
{
	const char *ip = node_str(node_get(port, "host_ip"));
	const char *published = node_str(node_get(port, "published"));
	const char *protocol = node_str(node_get(port, "protocol"));

	if (ip && is_loopback(ip))
		return 0;
	if (!published || strspn(published, "0123456789") != strlen(published) || !*published)
		return refuse(l, key, "a published port must be one fixed number");
	if (l->p->ports) {
		if (in_list(l->p->ports, published, protocol ? protocol : "tcp"))
			return 0;
		return refuse(l, key,
			"port %s is not in kbuild.firewall.allow; bind it to 127.0.0.1, or open it there",
			published);
	}
	if (l->publisher && strcmp(l->publisher, l->name) != 0)
		return refuse(l, key,
			"the service '%s' publishes ports already; bind those of others to 127.0.0.1",
			l->publisher);
	l->publisher = l->name;
	return 0;
}

bool policy_has_socket(const struct look *l, const char *service)
{
	return l->p->socket_service && strcmp(l->p->socket_service, service) == 0 &&
	       strcmp(l->name, service) != 0;
}

int check_volumes_from(struct look *l, const char *key, const struct node *list)
{
	for (size_t i = 0; list->kind == NODE_LIST && i < list->n; i++) {
		const char *from = node_str(list->items[i]);
		char name[64];

		if (!from || strncmp(from, "container:", 10) == 0)
			return refuse(l, key, "volumes of containers outside of the application");
		/* NAME, or NAME:ro */
		snprintf(name, sizeof name, "%.*s", (int)strcspn(from, ":"), from);
		if (policy_has_socket(l, name))
			return refuse(l, key, "the service '%s' has the engine's socket", name);
	}
	return list->kind == NODE_LIST ? 0 : refuse(l, key, "it is no list");
}

int check_ports(struct look *l, const char *key, const struct node *list)
{
	if (list->kind != NODE_LIST)
		return refuse(l, key, "it is no list");
	for (size_t i = 0; i < list->n; i++) {
		int r = check_port(l, key, list->items[i]);

		if (r)
			return r;
	}
	return 0;
}

int policy_check_name(struct look *l, const char *key, const struct node *value)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
	const char *name = node_str(value);

	if (name && *name && !strchr("_.-", *name) && name[strspn(name, letters)] == '\0')
		return 0;
	return refuse(
		l, key, "'%s' is no name: letters, digits, '_', '.' and '-'", name ? name : "");
}

int policy_no_external(struct look *l, const char *key, _unused_ const struct node *value)
{
	return refuse(l, key, "what is made outside of the application cannot be judged");
}

static int check_volume_driver(struct look *l, const char *key, const struct node *value)
{
	static const char *const drivers[] = { "local", NULL };

	return check_word(l, key, value, drivers);
}

static int no_driver_opts(struct look *l, const char *key, _unused_ const struct node *value)
{
	return refuse(l, key, "options of a volume's driver can mount anything of the machine");
}

/* external is fine: all volumes there are were made under these rules, or by the operator. */
int check_volume(struct look *l, const struct node *volume)
{
	static const struct rule rules[] = {
		{ "name", policy_check_name },
		{ "driver", check_volume_driver },
		{ "driver_opts", no_driver_opts },
		{ "external" },
		{ "labels" },
		{},
	};

	return check_keys(l, volume, rules);
}

static int check_file_path(struct look *l, const char *key, const struct node *value)
{
	const char *path = node_str(value);

	if (path && policy_inside(l->p, path))
		return 0;
	return refuse(l, key, "'%s' is outside of the repository", path ? path : "");
}

static int no_environment(struct look *l, const char *key, _unused_ const struct node *value)
{
	return refuse(l, key, "use 'file:', or 'environment:' of the service itself");
}

int check_file(struct look *l, const struct node *file)
{
	static const struct rule rules[] = {
		{ "name" },
		{ "file", check_file_path },
		{ "content" },
		{ "environment", no_environment },
		{ "external", policy_no_external },
		{ "labels" },
		{},
	};

	return check_keys(l, file, rules);
}
