/* Maps as YAML has them: no key twice, and "<<" for the keys of others. */
#include "yaml_merge.h"

#include "alloc.h"
#include "mark.h"
#include "node.h"

#include <string.h>

struct entry {
	const struct node *key;
	size_t index;
};

static int by_key(const void *pa, const void *pb)
{
	const struct entry *a = pa, *b = pb;
	int r = strcmp(a->key->str, b->key->str);

	return r != 0 ? r : a->index < b->index ? -1 : 1;
}

static int key_is(const void *text, const void *e)
{
	return strcmp(text, ((const struct entry *)e)->key->str);
}

/* The keys of a map, sorted; a foreign file may have tens of thousands, so nothing here is quadratic. */
static struct entry *sorted_keys(const struct node *map)
{
	struct entry *v = xcalloc(map->n + 1, sizeof *v);

	for (size_t i = 0; i < map->n; i++)
		v[i] = (struct entry){ map->keys[i], i };
	qsort(v, map->n, sizeof *v, by_key);
	return v;
}

void yaml_complain_repeated(const struct node *map, struct diags *d)
{
	_free_ struct entry *v = sorted_keys(map);

	for (size_t i = 1; i < map->n; i++) {
		const struct mark *at = &v[i].key->at;
		bool merge = strcmp(v[i].key->str, "<<") == 0;

		if (strcmp(v[i - 1].key->str, v[i].key->str) != 0)
			continue;
		diag_add(d, DIAG_ERROR, at, "repeated-key", merge ? "write '<<: [*a, *b]'" : NULL,
			"the key '%s' is given twice (first in line %u)", v[i].key->str,
			v[i - 1].key->at.line);
	}
}

/* Adds what map lacks of source: its own keys win, and so does what was merged earlier. */
static void merge_one(struct arena *a, struct node *map, const struct node *source, struct diags *d)
{
	_free_ struct entry *have = NULL;
	size_t n = map->n;

	if (source->kind != NODE_MAP) {
		diag_add(d, DIAG_ERROR, &source->at, "bad-merge", NULL,
			"'<<' takes a map or a list of maps, not %s", node_what(source));
		return;
	}
	have = sorted_keys(map);
	for (size_t i = 0; i < source->n; i++) {
		if (!bsearch(source->keys[i]->str, have, n, sizeof *have, key_is))
			node_add(a, map, source->keys[i], source->items[i]);
	}
}

static bool is_merge_key(const struct node *key)
{
	return !key->quoted && strcmp(key->str, "<<") == 0;
}

/* Takes the merge key's value out of the map and in its place what the map lacks of it. */
void yaml_apply_merge(struct arena *a, struct node *map, struct diags *d)
{
	struct node *source = NULL;

	for (size_t i = 0; i < map->n && !source; i++) {
		if (is_merge_key(map->keys[i]))
			source = map->items[i];
	}
	if (!source)
		return;
	node_remove(map, "<<");
	if (source->kind != NODE_LIST) {
		merge_one(a, map, source, d);
		return;
	}
	for (size_t i = 0; i < source->n; i++)
		merge_one(a, map, source->items[i], d);
}
