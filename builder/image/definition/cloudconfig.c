/* What becomes of the keys of a definition; the table itself is cloudconfig_table.c. */
#include "cloudconfig.h"

#include "arena.h"
#include "definition.h"
#include "mark.h"
#include "node.h"
#include "schema.h"

#include <string.h>

const struct cloud_key *cloud_key_find(const char *key)
{
	size_t n;
	const struct cloud_key *table = cloud_key_table(&n);

	for (size_t i = 0; i < n; i++) {
		if (strcmp(table[i].key, key) == 0)
			return &table[i];
	}
	return NULL;
}

enum fate cloud_key_fate(const struct cloud_key *k, const char *distribution)
{
	if (k->distribution && distribution && strcmp(k->distribution, distribution) != 0)
		return FATE_REFUSED;
	return k->fate;
}

const char *fate_name(enum fate fate)
{
	static const char *const names[] = { "baked", "left", "refused" };

	return names[fate];
}

static void rename_key(
	struct arena *a, struct node *map, size_t i, const char *now, struct diags *d)
{
	struct node *key = map->keys[i];

	if (node_get(map, now)) {
		diag_add(d, DIAG_ERROR, &key->at, "repeated-key", NULL,
			"'%s' is an old spelling of '%s', which is given too", key->str, now);
		return;
	}
	diag_add(d, DIAG_WARNING, &key->at, "old-key", NULL, "'%s' is an old spelling of '%s'",
		key->str, now);
	map->keys[i] = node_scalar(a, &key->at, now, strlen(now));
}

/* cloud-init takes '-' for '_' in the keys of users and of ca_certs. */
static void rename_dashes(struct arena *a, struct node *map, struct diags *d)
{
	if (!map || map->kind != NODE_MAP)
		return;
	for (size_t i = 0; i < map->n; i++) {
		char *now = arena_strdup(a, map->keys[i]->str);

		if (!strchr(now, '-'))
			continue;
		for (char *p = now; *p; p++)
			*p = *p == '-' ? '_' : *p;
		rename_key(a, map, i, now, d);
	}
}

/* ssh_pwauth: "yes" is old, too; whoever bakes it shall find a bool. */
static void unquote_bool(struct node *n, const char *key, struct diags *d)
{
	struct node plain;

	if (!n || n->kind != NODE_SCALAR || !n->quoted)
		return;
	plain = *n;
	plain.quoted = false;
	if (!node_is_bool(&plain, NULL))
		return;
	n->quoted = false;
	diag_add(d, DIAG_WARNING, &n->at, "old-value", NULL,
		"'%s': write %s without quotes; as text it is an old spelling", key, n->str);
}

void cloudconfig_rename(struct arena *a, struct node *root, struct diags *d)
{
	struct node *users;

	for (size_t i = 0; i < root->n; i++) {
		const struct cloud_key *k = cloud_key_find(root->keys[i]->str);

		if (k && k->now)
			rename_key(a, root, i, k->now, d);
	}
	unquote_bool(node_get(root, "ssh_pwauth"), "ssh_pwauth", d);
	rename_dashes(a, node_get(root, "ca_certs"), d);
	rename_dashes(a, node_get(root, "user"), d);
	users = node_get(root, "users");
	for (size_t i = 0; users && i < users->n; i++)
		rename_dashes(a, users->items[i], d);
}

static void unknown_key(
	const struct schema *s, const struct definition *def, const struct node *key)
{
	static const char *const ours[] = { "name", "base", "disk", "firewall", "fail2ban",
		"docker", "app", "secrets", "dns", "backup", "health", "server", "include", "merge",
		NULL };
	size_t n;
	const struct cloud_key *table = cloud_key_table(&n);
	const char **names = arena_alloc(s->arena, (n + 2) * sizeof *names), *near, *hint = NULL;

	(void)def;
	for (size_t i = 0; i < n; i++)
		names[i] = table[i].key;
	names[n] = "kbuild";
	for (size_t i = 0; ours[i]; i++) {
		if (strcmp(ours[i], key->str) == 0)
			hint = arena_printf(s->arena, "it belongs below 'kbuild:'");
	}
	near = diags_full(s->diags) ? NULL : nearest_word(key->str, names);
	if (!hint && near)
		hint = arena_printf(s->arena, "did you mean '%s'?", near);
	diag_add(s->diags, DIAG_ERROR, &key->at, "unknown-key",
		hint ? hint : "the keys are listed in docs/reference.md",
		"unknown key '%s': neither cloud-init nor kbuild knows it", key->str);
}

static void check_key(const struct schema *s, const struct definition *def, const struct node *key,
	const struct node *value)
{
	const struct cloud_key *k = cloud_key_find(key->str);
	struct schema inner = *s;

	inner.where = key->str;
	if (!k)
		unknown_key(s, def, key);
	else if (k->fate == FATE_REFUSED)
		diag_add(s->diags, DIAG_ERROR, &key->at, "refused-key", NULL, "'%s' is refused: %s",
			key->str, k->why);
	else if (cloud_key_fate(k, def->distribution) == FATE_REFUSED)
		diag_add(s->diags, DIAG_ERROR, &key->at, "refused-key", NULL,
			"'%s' is refused: cloud-init does it on %s only, and this is %s", key->str,
			k->distribution, def->distribution);
	else if (k->check)
		k->check(&inner, def, value);
}

void cloudconfig_check(const struct schema *s, const struct definition *def)
{
	for (size_t i = 0; i < def->root->n; i++) {
		if (strcmp(def->root->keys[i]->str, "kbuild") != 0)
			check_key(s, def, def->root->keys[i], def->root->items[i]);
	}
}
