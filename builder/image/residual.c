/*
 * What is left for first boot. The user-data must be complete and no more than that: a baked key
 * that comes again would be done again, and cloud-init refuses keys it does not know.
 */
#include "arena.h"
#include "buf.h"
#include "cloudconfig.h"
#include "definition.h"
#include "mark.h"
#include "node.h"

#include <string.h>

static struct node *keep(struct arena *a, struct node *to, const struct node *from, const char *key)
{
	struct node *value = node_get(from, key);

	if (value)
		node_set(a, to, &value->at, key, value);
	return value;
}

static bool is_default(const struct node *user)
{
	const char *name =
		user->kind == NODE_MAP ? node_str(node_get(user, "name")) : node_str(user);

	return name ? strcmp(name, "default") == 0 : user->kind == NODE_MAP;
}

/*
 * cloud-init does to a user that exists only what is asked; but a password is locked unless it is
 * told not to, so that a "lock_passwd: false" must come along.
 */
static struct node *stub_of(struct arena *a, const struct node *user)
{
	struct node *stub = node_map(a, &user->at);
	bool locked = true;

	keep(a, stub, user, "name");
	keep(a, stub, user, "ssh_import_id");
	keep(a, stub, user, "ssh_redirect_user");
	if (node_is_bool(node_get(user, "lock_passwd"), &locked) && !locked)
		keep(a, stub, user, "lock_passwd");
	return stub;
}

static bool needs_instance(const struct node *user)
{
	return node_get(user, "ssh_import_id") || node_get(user, "ssh_redirect_user");
}

/* A user by name only: any form in which it was written, as {name: …}. */
static struct node *stub_of_any(struct arena *a, const struct node *user)
{
	struct node *stub;

	if (user->kind == NODE_MAP)
		return stub_of(a, user);
	stub = node_map(a, &user->at);
	node_set(a, stub, &user->at, "name", node_scalar(a, &user->at, user->str, user->len));
	return stub;
}

/*
 * The users that the instance must still see. Without any "users", cloud-init makes the image's
 * default user: that is right when the definition has "default" or no users at all. When it has
 * others only, one of them is named, so that cloud-init makes none.
 */
static struct node *left_users(struct arena *a, const struct node *users)
{
	struct node *left = node_list(a, &users->at);
	const struct node *first = NULL;
	bool has_default = false, plain_default = false;

	if (users->kind != NODE_LIST || users->n == 0)
		return users->n == 0 && users->kind == NODE_LIST ? node_copy(a, users) : NULL;
	for (size_t i = 0; i < users->n; i++) {
		const struct node *user = users->items[i];

		if (is_default(user)) {
			has_default = true;
			plain_default = plain_default || user->kind == NODE_SCALAR;
			if (user->kind == NODE_MAP && user->n > 1)
				node_append(a, left, node_copy(a, user));
			continue;
		}
		if (!first && user->kind != NODE_LIST)
			first = user;
		if (user->kind == NODE_MAP && needs_instance(user))
			node_append(a, left, stub_of(a, user));
	}
	if (left->n > 0 && plain_default)
		node_append(a, left, node_scalar(a, &users->at, "default", 7));
	if (left->n == 0 && !has_default && first)
		node_append(a, left, stub_of_any(a, first));
	return left->n > 0 ? left : NULL;
}

static struct node *left_files(struct arena *a, const struct node *files)
{
	struct node *left = node_list(a, &files->at);

	for (size_t i = 0; i < files->n; i++) {
		if (!node_is_null(node_get(files->items[i], "source")))
			node_append(a, left, files->items[i]);
	}
	return left->n > 0 ? left : NULL;
}

static struct node *left_root(struct arena *a, const struct node *value)
{
	bool on = true;

	return node_is_bool(value, &on) && !on ? node_copy(a, value) : NULL;
}

/* The baked keys of which something may be left. */
static const struct {
	const char *key;
	struct node *(*left)(struct arena *a, const struct node *value);
} partly[] = {
	{ "disable_root", left_root },
	{ "users", left_users },
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
