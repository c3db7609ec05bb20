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
	buf_adds(out, "#cloud-config\n");
	node_write_yaml(left, out);
}
