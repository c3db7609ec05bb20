/* A definition, from file to checked struct; the parts are in kbuild_*.c and cloudconfig*.c. */
#include "definition.h"

#include "alloc.h"
#include "app_defaults.h"
#include "arena.h"
#include "buf.h"
#include "cloudconfig.h"
#include "definition_parts.h"
#include "error.h"
#include "fd.h"
#include "include.h"
#include "mark.h"
#include "node.h"
#include "schema.h"
#include "yaml_tree.h"

#include <fcntl.h>
#include <string.h>

/* cloud-init knows a file by its first line, so the definition must have it. */
static void check_header(const struct definition *def, struct diags *d)
{
	const struct mark at = { def->path, 1, 1 };
	_buf_ text = BUF_INIT;
	const char *line;

	if (file_read(AT_FDCWD, def->path, YAML_SIZE_MAX, &text) < 0)
		return; /* it was read a moment ago; whoever reads it next will say */
	line = buf_str(&text);
	if (strncmp(line, "## template:", 12) == 0)
		diag_add(d, DIAG_ERROR, &at, "template",
			"write the values, or leave them to runcmd",
			"a template is filled in on the instance, so nothing of it could be baked");
	else if (strncmp(line, "#cloud-config", 13) != 0 || !strchr("\r\n \t", line[13]))
		diag_add(d, DIAG_ERROR, &at, "no-header", "cloud-init knows its files by that line",
			"the first line must be '#cloud-config'");
}

struct package_list {
	struct definition *def;
	const char **v;
	size_t n;
};

/* One entry: "name", "name=version", [name, version]; or {apt: [entries]}. */
static void add_entry(struct package_list *l, const struct node *entry)
{
	const struct node *apt = node_get(entry, "apt");

	if (node_str(entry))
		l->v[l->n++] = entry->str;
	else if (entry->kind == NODE_LIST && entry->n == 2 && node_str(entry->items[0]) &&
		 node_str(entry->items[1]))
		l->v[l->n++] = arena_printf(
			l->def->arena, "%s=%s", entry->items[0]->str, entry->items[1]->str);
	for (size_t i = 0; apt && apt->kind == NODE_LIST && i < apt->n; i++) {
		if (apt->items[i]->kind != NODE_MAP)
			add_entry(l, apt->items[i]);
	}
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted, each once: in which order and how often they are asked for changes nothing. */
void definition_packages(struct definition *def)
{
	const struct node *list = definition_key(def, "packages"), *apt;
	struct package_list l = { .def = def };
	size_t room = 1, kept = 0;

	if (list && list->kind != NODE_LIST)
		list = NULL;
	for (size_t i = 0; list && i < list->n; i++) {
		apt = node_get(list->items[i], "apt");
		room += 1 + (apt ? apt->n : 0);
	}
	l.v = arena_alloc(def->arena, room * sizeof *l.v);
	for (size_t i = 0; list && i < list->n; i++)
		add_entry(&l, list->items[i]);
	qsort(l.v, l.n, sizeof *l.v, by_text);
	for (size_t i = 0; i < l.n; i++) {
		if (i == 0 || strcmp(l.v[i], l.v[kept - 1]) != 0)
			l.v[kept++] = l.v[i];
	}
	l.v[kept] = NULL;
	def->packages = l.v;
}

int definition_read(struct definition **ret, const char *path, struct diags *d, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct definition *def = arena_alloc(a, sizeof *def);
	struct node *root;
	int r;

	*def = (struct definition){
		.arena = a,
		.path = arena_strdup(a, path),
		.architecture = "amd64",
		.bootable = true,
		.disk_size = 4 * GIB,
	};
	r = include_read(&root, &def->files, a, def->path, d, e);
	if (r < 0)
		return r;
	def->root = root;
	(void)TAKE(a);
	*ret = def;
	return 0;
}

int definition_check(struct definition *def, struct diags *d, struct error *e)
{
	const struct schema top = { def->arena, d, NULL }, inner = { def->arena, d, "kbuild" };
	const struct node *kbuild = definition_key(def, "kbuild");

	check_header(def, d);
	definition_packages(def);
	if (kbuild)
		kbuild_section_read(&inner, def, kbuild);
	else
		diag_add(d, DIAG_ERROR, &def->root->at, "missing-key",
			"add 'kbuild: {name: web, base: {distribution: debian, release: trixie}}'",
			"the key 'kbuild' is missing");
	cloudconfig_check(&top, def);
	return diags_result(d, def->path, e);
}

int definition_load(struct definition **ret, const char *path, struct diags *d, struct error *e)
{
	_cleanup_(definition_freep) struct definition *def = NULL;
	int r;

	r = definition_read(&def, path, d, e);
	if (r < 0)
		return r;
	r = definition_check(def, d, e);
	if (r < 0)
		return r;
	*ret = TAKE(def);
	return 0;
}

void definition_free(struct definition *def)
{
	if (def)
		arena_free(def->arena);
}

const struct node *definition_key(const struct definition *def, const char *key)
{
	return node_get(def->root, key);
}

const char *definition_app(const struct definition *def, const char *key)
{
	static const char *const defaults[][2] = { { "branch", APP_BRANCH },
		{ "compose", APP_COMPOSE }, { "images", "pull" } };
	const char *text = node_str(node_get(def->app, key));

	for (size_t i = 0; !text && i < ARRAY_SIZE(defaults); i++) {
		if (strcmp(defaults[i][0], key) == 0)
			text = defaults[i][1];
	}
	return text;
}

bool definition_bakes_images(const struct definition *def)
{
	return def->app && strcmp(definition_app(def, "images"), "bake") == 0;
}
