/* kbuild: what the image itself is made of. The keys of the server's life are in kbuild_server.c. */
#include "definition_parts.h"

#include "arena.h"
#include "definition.h"
#include "mark.h"
#include "node.h"
#include "schema.h"
#include "shape.h"

#include <stdio.h>
#include <string.h>

static const char *const distributions[] = { "debian", "ubuntu", NULL };
static const char *const architectures[] = { "amd64", NULL };

/* What people write for a release, and its codename, by which the archive knows it. */
static const struct {
	const char *distribution, *release, *version;
} releases[] = {
	{ "debian", "bookworm", "12" },
	{ "debian", "trixie", "13" },
	{ "ubuntu", "jammy", "22.04" },
	{ "ubuntu", "noble", "24.04" },
};

const char *release_version(const char *release)
{
	for (size_t i = 0; release && i < ARRAY_SIZE(releases); i++) {
		if (strcmp(releases[i].release, release) == 0)
			return releases[i].version;
	}
	return release;
}

static const struct field base_fields[] = {
	{ "distribution", field_word, offsetof(struct definition, distribution), FIELD_REQUIRED,
		distributions },
	{ "release", field_shape, offsetof(struct definition, release), FIELD_REQUIRED,
		&shape_word },
	{ "architecture", field_word, offsetof(struct definition, architecture),
		.arg = architectures },
	{ "mirror", field_shape, offsetof(struct definition, mirror), .arg = &shape_http_url },
	{ "components", field_shape, offsetof(struct definition, components), .arg = &shape_line },
	{ "keyring", field_string, offsetof(struct definition, keyring) },
	{ "fingerprints", field_shapes, offsetof(struct definition, fingerprints),
		.arg = &shape_fingerprint },
	{ "check_valid_until", NULL },
	{ "bootable", field_bool, offsetof(struct definition, bootable) },
	{ "recommends", field_bool, offsetof(struct definition, recommends) },
	{},
};

static const struct field disk_fields[] = {
	{ "size", field_size, offsetof(struct definition, disk_size) },
	{},
};

static void complain(
	const struct schema *s, const struct node *at, const char *hint, const char *text)
{
	diag_add(s->diags, DIAG_ERROR, &at->at, "wrong-value", hint, "%s", text);
}

/* One entry of firewall.allow: "22/tcp", or {port: 22/tcp, from: 10.0.0.0/8}. */
static bool read_rule(const struct schema *s, const struct node *n, struct port_rule *ret)
{
	struct entry {
		const char *port, *from;
	} e = {};
	static const struct field fields[] = {
		{ "port", field_shape, offsetof(struct entry, port), FIELD_REQUIRED, &shape_port },
		{ "from", field_shape, offsetof(struct entry, from), .arg = &shape_cidr },
		{},
	};
	struct schema inner = *s;
	int64_t number;

	inner.where = "kbuild.firewall.allow";
	if (node_is_int(n, &number)) {
		diag_add(s->diags, DIAG_ERROR, &n->at, "wrong-value",
			arena_printf(s->arena, "write '%s/tcp' or '%s/udp'", n->str, n->str),
			"'kbuild.firewall.allow': the port %s has no protocol", n->str);
		return false;
	}
	if (n->kind == NODE_MAP)
		schema_read(&inner, n, fields, &e);
	else if (shape_check(s, "allow", n, &shape_port))
		e.port = n->str;
	if (!e.port || !shape_fits(&shape_port, e.port))
		return false;
	ret->port = ret->last_port = (unsigned)strtoul(e.port, NULL, 10);
	if (strchr(e.port, ':'))
		ret->last_port = (unsigned)strtoul(strchr(e.port, ':') + 1, NULL, 10);
	ret->protocol = strchr(e.port, '/') + 1;
	ret->from = e.from;
	return true;
}

static void field_rules(
	const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	struct definition *def = (struct definition *)((char *)out - f->offset);

	if (node->kind != NODE_LIST) {
		schema_wrong(s, f, node, "a list of ports such as [22/tcp, 443/tcp]");
		return;
	}
	def->firewall.allow = arena_alloc(s->arena, (node->n + 1) * sizeof *def->firewall.allow);
	for (size_t i = 0; i < node->n; i++) {
		if (read_rule(s, node->items[i], &def->firewall.allow[def->firewall.n]))
			def->firewall.n++;
	}
}

static const struct field firewall_fields[] = {
	{ "enabled", field_bool, offsetof(struct definition, firewall.enabled) },
	{ "allow", field_rules, offsetof(struct definition, firewall) },
	{},
};

static const struct field fail2ban_fields[] = {
	{ "enabled", field_bool, offsetof(struct definition, fail2ban.enabled) },
	{ "maxretry", field_int, offsetof(struct definition, fail2ban.maxretry),
		.arg = (const int64_t[]){ 1, 1000 } },
	{ "findtime", field_duration, offsetof(struct definition, fail2ban.findtime) },
	{ "bantime", field_duration, offsetof(struct definition, fail2ban.bantime) },
	{ "ignore", field_shapes, offsetof(struct definition, fail2ban.ignore),
		.arg = &shape_cidr },
	{},
};

static const struct field docker_fields[] = {
	{ "enabled", field_bool, offsetof(struct definition, docker.enabled) },
	{ "daemon", field_node, offsetof(struct definition, docker.daemon) },
	{},
};

/* A part that is a map, or only true or false; there means wanted. */
static void read_part(const struct schema *s, struct definition *def, const struct node *kbuild,
	const struct field *part, bool *enabled)
{
	const struct node *n = node_get(kbuild, part->key);

	if (!n || node_is_bool(n, enabled))
		return;
	*enabled = true;
	field_map(s, part, n, def);
}

static void read_parts(const struct schema *s, struct definition *def, const struct node *kbuild)
{
	static const char *no_bans[] = { "127.0.0.1/8", "::1", NULL };
	const struct field firewall = { "firewall", .arg = firewall_fields };
	const struct field fail2ban = { "fail2ban", .arg = fail2ban_fields };
	const struct field docker = { "docker", .arg = docker_fields };

	def->fail2ban.maxretry = 5;
	def->fail2ban.findtime = def->fail2ban.bantime = 600;
	def->fail2ban.ignore = no_bans;
	def->docker.enabled = def->bootable;
	read_part(s, def, kbuild, &firewall, &def->firewall.enabled);
	read_part(s, def, kbuild, &fail2ban, &def->fail2ban.enabled);
	read_part(s, def, kbuild, &docker, &def->docker.enabled);
}

static void check_release(const struct schema *s, struct definition *def, const struct node *at)
{
	const char *names[ARRAY_SIZE(releases) + 1] = {}, *near, *hint = NULL;
	size_t n = 0;

	if (!def->distribution || !def->release)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(releases); i++) {
		if (strcmp(releases[i].distribution, def->distribution) != 0)
			continue;
		if (strcmp(releases[i].release, def->release) == 0)
			return;
		if (strcmp(releases[i].version, def->release) == 0)
			hint = arena_printf(
				s->arena, "%s is '%s'", def->release, releases[i].release);
		names[n++] = releases[i].release;
	}
	near = nearest_word(def->release, names);
	if (!hint && near)
		hint = arena_printf(s->arena, "did you mean '%s'?", near);
	diag_add(s->diags, DIAG_ERROR, &at->at, "wrong-value", hint,
		"'kbuild.base.release': %s has no release '%s' that kbuild knows (%s, %s)",
		def->distribution, def->release, names[0], names[1]);
}

static bool brings_compose(const struct definition *def)
{
	for (const char **p = def->packages; p && *p; p++) {
		if (strncmp(*p, "docker-compose-", 15) == 0)
			return true;
	}
	return false;
}

/* Rules between fields; wrong: some field is, which would only be said again. */
static void check_parts(
	const struct schema *s, const struct definition *def, const struct node *kbuild, bool wrong)
{
	const struct node *size = node_path(kbuild, "disk.size");
	const struct node *firewall = node_get(kbuild, "firewall");
	const struct node *daemon = def->docker.daemon, *docker = node_get(kbuild, "docker");
	bool ssh = false;

	for (size_t i = 0; i < def->firewall.n; i++)
		ssh = ssh ||
		      (def->firewall.allow[i].port <= 22 && def->firewall.allow[i].last_port >= 22);
	if (def->firewall.enabled && !ssh && !wrong)
		diag_add(s->diags, DIAG_WARNING, &firewall->at, "no-ssh",
			"add 22/tcp to 'kbuild.firewall.allow', unless sshd listens elsewhere",
			"the firewall lets no ssh in: only the console will reach the server");
	if (size && def->disk_size % MIB != 0)
		complain(s, size, NULL, "'kbuild.disk.size' must be a whole number of MiB");
	else if (size && (def->disk_size < 256 * MIB || def->disk_size > 16384 * GIB))
		complain(s, size, NULL, "'kbuild.disk.size' must be from 256M to 16T");
	if (daemon && daemon->kind != NODE_MAP)
		complain(s, daemon, NULL,
			"'kbuild.docker.daemon' must be a map of daemon.json's keys");
	if (def->app && docker && !def->docker.enabled && !wrong)
		complain(s, docker, "leave 'kbuild.docker' out: it is on by itself",
			"'kbuild.app' runs in Docker, but 'kbuild.docker' is off");
	if (def->app && def->release && strcmp(def->release, "bookworm") == 0 && !wrong &&
		!brings_compose(def))
		diag_add(s->diags, DIAG_WARNING, &node_get(kbuild, "app")->at, "no-compose",
			"use trixie, or add docker-compose-plugin to 'packages' and Docker's own archive to 'apt.sources'",
			"'kbuild.app' needs Compose V2, which Debian 12 does not have: nothing would be deployed");
	if (def->fail2ban.bantime == 0 || def->fail2ban.findtime == 0)
		complain(s, node_get(kbuild, "fail2ban"), NULL,
			"'kbuild.fail2ban': findtime and bantime must be longer than nothing");
}

/* A path is relative to the file in which it stands. */
static const char *beside_its_file(struct arena *a, const struct node *n)
{
	const char *slash = strrchr(n->at.file, '/');

	if (*n->str == '/' || !slash)
		return n->str;
	return arena_printf(a, "%.*s/%s", (int)(slash - n->at.file), n->at.file, n->str);
}

static void read_base(const struct schema *s, struct definition *def, const struct node *kbuild)
{
	const struct field base = { "base", .arg = base_fields };
	const struct node *n = node_get(kbuild, "base"), *until = node_get(n, "check_valid_until");
	const struct schema in = { s->arena, s->diags, "kbuild.base" };
	const struct field until_field = { "check_valid_until" };
	bool check = true;

	if (!n)
		return;
	field_map(s, &base, n, def);
	if (until)
		field_bool(&in, &until_field, until, &check);
	def->ignore_valid_until = !check;
	if (def->keyring)
		def->keyring = beside_its_file(s->arena, node_get(n, "keyring"));
	check_release(s, def, node_get(n, "release") ? node_get(n, "release") : n);
}

void kbuild_section_read(const struct schema *s, struct definition *def, const struct node *kbuild)
{
	/* The parts without a parser here are read by their own functions below. */
	static const struct field fields[] = {
		{ "name", field_shape, offsetof(struct definition, name), FIELD_REQUIRED,
			&shape_name },
		{ "base", NULL, 0, FIELD_REQUIRED },
		{ "disk", field_map, .arg = disk_fields },
		{ "firewall" },
		{ "fail2ban" },
		{ "docker" },
		{ "app", field_node, offsetof(struct definition, app) },
		{ "secrets", field_node, offsetof(struct definition, secrets) },
		{ "dns", field_node, offsetof(struct definition, dns) },
		{ "backup", field_node, offsetof(struct definition, backup) },
		{ "health", field_node, offsetof(struct definition, health) },
		{ "server", field_node, offsetof(struct definition, server) },
		{},
	};

	size_t errors;

	schema_read(s, kbuild, fields, def);
	if (kbuild->kind != NODE_MAP)
		return;
	read_base(s, def, kbuild);
	errors = s->diags->errors;
	read_parts(s, def, kbuild);
	check_parts(s, def, kbuild, s->diags->errors > errors);
	kbuild_server_check(s, kbuild);
}
