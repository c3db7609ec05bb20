/* kbuild lock: write the lock of a definition, or say what a newer one would change. */
#include "verbs.h"

#include "alloc.h"
#include "app_images.h"
#include "arena.h"
#include "buf.h"
#include "ctx.h"
#include "definition.h"
#include "error.h"
#include "json.h"
#include "lock.h"
#include "secrets_file.h"

#include <stdio.h>
#include <string.h>

static const struct verb_option options[] = {
	{ "update", NULL, "look for newer packages, also when the lock answers the definition" },
	{ "secrets", "FILE",
		"credentials of registries, when images are baked (\"-\": standard input)" },
	{ "check", NULL, "only say whether the lock answers the definition (exit 4 when not)" },
	{},
};

struct outcome {
	const char *path;
	const struct lock *old, *new; /* new == old: unchanged */
	bool current;
};

static void print_json(const struct outcome *o, const struct buf *changes)
{
	_buf_ b = BUF_INIT;

	buf_adds(&b, "{\"lock\":");
	json_write_string(&b, o->path, strlen(o->path));
	buf_printf(&b, ",\"digest\":\"%s\",\"packages\":%zu,\"changed\":%s", o->new->digest,
		o->new->n, o->current ? "false" : "true");
	if (changes->len > 0)
		buf_printf(&b, ",%s", buf_str(changes));
	buf_addc(&b, '}');
	puts(buf_str(&b));
}

static unsigned long long download_size(const struct lock *l)
{
	unsigned long long sum = 0;

	for (size_t i = 0; i < l->n; i++)
		sum += l->packages[i].size;
	return sum;
}

/* A new lock is not listed package by package: the file is there to be read. */
static void print_made(const struct outcome *o)
{
	printf("wrote %s: %zu packages, %.1f MiB to download\n", o->path, o->new->n,
		(double)download_size(o->new) / (double)MIB);
	for (size_t i = 0; i < o->new->n_sources; i++)
		printf("  %-32s %s  key %s\n", o->new->sources[i].id, o->new->sources[i].date,
			o->new->sources[i].fingerprint);
	if (o->new->application)
		printf("  %zu container images of the application at %.12s\n", o->new->n_containers,
			o->new->application);
}

static void report_unchanged(const struct ctx *c, const struct outcome *o)
{
	_buf_ none = BUF_INIT;

	if (c->json)
		print_json(o, &none);
	else
		printf("%s answers the definition: unchanged (%zu packages; --update looks for "
		       "newer ones)\n",
			o->path, o->new->n);
}

static void report(const struct ctx *c, const struct outcome *o)
{
	_buf_ changes = BUF_INIT;
	size_t n;

	if (c->json) {
		lock_diff_json(o->old, o->new, &changes);
		print_json(o, &changes);
		return;
	}
	if (!o->old) {
		print_made(o);
		return;
	}
	n = lock_diff(o->old, o->new, &changes);
	fputs(buf_str(&changes), stdout);
	if (o->current)
		printf("%s: nothing newer, unchanged\n", o->path);
	else if (n == 0)
		printf("wrote %s: the same packages and images\n", o->path);
	else
		printf("wrote %s: %zu change%s\n", o->path, n, n == 1 ? "" : "s");
}

static int resolve_and_write(
	struct app_images *images, struct outcome *o, struct lock **ret, struct error *e)
{
	const struct ctx *c = images->c;
	struct lock_request q = {
		.def = images->def,
		.cache_dir = c->cache_dir,
		.mirror = c->mirror,
		.old = o->old,
		.offline = c->offline,
		.progress = c->progress,
	};
	int r;

	r = lock_resolve(ret, &q, e);
	if (r < 0)
		return r;
	images->lock = *ret;
	r = app_images_lock(images, e);
	if (r < 0)
		return r;
	o->new = *ret;
	o->current = o->old && strcmp(o->old->digest, o->new->digest) == 0;
	return o->current ? 0 : lock_write(o->new, o->path, e);
}

static int run(struct ctx *c, const struct verb_args *a, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	_cleanup_(definition_freep) struct definition *def = NULL;
	_cleanup_(lock_freep) struct lock *old = NULL;
	_cleanup_(lock_freep) struct lock *new = NULL;
	_free_ char *path = NULL;
	struct outcome o = {};
	struct app_images images = { .c = c };
	struct error ignored = {};
	int r;

	r = definition_load(&def, verb_arg(a, 0), &c->diags, e);
	if (r < 0)
		return r;
	images.def = def;
	path = lock_path(def->path);
	r = lock_read(&old, path, e);
	if (r < 0)
		return r;
	o = (struct outcome){ .path = path, .old = old };
	if (verb_opt(a, "check")) {
		if (!old)
			return error_set(
				e, ERR_LOCK, "there is no lock: run kbuild lock %s", def->path);
		r = lock_check(old, def, e);
		if (r < 0)
			return r;
	}
	if (old && !verb_opt(a, "update") && lock_check(old, def, &ignored) == 0) {
		o.new = old;
		o.current = true;
		report_unchanged(c, &o);
		return 0;
	}
	r = secrets_file_read(c, verb_opt(a, "secrets"), arena, &images.secrets, e);
	if (r < 0)
		return r;
	r = resolve_and_write(&images, &o, &new, e);
	if (r < 0)
		return r;
	report(c, &o);
	return 0;
}

const struct verb verb_lock = {
	.name = "lock",
	.args = "FILE",
	.summary = "write down exactly which packages a definition is made of",
	.min = 1,
	.max = 1,
	.options = options,
	.examples =
		"  kbuild lock images/demo.yaml\n"
		"  kbuild lock --update images/demo.yaml\n"
		"  kbuild lock --check images/demo.yaml\n",
	.run = run,
};
