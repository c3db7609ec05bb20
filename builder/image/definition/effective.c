/* Secrets hidden, defaults shown; see effective.h. */
#include "effective.h"

#include "arena.h"
#include "definition.h"
#include "node.h"

#include <stdio.h>
#include <string.h>

/*
 * Where secrets stand, "*" for any key or item. Hashes are here as well: they can be guessed at.
 * Below a path that ends in "**" all texts are hidden.
 */
static const char *const secrets[] = {
	"chpasswd.**",
	"chef.validation_cert",
	"landscape.client.registration_key",
	"password",
	"puppet.conf.ca_cert",
	"random_seed.data",
	"salt_minion.private_key",
	"ssh_keys.**",
	"ubuntu_pro.token",
	"user.hashed_passwd",
	"user.passwd",
	"users.*.hashed_passwd",
	"users.*.passwd",
	"wireguard.interfaces.*.content",
	"kbuild.health.alert.ping",
	"kbuild.health.alert.webhook.url",
};

static struct node *hidden(struct arena *a, const struct node *n)
{
	return node_scalar(a, &n->at, EFFECTIVE_HIDDEN, strlen(EFFECTIVE_HIDDEN));
}

static void hide_all(struct arena *a, struct node *n)
{
	for (size_t i = 0; i < n->n; i++) {
		if (n->items[i]->kind == NODE_SCALAR && !node_is_null(n->items[i]))
			n->items[i] = hidden(a, n->items[i]);
		else
			hide_all(a, n->items[i]);
	}
}

static void hide(struct arena *a, struct node *n, const char *path)
{
	size_t len = strcspn(path, ".");
	const char *rest = path[len] ? path + len + 1 : NULL;

	if (strcmp(path, "**") == 0) {
		hide_all(a, n);
		return;
	}
	for (size_t i = 0; i < n->n; i++) {
		bool any = len == 1 && *path == '*';

		if (!any && (n->kind != NODE_MAP || strlen(n->keys[i]->str) != len ||
				    strncmp(n->keys[i]->str, path, len) != 0))
			continue;
		if (rest)
			hide(a, n->items[i], rest);
		else
			n->items[i] = hidden(a, n->items[i]);
	}
}

/* Of a secret's template only the names of the others are shown: "…${POSTGRES_PASSWORD}…". */
static struct node *template_shown(struct arena *a, const struct node *n)
{
	char *shown = arena_strdup(a, "");
	const char *p = n->str;

	while (*p) {
		const char *open = strstr(p, "${"), *close = open ? strchr(open, '}') : NULL;

		if (!close) {
			shown = arena_printf(a, "%s…", shown);
			break;
		}
		shown = arena_printf(
			a, "%s%s%.*s", shown, open > p ? "…" : "", (int)(close - open + 1), open);
		p = close + 1;
	}
	return node_scalar(a, &n->at, strchr(shown, '$') ? shown : EFFECTIVE_HIDDEN,
		strlen(strchr(shown, '$') ? shown : EFFECTIVE_HIDDEN));
}

static void hide_templates(struct arena *a, struct node *values)
{
	for (size_t i = 0; values && i < values->n; i++) {
		if (values->items[i]->kind == NODE_SCALAR)
			values->items[i] = template_shown(a, values->items[i]);
	}
}

/* Puts a value at kbuild.PART.KEY, unless something stands there. */
static void put(
	struct arena *a, struct node *kbuild, const char *part, const char *key, const char *value)
{
	const struct mark at = { .file = EFFECTIVE_DEFAULT };
	struct node *inner = node_get(kbuild, part), *n;

	if (!inner) {
		inner = node_map(a, &at);
		node_set(a, kbuild, &at, part, inner);
	}
	if (inner->kind != NODE_MAP || node_get(inner, key))
		return;
	n = node_scalar(a, &at, value, strlen(value));
	n->quoted = false;
	node_set(a, inner, &at, key, n);
}

static const char *yes_no(bool b)
{
	return b ? "true" : "false";
}

static void put_defaults(const struct definition *def, struct node *kbuild)
{
	struct arena *a = def->arena;

	put(a, kbuild, "base", "architecture", def->architecture);
	put(a, kbuild, "base", "bootable", yes_no(def->bootable));
	put(a, kbuild, "base", "recommends", yes_no(def->recommends));
	put(a, kbuild, "disk", "size",
		def->disk_size % GIB == 0
			? arena_printf(a, "%lluG", (unsigned long long)(def->disk_size / GIB))
			: arena_printf(a, "%lluM", (unsigned long long)(def->disk_size / MIB)));
	put(a, kbuild, "firewall", "enabled", yes_no(def->firewall.enabled));
	put(a, kbuild, "fail2ban", "enabled", yes_no(def->fail2ban.enabled));
	if (def->fail2ban.enabled) {
		put(a, kbuild, "fail2ban", "maxretry",
			arena_printf(a, "%llu", (unsigned long long)def->fail2ban.maxretry));
		put(a, kbuild, "fail2ban", "findtime",
			arena_printf(a, "%llus", (unsigned long long)def->fail2ban.findtime));
		put(a, kbuild, "fail2ban", "bantime",
			arena_printf(a, "%llus", (unsigned long long)def->fail2ban.bantime));
	}
	put(a, kbuild, "docker", "enabled", yes_no(def->docker.enabled));
}

struct node *definition_effective(const struct definition *def)
{
	struct node *root = node_copy(def->arena, def->root), *kbuild = node_get(root, "kbuild");

	for (size_t i = 0; i < ARRAY_SIZE(secrets); i++)
		hide(def->arena, root, secrets[i]);
	hide_templates(def->arena, node_path(kbuild, "secrets.values"));
	put_defaults(def, kbuild);
	return root;
}
