/*
 * A good answer with one thing wrong: each member of it missing, null, of each other type, far too large, and
 * with a stranger beside it.
 */
#pragma once

#include "arena.h"
#include "node.h"

#include <string.h>

enum wrong { MISSING, NOTHING, NUMBER, TEXT, LIST, MAP, HUGE_TEXT, STRANGER, WRONGS };

/* The parent and place of the n-th member or item below root, counted from 0; false: there are not so many. */
static inline bool find(struct node *root, size_t *n, struct node **ret_parent, size_t *ret_place)
{
	for (size_t i = 0; root->kind != NODE_SCALAR && i < root->n; i++) {
		if ((*n)-- == 0) {
			*ret_parent = root;
			*ret_place = i;
			return true;
		}
		if (find(root->items[i], n, ret_parent, ret_place))
			return true;
	}
	return false;
}

static inline struct node *value(struct arena *a, enum wrong wrong)
{
	const struct mark nowhere = { 0 };
	static char huge[70000];
	struct node *n;

	memset(huge, 'x', sizeof huge - 1);
	switch (wrong) {
	case LIST:
		return node_list(a, &nowhere);
	case MAP:
		return node_map(a, &nowhere);
	case TEXT:
		return node_scalar(a, &nowhere, "\033[2J\r\nx: y", 9);
	case HUGE_TEXT:
		return node_scalar(a, &nowhere, huge, sizeof huge - 1);
	default:
		n = node_scalar(
			a, &nowhere, wrong == NUMBER ? "-17" : "null", wrong == NUMBER ? 3 : 4);
		n->quoted = false;
		return n;
	}
}

/* Breaks it; *ret_name is the member, or "" for an item of a list. */
static inline bool spoil(
	struct node *root, size_t n, enum wrong wrong, struct arena *a, const char **ret_name)
{
	const struct mark nowhere = { 0 };
	struct node *parent;
	size_t i;

	if (!find(root, &n, &parent, &i))
		return false;
	*ret_name = parent->kind == NODE_MAP ? parent->keys[i]->str : "";
	if (wrong == STRANGER && parent->kind == NODE_MAP) {
		node_set(a, parent, &nowhere, "stranger", value(a, MAP));
	} else if (wrong == STRANGER) {
		node_append(a, parent, value(a, MAP));
	} else if (wrong == MISSING && parent->kind == NODE_MAP) {
		node_remove(parent, parent->keys[i]->str);
	} else if (wrong == MISSING) {
		memmove(parent->items + i, parent->items + i + 1,
			(parent->n - i - 1) * sizeof *parent->items);
		parent->n--;
	} else {
		parent->items[i] = value(a, wrong);
	}
	return true;
}
