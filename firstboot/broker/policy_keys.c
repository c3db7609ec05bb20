/* Keys by their rules, and how one is refused; for the other files of the policy. */
#include "policy_parts.h"

#include "node.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int refuse(struct look *l, const char *key, const char *fmt, ...)
{
	va_list ap;

	snprintf(l->v->where, sizeof l->v->where, "%s", l->where);
	snprintf(l->v->key, sizeof l->v->key, "%s", key);
	va_start(ap, fmt);
	vsnprintf(l->v->why, sizeof l->v->why, fmt, ap);
	va_end(ap);
	return POLICY_REFUSED;
}

bool policy_says_nothing(const struct node *n)
{
	bool yes = true;

	if (node_is_null(n) || (n->kind != NODE_SCALAR && n->n == 0))
		return true;
	if (n->kind != NODE_SCALAR)
		return false;
	return n->len == 0 || (node_is_bool(n, &yes) && !yes);
}

int check_keys(struct look *l, const struct node *map, const struct rule *rules)
{
	if (node_is_null(map))
		return 0;
	if (map->kind != NODE_MAP)
		return refuse(l, "", "it is no map");
	for (size_t i = 0; i < map->n; i++) {
		const char *key = map->keys[i]->str;
		const struct rule *r = rules;

		if (strncmp(key, "x-", 2) == 0 || policy_says_nothing(map->items[i]))
			continue;
		while (r->key && strcmp(r->key, key) != 0)
			r++;
		if (!r->key)
			return refuse(l, key, "this key is not among those that are allowed");
		if (r->check && r->check(l, key, map->items[i]))
			return POLICY_REFUSED;
	}
	return 0;
}

int check_word(struct look *l, const char *key, const struct node *value, const char *const *words)
{
	const char *text = node_str(value);

	if (!text)
		return refuse(l, key, "it is no text");
	for (; *words; words++) {
		if (strcmp(*words, text) == 0)
			return 0;
	}
	return refuse(l, key, "'%s' is not among what is allowed", text);
}
