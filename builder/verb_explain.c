/*
 * kbuild explain: what becomes of each key of a definition. Refused keys are shown in the same
 * table, and complained about after it.
 */
#include "arena.h"
#include "buf.h"
#include "cloudconfig.h"
#include "ctx.h"
#include "definition.h"
#include "error.h"
#include "json.h"
#include "kbuild_keys.h"
#include "mark.h"
#include "node.h"
#include "verbs.h"

#include <stdio.h>
#include <string.h>

static const struct verb_option options[] = {
	{ "user-data", NULL, "print what is left for first boot: the server's user-data", 0 },
	{ "all", NULL, "list every key that kbuild knows; FILE is not needed", 'a' },
	{},
};

struct row {
	const char *key, *becomes, *why;
	const struct mark *at; /* NULL: of no file */
};

struct rows {
	struct row *v;
	size_t n;
};

static void add_row(struct rows *rows, const char *key, const char *becomes, const char *why,
	const struct mark *at)
{
	rows->v[rows->n++] = (struct row){ key, becomes, why, at };
}

static void add_cloud_key(struct rows *rows, const struct definition *def, const struct node *key)
{
	const struct cloud_key *k = cloud_key_find(key->str);
	enum fate fate;

	if (!k) {
		add_row(rows, key->str, "refused", "neither cloud-init nor kbuild knows it",
			&key->at);
		return;
	}
	fate = cloud_key_fate(k, def->distribution);
	if (fate == FATE_BAKED && cloudconfig_part_left(def, key->str))
		add_row(rows, key->str, "baked, in part left", k->why, &key->at);
	else if (fate == FATE_REFUSED && k->fate != FATE_REFUSED)
		add_row(rows, key->str, "refused", "cloud-init does it on Ubuntu only", &key->at);
	else
		add_row(rows, key->str, fate_name(fate), k->why, &key->at);
}

static void add_kbuild_keys(struct rows *rows, const struct definition *def, const struct node *map)
{
	for (size_t i = 0; map->kind == NODE_MAP && i < map->n; i++) {
		const struct kbuild_key *k = kbuild_key_find(map->keys[i]->str);
		const char *name = arena_printf(def->arena, "kbuild.%s", map->keys[i]->str);

		add_row(rows, name, k ? k->becomes : "refused", k ? k->why : "there is no such key",
			&map->keys[i]->at);
	}
}

static void collect(struct rows *rows, const struct definition *def)
{
	const struct node *root = def->root, *kbuild = definition_key(def, "kbuild");

	rows->v =
		arena_alloc(def->arena, (root->n + (kbuild ? kbuild->n : 0) + 1) * sizeof *rows->v);
	for (size_t i = 0; i < root->n; i++) {
		if (strcmp(root->keys[i]->str, "kbuild") == 0)
			add_kbuild_keys(rows, def, root->items[i]);
		else
			add_cloud_key(rows, def, root->keys[i]);
	}
}

static void collect_all(struct rows *rows, struct arena *a)
{
	size_t n, m;
	const struct cloud_key *cloud = cloud_key_table(&n);
	const struct kbuild_key *ours = kbuild_key_table(&m);

	rows->v = arena_alloc(a, (n + m) * sizeof *rows->v);
	for (size_t i = 0; i < n; i++) {
		const char *why = cloud[i].why;

		if (cloud[i].now)
			why = arena_printf(a, "an old spelling of '%s'", cloud[i].now);
		else if (cloud[i].distribution)
			why = arena_printf(a, "%s (%s only)", why, cloud[i].distribution);
		add_row(rows, cloud[i].key, fate_name(cloud[i].fate), why, NULL);
	}
	for (size_t i = 0; i < m; i++)
		add_row(rows, arena_printf(a, "kbuild.%s", ours[i].key), ours[i].becomes,
			ours[i].why, NULL);
}

static void write_table(const struct rows *rows, struct buf *out)
{
	size_t key = strlen("KEY"), becomes = strlen("BECOMES");

	for (size_t i = 0; i < rows->n; i++) {
		key = MAX(key, strlen(rows->v[i].key));
		becomes = MAX(becomes, strlen(rows->v[i].becomes));
	}
	key = MIN(key, 40);
	buf_printf(out, "%-*s  %-*s  %s\n", (int)key, "KEY", (int)becomes, "BECOMES", "WHY");
	for (size_t i = 0; i < rows->n; i++)
		buf_printf(out, "%-*s  %-*s  %s\n", (int)key, rows->v[i].key, (int)becomes,
			rows->v[i].becomes, rows->v[i].why);
}

static void add_member(struct buf *out, const char *key, const char *value)
{
	buf_printf(out, "\"%s\": ", key);
	json_write_string(out, value, strlen(value));
}

static void write_json(const struct rows *rows, struct buf *out)
{
	buf_adds(out, "[");
	for (size_t i = 0; i < rows->n; i++) {
		const struct row *r = &rows->v[i];

		buf_adds(out, i ? ",\n  {" : "\n  {");
		add_member(out, "key", r->key);
		buf_adds(out, ", ");
		add_member(out, "becomes", r->becomes);
		buf_adds(out, ", ");
		add_member(out, "why", r->why);
		if (r->at) {
			buf_adds(out, ", ");
			add_member(out, "file", r->at->file);
			buf_printf(out, ", \"line\": %u, \"column\": %u", r->at->line, r->at->col);
		}
		buf_adds(out, "}");
	}
	buf_adds(out, "\n]\n");
}

static int print_rows(const struct ctx *c, const struct rows *rows)
{
	_buf_ out = BUF_INIT;

	if (c->json)
		write_json(rows, &out);
	else
		write_table(rows, &out);
	fputs(buf_str(&out), stdout);
	return 0;
}

static int print_all(const struct ctx *c)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct rows rows = {};

	collect_all(&rows, a);
	return print_rows(c, &rows);
}

static int run(struct ctx *c, const struct verb_args *a, struct error *e)
{
	_cleanup_(definition_freep) struct definition *def = NULL;
	struct rows rows = {};
	_buf_ out = BUF_INIT;
	int r, checked;

	if (verb_opt(a, "all"))
		return print_all(c);
	if (!verb_arg(a, 0))
		return error_set(e, ERR_USAGE, "name a definition, or give --all");
	r = definition_read(&def, verb_arg(a, 0), &c->diags, e);
	if (r < 0)
		return r;
	checked = definition_check(def, &c->diags, e);
	if (verb_opt(a, "user-data")) {
		if (checked < 0)
			return checked;
		cloudconfig_residual(def, &out);
		fputs(buf_str(&out), stdout);
		return 0;
	}
	/* With --json there is one document on stdout: the table, or the error. */
	if (checked == 0 || !c->json) {
		collect(&rows, def);
		print_rows(c, &rows);
	}
	return checked;
}

const struct verb verb_explain = {
	.name = "explain",
	.args = "[FILE]",
	.summary = "say what becomes of each key of a definition, and why",
	.max = 1,
	.options = options,
	.examples =
		"  kbuild explain images/demo.yaml\n"
		"  kbuild explain --user-data images/demo.yaml\n"
		"  kbuild explain --all\n",
	.run = run,
};
