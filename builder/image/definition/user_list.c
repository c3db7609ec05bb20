/*
 * Normalising users and groups. The precedence for the default user is cloud-init's, surprising as it
 * is: what the distribution says of it wins over what the list says, but for groups, which add up.
 */
#include "user_list.h"
#include "arena.h"
#include "error.h"
#include "node.h"

#include <string.h>

static const struct mark nowhere;

static void add_words(struct arena *a, struct node *list, const char *text, const char *separators)
{
	while (*text) {
		size_t n;

		text += strspn(text, separators);
		n = strcspn(text, separators);
		while (n > 0 && text[n - 1] == ' ')
			n--;
		if (n > 0)
			node_append(a, list, node_scalar(a, &nowhere, text, n));
		text += strcspn(text, separators);
	}
}

const struct node *word_list(struct arena *a, const struct node *n)
{
	struct node *list = node_list(a, &nowhere);

	if (!n || node_is_null(n))
		return list;
	if (n->kind == NODE_SCALAR)
		add_words(a, list, n->str, ", ");
	for (size_t i = 0; n->kind != NODE_SCALAR && i < n->n; i++) {
		const struct node *word = n->kind == NODE_MAP ? n->keys[i] : n->items[i];

		if (word->kind == NODE_SCALAR)
			add_words(a, list, word->str, ", ");
	}
	return list;
}

bool word_list_has(const struct node *list, const char *word)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->items[i]->str, word) == 0)
			return true;
	return false;
}

/* The words of both, each once. */
static struct node *union_of(struct arena *a, const struct node *x, const struct node *y)
{
	struct node *all = node_list(a, &nowhere);

	for (size_t i = 0; i < x->n; i++)
		if (!word_list_has(all, x->items[i]->str))
			node_append(a, all, x->items[i]);
	for (size_t i = 0; i < y->n; i++)
		if (!word_list_has(all, y->items[i]->str))
			node_append(a, all, y->items[i]);
	return all;
}

/* Adds the keys of from that into lacks: the earlier wins. */
static void fill(struct arena *a, struct node *into, const struct node *from)
{
	for (size_t i = 0; from && from->kind == NODE_MAP && i < from->n; i++) {
		char *key = arena_strdup(a, from->keys[i]->str);

		if (strcmp(key, "name") == 0)
			continue;
		for (char *p = key; *p; p++)
			if (*p == '-')
				*p = '_';
		if (!node_get(into, key))
			node_set(a, into, &from->keys[i]->at, key, from->items[i]);
	}
}

static void add_user(struct arena *a, struct node *list, const char *name, const struct node *keys)
{
	struct node *user = node_get(list, name);

	if (!user) {
		user = node_map(a, &nowhere);
		node_set(a, list, &nowhere, name, user);
	}
	fill(a, user, keys);
}

static void add_names(struct arena *a, struct node *list, const struct node *names)
{
	const struct node *words = word_list(a, names);

	for (size_t i = 0; i < words->n; i++)
		add_user(a, list, words->items[i]->str, NULL);
}

static int add_entry(struct arena *a, struct node *list, const struct node *n, struct error *e)
{
	const struct node *name;

	if (n->kind != NODE_MAP) {
		add_names(a, list, n);
		return 0;
	}
	name = node_get(n, "name");
	if (name && !node_str(name))
		return error_set(e, ERR_INVALID, "the name of a user must be text");
	add_user(a, list, name ? node_str(name) : "default", n);
	return 0;
}

/* {name: {…}, name: true} */
static void add_map(struct arena *a, struct node *list, const struct node *users)
{
	for (size_t i = 0; i < users->n; i++) {
		bool yes = false;

		node_is_bool(users->items[i], &yes);
		if (users->items[i]->kind == NODE_MAP || yes)
			add_user(a, list, users->keys[i]->str, users->items[i]);
	}
}

/*
 * The default user takes part at the end of the list, unless it stands there under its own name: then
 * at that place's end too, since cloud-init takes both entries out and adds the merged one.
 */
static const char *merge_default(struct arena *a, struct node *list, const struct node *user)
{
	struct node *entry = node_get(list, "default"), *own, *merged;
	const char *name = node_str(node_get(user, "name"));
	const struct node *groups;

	if (!entry)
		return NULL;
	node_remove(list, "default");
	if (!name)
		return NULL;
	own = node_get(list, name);
	groups = union_of(
		a, word_list(a, node_get(own, "groups")), word_list(a, node_get(user, "groups")));
	merged = node_map(a, &nowhere);
	fill(a, merged, user);
	node_remove(merged, "groups");
	fill(a, merged, entry);
	if (!node_get(merged, "groups"))
		node_set(a, merged, &nowhere, "groups", node_copy(a, groups));
	fill(a, merged, own);
	if (own)
		node_remove(list, name);
	node_set(a, list, &nowhere, name, merged);
	return name;
}

int user_list(struct arena *a, const struct node *users, const struct node *default_user,
	const struct node **ret, const char **ret_default, struct error *e)
{
	struct node *list = node_map(a, &nowhere);

	if (users && users->kind == NODE_MAP)
		add_map(a, list, users);
	else if (users && users->kind == NODE_SCALAR)
		add_names(a, list, users);
	for (size_t i = 0; users && users->kind == NODE_LIST && i < users->n; i++) {
		int r = add_entry(a, list, users->items[i], e);

		if (r < 0)
			return r;
	}
	*ret_default = merge_default(a, list, default_user);
	*ret = list;
	return 0;
}

static void add_group(
	struct arena *a, struct node *list, const char *name, const struct node *members)
{
	const struct node *words = word_list(a, members), *old = node_get(list, name);

	node_set(a, list, &nowhere, name, old ? union_of(a, old, words) : node_copy(a, words));
}

int group_list(struct arena *a, const struct node *groups, const struct node **ret, struct error *e)
{
	struct node *list = node_map(a, &nowhere);
	const struct node *n = node_is_null(groups) ? list : groups;

	if (n->kind == NODE_SCALAR)
		n = word_list(a, n);
	for (size_t i = 0; n->kind == NODE_MAP && i < n->n; i++)
		add_group(a, list, n->keys[i]->str, n->items[i]);
	for (size_t i = 0; n->kind == NODE_LIST && i < n->n; i++) {
		const struct node *item = n->items[i];

		if (item->kind == NODE_LIST)
			return error_set(e, ERR_INVALID,
				"a group must be a name, or a map of a name to its members");
		if (item->kind == NODE_SCALAR)
			add_group(a, list, item->str, NULL);
		for (size_t j = 0; item->kind == NODE_MAP && j < item->n; j++)
			add_group(a, list, item->keys[j]->str, item->items[j]);
	}
	*ret = list;
	return 0;
}
