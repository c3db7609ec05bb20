/*
 * What is left for first boot. The user-data must be complete and no more than that: a baked key
 * that comes again would be done again, and cloud-init refuses keys it does not know. (What cloud-init
 * must still know of the users that were baked stands in the image, in cloud.cfg.d.)
 */
#include "arena.h"
#include "buf.h"
#include "cloudconfig.h"
#include "definition.h"
#include "node.h"

#include <string.h>

static struct node *left_files(struct arena *a, const struct node *files)
{
	struct node *left = node_list(a, &files->at);

	for (size_t i = 0; i < files->n; i++) {
		if (!node_is_null(node_get(files->items[i], "source")))
			node_append(a, left, files->items[i]);
	}
	return left->n > 0 ? left : NULL;
}

/* "apt-get install x", or a list of such words; also in the middle of a line of shell. */
static bool names_apt(const struct node *command)
{
	static const char *const words[] = { "apt", "apt-get", "aptitude" };
	static const char name[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

	for (size_t i = 0; command->kind == NODE_LIST && i < command->n; i++) {
		if (names_apt(command->items[i]))
			return true;
	}
	for (const char *p = node_str(command); p && *p; p += strspn(p, name)) {
		p += strcspn(p, name);
		for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
			const size_t n = strlen(words[i]);

			/* Behind which no slash comes: /etc/apt/apt.conf.d is no command. */
			if (strspn(p, name) == n && strncmp(p, words[i], n) == 0 && p[n] != '/')
				return true;
		}
	}
	return false;
}

/*
 * The image has no lists of packages. Where somebody relies on cloud-init to have fetched them before his commands
 * run, as it does for "packages" too, it fetches them.
 */
static bool needs_lists(const struct definition *def)
{
	static const char *const keys[] = { "package_update", "package_upgrade" };
	const struct node *commands = node_get(def->root, "runcmd");
	bool asked = def->packages && *def->packages, yes;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		asked |= node_is_bool(node_get(def->root, keys[i]), &yes) && yes;
	return asked && commands && names_apt(commands);
}

/* The baked keys of which something may be left. */
static const struct {
	const char *key;
	struct node *(*left)(struct arena *a, const struct node *value);
} partly[] = {
	{ "write_files", left_files },
};

static struct node *left_of(struct arena *a, const char *key, struct node *value)
{
	const struct cloud_key *k = cloud_key_find(key);

	if (!k)
		return NULL;
	if (k->fate == FATE_LEFT)
		return value;
	for (size_t i = 0; i < ARRAY_SIZE(partly); i++) {
		if (strcmp(partly[i].key, key) == 0)
			return partly[i].left(a, value);
	}
	return NULL;
}

bool cloudconfig_part_left(const struct definition *def, const char *key)
{
	struct node *value = node_get(def->root, key);

	if (strcmp(key, "package_update") == 0)
		return needs_lists(def);
	return value && left_of(def->arena, key, value) != NULL;
}

void cloudconfig_residual(const struct definition *def, struct buf *out)
{
	struct node *left = node_map(def->arena, &def->root->at);

	for (size_t i = 0; i < def->root->n; i++) {
		const struct node *key = def->root->keys[i];
		struct node *value = left_of(def->arena, key->str, def->root->items[i]);

		if (value)
			node_set(def->arena, left, &key->at, key->str, value);
	}
	if (needs_lists(def)) {
		struct node *yes = node_scalar(def->arena, &def->root->at, "true", 4);

		yes->quoted = false;
		node_set(def->arena, left, &def->root->at, "package_update", yes);
	}
	buf_adds(out, "#cloud-config\n");
	node_write_yaml(left, out);
}
