/* kbuild build: make the image of a definition. */
#include "arena.h"
#include "buf.h"
#include "build.h"
#include "ctx.h"
#include "error.h"
#include "json.h"
#include "mark.h"
#include "secrets_file.h"
#include "verbs.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const struct verb_option options[] = {
	{ "output", "DIR", "where NAME/ is made (default: out)", 'o' },
	{ "format", "FORMATS", "raw (always made), or raw,qcow2", 0 },
	{ "secrets", "FILE",
		"credentials of registries, when images are baked (\"-\": standard input)", 0 },
	{ "force", NULL, "build although nothing changed", 'f' },
	{ "until", "STEP", "stop after lock, fetch, tree, agent, bake, seal or disk", 0 },
	{ "tree", "DIR", "copy the tree as it is then to a new DIR", 0 },
	{},
};

static int read_until(const char *word, enum build_step *ret, struct error *e)
{
	const char *names[BUILD_RECORD + 2] = { NULL };
	const char *near;

	for (enum build_step s = 0; s <= BUILD_RECORD; s++) {
		names[s] = build_step_name(s);
		if (strcmp(word, names[s]) == 0) {
			*ret = s;
			return 0;
		}
	}
	near = nearest_word(word, names);
	return error_set(e, ERR_USAGE, "--until: there is no step '%s'; %s%s%s", word,
		near ? "did you mean '" : "",
		near ? near : "the steps are lock, fetch, tree, agent, bake, seal, disk, record",
		near ? "'?" : "");
}

static int read_formats(const char *text, struct build_options *o, struct error *e)
{
	if (strcmp(text, "raw") == 0)
		return 0;
	if (strcmp(text, "qcow2") != 0 && strcmp(text, "raw,qcow2") != 0)
		return error_set(e, ERR_USAGE, "--format is raw or raw,qcow2, not '%s'", text);
	o->qcow2 = true;
	return 0;
}

static int read_tree(const char *directory, struct build_options *o, struct error *e)
{
	struct stat st;

	if (o->until < BUILD_TREE)
		return error_set(e, ERR_USAGE,
			"--tree needs a tree: use it with --until tree, bake or seal");
	if (lstat(directory, &st) == 0)
		return error_set(
			e, ERR_FAILED, "%s exists; --tree makes a new directory", directory);
	o->tree = directory;
	return 0;
}

static void add_text(struct buf *out, const char *key, const char *text)
{
	buf_printf(out, "%s\"%s\":", out->len ? "," : "{", key);
	json_write_string(out, text, strlen(text));
}

/* Of an image only when there is one: it is no result of the steps before. */
static void print_json(const struct build_options *o, const struct build_result *b)
{
	_buf_ out = BUF_INIT;

	add_text(&out, "name", b->name);
	if (o->tree)
		add_text(&out, "tree", o->tree);
	if (o->until == BUILD_RECORD) {
		add_text(&out, "directory", b->directory);
		add_text(&out, "disk", b->disk);
		add_text(&out, "image", b->image);
		buf_printf(&out, ",\"unchanged\":%s", b->unchanged ? "true" : "false");
	} else {
		add_text(&out, "step", build_step_name(o->until));
	}
	buf_addc(&out, '}');
	puts(buf_str(&out));
}

static int run(struct ctx *c, const struct verb_args *a, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	_cleanup_(build_result_free) struct build_result result = BUILD_RESULT_INIT;
	struct build_options o = BUILD_OPTIONS_INIT;
	int r;

	o.definition = verb_arg(a, 0);
	o.output = verb_opt(a, "output");
	o.force = verb_opt(a, "force") != NULL;
	if (verb_opt(a, "until")) {
		r = read_until(verb_opt(a, "until"), &o.until, e);
		if (r < 0)
			return r;
	}
	if (verb_opt(a, "tree")) {
		r = read_tree(verb_opt(a, "tree"), &o, e);
		if (r < 0)
			return r;
	}
	if (verb_opt(a, "format")) {
		r = read_formats(verb_opt(a, "format"), &o, e);
		if (r < 0)
			return r;
	}
	r = secrets_file_read(c, verb_opt(a, "secrets"), arena, &o.secrets, e);
	if (r < 0)
		return r;
	r = build_run(c, &o, &result, e);
	if (r < 0)
		return r;
	if (c->json)
		print_json(&o, &result);
	else if (result.unchanged)
		printf("%s is up to date: %s\n", result.name, result.disk);
	else if (o.until == BUILD_RECORD)
		printf("%s: %s (image %.12s)\n", result.name, result.disk, result.image);
	return 0;
}

const struct verb verb_build = {
	.name = "build",
	.args = "FILE",
	.summary = "make the image of a definition",
	.min = 1,
	.max = 1,
	.options = options,
	.examples =
		"  kbuild build images/demo.yaml\n"
		"  kbuild build --format raw,qcow2 -o /srv/images web.yaml\n"
		"  kbuild build --until tree --tree /tmp/tree web.yaml\n",
	.run = run,
};
