/* kbuild prune: removes old images from a cloud, never one that a server was made from. */
#include "arena.h"
#include "buf.h"
#include "confirm.h"
#include "ctx.h"
#include "error.h"
#include "image_prune.h"
#include "image_text.h"
#include "progress.h"
#include "provider.h"
#include "servers.h"
#include "verbs.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

struct prune {
	struct cloud_image *v;
	enum prune_verdict *verdicts;
	size_t n, n_delete;
};

static int read_keep(const struct verb_args *a, size_t *ret, struct error *e)
{
	const char *text = verb_opt(a, "keep");
	char *end;
	unsigned long n;

	if (!text)
		return error_set(e, ERR_USAGE,
			"'kbuild prune' wants to know how many to keep of each definition: --keep 3");
	n = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || n > 1000)
		return error_set(e, ERR_USAGE, "--keep '%s' must be a number from 0 to 1000", text);
	*ret = n;
	return 0;
}

/* "web-0123456789ab (GRA11), web-…": those that would go. */
static void name_them(const struct prune *p, struct buf *out)
{
	size_t n = 0;

	buf_printf(out, "%zu image%s: ", p->n_delete, p->n_delete == 1 ? "" : "s");
	for (size_t i = 0; i < p->n; i++) {
		if (p->verdicts[i] != PRUNE_DELETE)
			continue;
		buf_adds(out, n++ ? ", " : "");
		image_title(&p->v[i], out);
	}
}

static void print_json(const struct prune *p, bool done)
{
	_buf_ out = BUF_INIT;

	for (size_t i = 0, n = 0; i < p->n; i++) {
		if (p->verdicts[i] != PRUNE_DELETE)
			continue;
		buf_addc(&out, n++ ? ',' : '[');
		image_json(&p->v[i], &out);
	}
	printf("{\"deleted\":%s,\"images\":%s]}\n", done ? "true" : "false",
		out.len ? buf_str(&out) : "[");
}

static void print_plan(const struct prune *p)
{
	static const char *const words[] = {
		[PRUNE_KEEP] = "keep",
		[PRUNE_IN_USE] = "in use",
		[PRUNE_BUSY] = "uploading",
		[PRUNE_DELETE] = "delete",
	};

	for (size_t i = 0; i < p->n; i++) {
		const struct cloud_image *m = &p->v[i];
		_buf_ title = BUF_INIT;
		char date[17];

		image_title(m, &title);
		image_date(m->created, date);
		printf("%-10s %-16s %s%s%s\n", words[p->verdicts[i]], date, buf_str(&title),
			m->used_by ? ": " : "", m->used_by ? m->used_by : "");
	}
}

/* All that can go go; the first that cannot is the error. */
static int delete_them(struct ctx *c, const struct cloud *cloud, struct prune *p, struct error *e)
{
	struct error first = {};
	size_t failed = 0;

	progress_begin(c->progress, "removing", "images", p->n_delete);
	for (size_t i = 0; i < p->n; i++) {
		struct error why = {};

		if (p->verdicts[i] != PRUNE_DELETE)
			continue;
		if (cloud->provider->image_delete(cloud, &p->v[i], &why) < 0) {
			first = failed++ ? first : why;
			p->verdicts[i] = PRUNE_KEEP;
			if (why.code == ERR_INTERRUPTED)
				break;
		}
		progress_advance(c->progress, 1);
	}
	if (failed) {
		*e = first;
		return error_append(
			e, "\n%zu of %zu images were removed", p->n_delete - failed, p->n_delete);
	}
	progress_end(c->progress, NULL);
	return 0;
}

static int act(struct ctx *c, const struct verb_args *a, const struct cloud *cloud, struct prune *p,
	struct error *e)
{
	bool dry = verb_opt(a, "dry-run") != NULL;
	_buf_ what = BUF_INIT;
	int r = 0;

	name_them(p, &what);
	if (!c->json && (dry || p->n_delete > 0))
		print_plan(p);
	if (!dry && p->n_delete > 0) {
		fflush(stdout);
		r = verb_opt(a, "yes") ? 0 : confirm_removal(buf_str(&what), e);
		if (r == 0)
			r = delete_them(c, cloud, p, e);
	}
	if (r < 0)
		return r;
	if (c->json)
		print_json(p, !dry);
	else if (p->n_delete == 0)
		printf("there is nothing to remove\n");
	else
		printf("%s%s\n", dry ? "would remove " : "removed ", buf_str(&what));
	return 0;
}

static int run_prune(struct ctx *c, const struct verb_args *a, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	_cleanup_(servers_cloud_close) struct cloud cloud = {};
	struct image_list l = {};
	struct prune p = {};
	size_t keep = 0;
	int r = read_keep(a, &keep, e);

	if (r == 0)
		r = servers_cloud(c, a, NULL, &cloud, e);
	if (r < 0)
		return r;
	if (!cloud.provider->images)
		return error_set(e, ERR_USAGE,
			"the cloud '%s' keeps no images; say --cloud ovh or --cloud openstack",
			cloud.provider->name);
	r = cloud.provider->images(&cloud, true, arena, &l, e);
	if (r < 0)
		return r == -ERR_INTERRUPTED
			       ? r
			       : error_append(e,
					 "; while it is not known what is in use, none is removed");
	p.v = l.images;
	p.n = l.n;
	p.verdicts = arena_alloc(arena, (p.n + 1) * sizeof *p.verdicts);
	image_prune(p.v, p.n, keep, time(NULL), p.verdicts);
	for (size_t i = 0; i < p.n; i++)
		p.n_delete += p.verdicts[i] == PRUNE_DELETE;
	return act(c, a, &cloud, &p, e);
}

static const struct verb_option options[] = {
	OPTION_CLOUD,
	{ "keep", "N", "the N newest of each definition in each region", 0 },
	{ "dry-run", NULL, "only say what would be removed", 'n' },
	{ "yes", NULL, "do not ask", 'y' },
	{},
};

const struct verb verb_prune = {
	.name = "prune",
	.args = "",
	.summary = "remove old images from a cloud, but none that a server was made from",
	.options = options,
	.examples =
		"  kbuild prune --cloud ovh --keep 3 --dry-run\n"
		"  kbuild prune --cloud ovh --region GRA11 --keep 3 --yes\n",
	.run = run_prune,
};
