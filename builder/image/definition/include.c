/* Includes and their merging; see include.h for the rules. */
#include "include.h"

#include "arena.h"
#include "buf.h"
#include "cloudconfig.h"
#include "definition.h"
#include "digest.h"
#include "error.h"
#include "mark.h"
#include "node.h"
#include "schema.h"
#include "yaml_tree.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct includer {
	struct arena *arena;
	struct diags *diags;
	struct definition_file files[INCLUDE_FILES_MAX + 1];
	size_t n;
	struct stat open[INCLUDE_DEPTH_MAX]; /* the chain of files that include each other */
	unsigned depth;
	bool failed; /* a file could not be read: what it lacks is not worth a complaint */
};

static const char *const ways[] = { "append", "prepend", "replace", NULL };

/* What kbuild.merge of the including file says about the list at path. */
static const char *way_of(const struct node *rules, const char *path)
{
	const char *way = node_str(node_get(rules, path));

	return way ? way : "replace";
}

static struct node *join_lists(
	struct arena *a, const struct node *first, const struct node *second, const struct mark *at)
{
	struct node *list = node_list(a, at);

	for (size_t i = 0; i < first->n; i++)
		node_append(a, list, first->items[i]);
	for (size_t i = 0; i < second->n; i++)
		node_append(a, list, second->items[i]);
	return list;
}

/* over over base, both of the same path; NULL when over takes the value away. */
static struct node *merge(struct arena *a, struct node *base, struct node *over,
	const struct node *rules, const char *path)
{
	const char *way;

	if (node_is_null(over))
		return NULL;
	if (base->kind == NODE_LIST && over->kind == NODE_LIST) {
		way = way_of(rules, path);
		if (strcmp(way, "append") == 0)
			return join_lists(a, base, over, &over->at);
		if (strcmp(way, "prepend") == 0)
			return join_lists(a, over, base, &over->at);
		return over;
	}
	if (base->kind != NODE_MAP || over->kind != NODE_MAP)
		return over;
	for (size_t i = 0; i < over->n; i++) {
		const struct node *key = over->keys[i];
		struct node *old = node_get(base, key->str), *value = over->items[i];

		if (!old && node_is_null(value))
			continue; /* it takes away what is not there */
		if (old)
			value = merge(a, old, value, rules,
				*path ? arena_printf(a, "%s.%s", path, key->str) : key->str);
		if (value)
			node_set(a, base, &key->at, key->str, value);
		else
			node_remove(base, key->str);
	}
	base->at = over->at;
	return base;
}

static int read_one(struct includer *in, struct node **ret, const char *path, struct error *e);

/* A path of an include, relative to the directory of the file that names it. */
static const char *beside(struct arena *a, const char *file, const char *path)
{
	const char *slash = strrchr(file, '/');

	if (*path == '/' || !slash)
		return path;
	return arena_printf(a, "%.*s/%s", (int)(slash - file), file, path);
}

/* Reads what "include" names into one tree, *ret NULL when there is nothing. */
static int read_includes(struct includer *in, struct node **ret, const struct node *list,
	const struct node *rules, struct error *e)
{
	const struct node *one = list;
	size_t n = 1;

	if (list->kind == NODE_LIST)
		n = list->n;
	for (size_t i = 0; i < n; i++) {
		const struct node *item = list->kind == NODE_LIST ? list->items[i] : one;
		struct node *tree = NULL;
		int r;

		if (!node_str(item) || !*item->str) {
			diag_add(in->diags, DIAG_ERROR, &item->at, "wrong-value", NULL,
				"'kbuild.include' must be a list of files, not %s",
				node_what(item));
			continue;
		}
		r = read_one(in, &tree, beside(in->arena, item->at.file, item->str), e);
		if (r < 0) {
			in->failed = true;
			if (r != -ERR_INVALID)
				diag_add(in->diags, DIAG_ERROR, &item->at, "include", NULL, "%s",
					e->msg);
			continue;
		}
		*ret = *ret ? merge(in->arena, *ret, tree, rules, "") : tree;
	}
	return 0;
}

/* kbuild.merge: {PATH OF A LIST: append | prepend | replace}. */
static void check_rules(struct includer *in, const struct node *root, const struct node *rules)
{
	const struct schema s = { .arena = in->arena, .diags = in->diags, .where = "kbuild.merge" };

	if (!rules)
		return;
	if (rules->kind != NODE_MAP) {
		diag_add(in->diags, DIAG_ERROR, &rules->at, "wrong-value", NULL,
			"'kbuild.merge' must be a map such as {packages: append}, not %s",
			node_what(rules));
		return;
	}
	for (size_t i = 0; i < rules->n; i++) {
		const struct node *key = rules->keys[i], *list = node_path(root, key->str);
		const struct field f = { .key = key->str, .arg = ways };
		const char *word;

		field_word(&s, &f, rules->items[i], &word);
		if (!list || list->kind != NODE_LIST)
			diag_add(in->diags, DIAG_ERROR, &key->at, "unknown-key",
				"name a list of this file by its path: packages, kbuild.firewall.allow",
				"'kbuild.merge' names '%s', which is no list here", key->str);
	}
}

static int enter(struct includer *in, const char *path, struct error *e)
{
	struct stat *st = &in->open[in->depth];

	if (in->n == INCLUDE_FILES_MAX)
		return error_set(e, ERR_FAILED, "more than %d files", INCLUDE_FILES_MAX);
	if (stat(path, st) < 0)
		return 0; /* reading it says why */
	if (in->depth > 0 && !S_ISREG(st->st_mode))
		return error_set(e, ERR_FAILED, "%s is no file", path);
	for (unsigned i = 0; i < in->depth; i++) {
		if (in->open[i].st_dev == st->st_dev && in->open[i].st_ino == st->st_ino)
			return error_set(e, ERR_FAILED, "%s includes itself", path);
	}
	return 0;
}

/* Its digest is of what is parsed here: read again, it could be what was saved since. */
static int read_file(struct includer *in, struct node **ret, const char *path, struct error *e)
{
	struct definition_file *f = &in->files[in->n++];
	char *hex = arena_alloc(in->arena, SHA256_HEX);
	_buf_ text = BUF_INIT;
	int r;

	f->path = arena_strdup(in->arena, path);
	r = yaml_read_text(&text, path, in->diags, e);
	if (r < 0)
		return r;
	sha256_bytes(buf_str(&text), text.len, hex);
	f->sha256 = hex;
	return yaml_parse(ret, in->arena, f->path, buf_str(&text), text.len, in->diags, e);
}

static int read_one(struct includer *in, struct node **ret, const char *path, struct error *e)
{
	struct node *root, *kbuild, *rules, *base = NULL, *list;
	int r;

	if (in->depth == INCLUDE_DEPTH_MAX)
		return error_set(
			e, ERR_FAILED, "%s: included more than %d deep", path, INCLUDE_DEPTH_MAX);
	r = enter(in, path, e);
	if (r < 0)
		return r;
	r = read_file(in, &root, path, e);
	if (r < 0)
		return r;
	if (root->kind != NODE_MAP) {
		diag_add(in->diags, DIAG_ERROR, &root->at, "wrong-value", NULL,
			"a definition is a map of cloud-config keys, not %s", node_what(root));
		return diags_result(in->diags, path, e);
	}
	cloudconfig_rename(in->arena, root, in->diags);
	kbuild = node_get(root, "kbuild");
	list = node_get(kbuild, "include");
	rules = node_get(kbuild, "merge");
	check_rules(in, root, rules);
	if (list) {
		in->depth++;
		r = read_includes(in, &base, list, rules, e);
		in->depth--;
		if (r < 0)
			return r;
	}
	if (kbuild) {
		node_remove(kbuild, "include");
		node_remove(kbuild, "merge");
	}
	*ret = base ? merge(in->arena, base, root, rules, "") : root;
	return 0;
}

int include_read(struct node **ret, const struct definition_file **ret_files, struct arena *a,
	const char *path, struct diags *d, struct error *e)
{
	struct includer in = { .arena = a, .diags = d };
	struct definition_file *files;
	int r;

	r = read_one(&in, ret, path, e);
	if (r < 0)
		return r;
	if (in.failed)
		return diags_result(d, path, e);
	files = arena_alloc(a, (in.n + 1) * sizeof *files);
	memcpy(files, in.files, in.n * sizeof *files);
	*ret_files = files;
	return 0;
}
