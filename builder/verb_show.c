/* kbuild show: the definition as it is obeyed, with the place from which each value comes. */
#include "buf.h"
#include "ctx.h"
#include "definition.h"
#include "effective.h"
#include "json.h"
#include "mark.h"
#include "node.h"
#include "verbs.h"

#include <stdio.h>
#include <string.h>

static void note(_unused_ void *arg, const struct node *n, struct buf *out)
{
	buf_adds(out, n->at.file);
	if (n->at.line > 0)
		buf_printf(out, ":%u", n->at.line);
}

static void add_origins(const struct node *n, const char *pointer, bool *first, struct buf *out);

/* One step of a JSON pointer (RFC 6901): '~' is "~0" and '/' is "~1". */
static void add_step(const struct node *n, size_t i, struct buf *pointer)
{
	buf_addc(pointer, '/');
	if (n->kind == NODE_LIST) {
		buf_printf(pointer, "%zu", i);
		return;
	}
	for (const char *p = n->keys[i]->str; *p; p++) {
		if (*p == '~' || *p == '/')
			buf_adds(pointer, *p == '~' ? "~0" : "~1");
		else
			buf_addc(pointer, *p);
	}
}

/* "POINTER": {"file": …, "line": N} for each value that is no map and no list with something in it. */
static void add_origins(const struct node *n, const char *pointer, bool *first, struct buf *out)
{
	for (size_t i = 0; i < n->n; i++) {
		_buf_ inner = BUF_INIT;

		buf_adds(&inner, pointer);
		add_step(n, i, &inner);
		add_origins(n->items[i], buf_str(&inner), first, out);
	}
	if (n->n > 0)
		return;
	buf_adds(out, *first ? "\n    " : ",\n    ");
	*first = false;
	json_write_string(out, pointer, strlen(pointer));
	buf_adds(out, ": {\"file\": ");
	json_write_string(out, n->at.file, strlen(n->at.file));
	buf_printf(out, ", \"line\": %u, \"column\": %u}", n->at.line, n->at.col);
}

static void write_json(const struct node *root, struct buf *out)
{
	bool first = true;

	buf_adds(out, "{\"definition\": ");
	node_write_json(root, 2, out);
	buf_adds(out, ",\n  \"origins\": {");
	add_origins(root, "", &first, out);
	buf_adds(out, "\n  }\n}\n");
}

static int run(struct ctx *c, const struct verb_args *a, struct error *e)
{
	_cleanup_(definition_freep) struct definition *def = NULL;
	const struct node *root;
	_buf_ out = BUF_INIT;
	int r;

	r = definition_load(&def, verb_arg(a, 0), &c->diags, e);
	if (r < 0)
		return r;
	root = definition_effective(def);
	if (c->json)
		write_json(root, &out);
	else
		node_write_yaml_noted(root, note, NULL, &out);
	fputs(buf_str(&out), stdout);
	return 0;
}

const struct verb verb_show = {
	.name = "show",
	.args = "FILE",
	.summary = "print the effective definition, with the origin of each value",
	.min = 1,
	.max = 1,
	.examples =
		"  kbuild show web.yaml\n"
		"  kbuild show --json web.yaml | jq .definition.kbuild.firewall\n",
	.run = run,
};
