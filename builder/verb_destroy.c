/* kbuild destroy: removes a server and all it holds, once that was said clearly. */
#include "arena.h"
#include "buf.h"
#include "confirm.h"
#include "ctx.h"
#include "error.h"
#include "json.h"
#include "progress.h"
#include "provider.h"
#include "servers.h"
#include "verbs.h"

#include <stdio.h>
#include <string.h>

struct destroy {
	const struct cloud *cloud;
	const char *name;
	struct plan there; /* all that there is of it */
	bool with_data;
};

/* "the server 'web' (running), its root disk, its data volume (64 MiB)". */
static void losses(const struct destroy *d, struct buf *out)
{
	size_t n = 0;

	for (size_t i = 0; i < d->there.n; i++) {
		const struct plan_item *t = &d->there.items[i];

		if (t->state == PLAN_NOTE && !d->with_data)
			continue;
		buf_printf(out, "%s%s %s", n++ ? ", " : "", t->name ? "the" : "its", t->what);
		if (t->name)
			buf_printf(out, " '%s'", t->name);
		if (t->detail)
			buf_printf(out, " (%s)", t->detail);
	}
}

static void remains(const struct destroy *d, struct buf *out)
{
	for (size_t i = 0; i < d->there.n; i++) {
		const struct plan_item *t = &d->there.items[i];

		if (t->state != PLAN_NOTE || d->with_data)
			continue;
		/* It has another name than kbuild gives, so that no later destroy takes it for the server's. */
		if (t->name)
			buf_printf(out, "%sits %s '%s' is kept, and is yours to remove",
				out->len ? "; " : "", t->what, t->name);
		else
			buf_printf(out,
				"%sits %s%s%s%s is kept: the next launch of '%s' uses it again, "
				"'kbuild destroy %s --with-data%s' removes it",
				out->len ? "; " : "", t->what, t->detail ? " (" : "",
				t->detail ? t->detail : "", t->detail ? ")" : "", d->name, d->name,
				d->cloud->words);
	}
}

static int confirm(const struct destroy *d, struct error *e)
{
	_buf_ what = BUF_INIT;
	_buf_ kept = BUF_INIT;

	losses(d, &what);
	remains(d, &kept);
	if (kept.len)
		buf_printf(&what, "; %s", buf_str(&kept));
	return confirm_removal(buf_str(&what), e);
}

/* Also what a launch that was cut off has left, where there is no server yet. */
static int look(struct destroy *d, const char *name, struct arena *a, struct error *e)
{
	struct server s = {};
	int r = name ? d->cloud->provider->inventory(d->cloud, name, a, &d->there, e)
		     : CLOUD_ABSENT;

	d->name = name;
	if (r != CLOUD_ABSENT)
		return r;
	r = servers_pick(d->cloud, name, a, &s, e);
	if (r < 0)
		return r;
	d->name = s.name;
	r = d->cloud->provider->inventory(d->cloud, s.name, a, &d->there, e);
	return r == CLOUD_ABSENT ? servers_gone(s.name, e) : r;
}

static bool same_ids(const struct plan *x, const struct plan *y)
{
	if (x->n != y->n)
		return false;
	for (size_t i = 0; i < x->n; i++) {
		const char *ix = x->items[i].id;
		const char *iy = y->items[i].id;

		if (ix != iy && (!ix || !iy || strcmp(ix, iy) != 0))
			return false;
	}
	return true;
}

/* The question may have stood for hours, and what was answered is about what it showed. */
static int look_again(const struct destroy *d, struct arena *a, struct error *e)
{
	struct plan now = {};
	int r = d->cloud->provider->inventory(d->cloud, d->name, a, &now, e);

	if (r == CLOUD_ABSENT)
		return servers_gone(d->name, e);
	if (r == 0 && !same_ids(&d->there, &now))
		return error_set(e, ERR_FAILED,
			"'%s' is another server by now than the one that was asked about: nothing was removed",
			d->name);
	return r;
}

/* Only a volume that was kept is left, and it stays: then there is nothing to do. */
static int need_something(const struct destroy *d, struct error *e)
{
	_buf_ what = BUF_INIT;
	_buf_ kept = BUF_INIT;

	losses(d, &what);
	if (what.len)
		return 0;
	remains(d, &kept);
	return error_set(e, ERR_FAILED, "there is no server '%s'; %s", d->name, buf_str(&kept));
}

static bool was_there(const struct destroy *d)
{
	for (size_t i = 0; i < d->there.n; i++) {
		if (strcmp(d->there.items[i].what, "server") == 0)
			return true;
	}
	return false;
}

/* server: there was one; else only what a launch or a server had left. */
static void print_done(const struct ctx *c, const struct destroy *d)
{
	const bool server = was_there(d);
	_buf_ out = BUF_INIT;
	_buf_ kept = BUF_INIT;

	remains(d, &kept);
	if (!c->json) {
		printf(server ? "server '%s' is gone"
			      : "there was no server '%s'; what was left of it is gone",
			d->name);
		printf("%s%s\n", kept.len ? "; " : "", buf_str(&kept));
		return;
	}
	json_write_string(&out, d->name, strlen(d->name));
	printf("{\"name\":%s,\"destroyed\":true,\"server\":%s%s}\n", buf_str(&out),
		server ? "true" : "false", kept.len ? ",\"volume_kept\":true" : "");
}

static int run_destroy(struct ctx *c, const struct verb_args *a, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	_cleanup_(servers_cloud_close) struct cloud cloud = {};
	struct destroy d = { .cloud = &cloud, .with_data = verb_opt(a, "with-data") };
	int r = servers_cloud(c, a, NULL, &cloud, e);

	if (r == 0)
		r = look(&d, verb_arg(a, 0), arena, e);
	if (r == 0)
		r = need_something(&d, e);
	if (r == 0 && !verb_opt(a, "yes")) {
		r = confirm(&d, e);
		if (r == 0)
			r = look_again(&d, arena, e);
	}
	if (r < 0)
		return r;
	progress_begin(c->progress, "removing the server", NULL, 0);
	r = cloud.provider->destroy(&cloud, d.name, d.with_data, e);
	if (r < 0)
		return r;
	progress_end(c->progress, NULL);
	print_done(c, &d);
	return 0;
}

static const struct verb_option options[] = {
	{ "yes", NULL, "do not ask", 'y' },
	{ "with-data", NULL, "its data volume, too", 0 },
	OPTION_CLOUD,
	{},
};

const struct verb verb_destroy = {
	.name = "destroy",
	.args = "[NAME]",
	.summary = "remove a server with its root disk, for good; its data volume with --with-data",
	.max = 1,
	.options = options,
	.examples =
		"  kbuild destroy web\n  kbuild destroy web --yes\n"
		"  kbuild destroy web --with-data\n",
	.run = run_destroy,
};
