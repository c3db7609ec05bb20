/*
 * The engine's daemon.json: our settings under the user's. Two that one would expect are left out:
 *
 * - Binding published ports to loopback by default (default-network-opts): a port that the firewall
 *   list opens shall answer, as it would on a plain server; the list closes all others already.
 * - "userland-proxy": false. Engines before 27 translate no IPv6, so a published port answers over
 *   IPv6 through the proxy only (there UFW's own rules decide, as for any program).
 */
#include "arena.h"
#include "bake_text.h"
#include "bake_topic.h"
#include "buf.h"
#include "chroot.h"
#include "definition.h"
#include "error.h"
#include "json.h"
#include "node.h"

#include <string.h>

#define DAEMON_JSON "/etc/docker/daemon.json"

static const char settings[] =
	"{\"icc\": false,"
	" \"live-restore\": true,"
	" \"log-driver\": \"local\","
	" \"log-level\": \"info\","
	" \"log-opts\": {\"max-file\": \"3\", \"max-size\": \"10m\"},"
	" \"no-new-privileges\": true}";

/* The user's keys win; maps are merged, everything else is replaced. */
static void merge(struct arena *a, struct node *into, const struct node *from)
{
	for (size_t i = 0; i < from->n; i++) {
		const char *key = from->keys[i]->str;
		struct node *old = node_get(into, key), *new = from->items[i];

		if (old && old->kind == NODE_MAP && new->kind == NODE_MAP)
			merge(a, old, new);
		else
			node_set(a, into, &from->keys[i]->at, key, node_copy(a, new));
	}
}

int docker_daemon(struct arena *a, const struct node *user, struct buf *out, struct error *e)
{
	struct node *all;
	int r = json_parse(&all, a, "daemon.json", settings, sizeof settings - 1, e);

	if (r < 0)
		return r;
	if (user && user->kind == NODE_MAP)
		merge(a, all, user);
	node_write_json(all, 2, out);
	if (out->len == 0 || out->data[out->len - 1] != '\n')
		buf_addc(out, '\n');
	return 0;
}

static bool applies(const struct bake *b)
{
	return b->def->docker.enabled;
}

static int run(const struct bake *b, struct error *e)
{
	static const char *const units[] = { "docker.service", NULL };
	bool iptables = true;
	_buf_ text = BUF_INIT;
	int r;

	if (!bake_has(b, "/usr/sbin/dockerd") && !bake_has(b, "/usr/bin/dockerd"))
		return error_set(
			e, ERR_INVALID, "the image has no docker; add docker.io to packages");
	node_is_bool(node_get(b->def->docker.daemon, "iptables"), &iptables);
	if (b->def->firewall.enabled && !iptables)
		return error_set(e, ERR_INVALID,
			"\"iptables\": false in kbuild.docker.daemon takes published ports out of the "
			"firewall; remove it, or disable kbuild.firewall");
	r = docker_daemon(b->def->arena, b->def->docker.daemon, &text, e);
	if (r == 0)
		r = bake_puts(b, DAEMON_JSON, buf_str(&text), 0644, e);
	if (r == 0)
		r = bake_enable(b, units, e);
	return r;
}

const struct bake_topic bake_docker = { "kbuild.docker", applies, run };

/* Engines before 23 (Debian 12 has 20.10) cannot be asked. */
static int can_validate(const struct bake *b, struct error *e)
{
	static const char *const argv[] = { "dockerd", "--help", NULL };
	_buf_ help = BUF_INIT;
	const struct chroot_run r = { .root = b->root, .argv = argv, .out = &help };
	int x = chroot_check(&r, e);

	return x < 0 ? x : strstr(buf_str(&help), "--validate") != NULL;
}

/* After all files are in place, the user's included: what the engine refuses fails the build, not the boot. */
static int check(const struct bake *b, struct error *e)
{
	static const char *const argv[] = { "dockerd", "--validate", "--config-file=" DAEMON_JSON,
		NULL };
	int r = can_validate(b, e);

	return r > 0 ? bake_exec(b, argv, e) : r;
}

const struct bake_topic bake_docker_check = { "kbuild.docker", applies, check };
