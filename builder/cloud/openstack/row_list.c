/* All servers of ours in the regions that are meant, and the data volumes that others have left. */
#include "arena.h"
#include "cinder.h"
#include "error.h"
#include "nova.h"
#include "row_parts.h"

#include <stdlib.h>
#include <string.h>

static int by_name(const void *va, const void *vb)
{
	const struct server *a = va, *b = vb;
	int r = strcmp(a->name, b->name);

	return r ? r : strcmp(a->region, b->region);
}

static int by_server(const void *va, const void *vb)
{
	const struct kept_volume *a = va, *b = vb;
	int r = strcmp(a->server, b->server);

	return r ? r : strcmp(a->region, b->region);
}

/* One region's answers. Lives in a scratch arena. */
struct region {
	const char *name;
	struct nova_server *servers;
	size_t n_servers;
	struct cinder_volume *volumes;
	size_t n_volumes;
	const char *lacks;
};

/* What was n and is to take more; the old stays in the arena. */
static void *longer(struct arena *a, const void *old, size_t n, size_t more, size_t size)
{
	void *all = arena_alloc(a, (n + more + 1) * size);

	if (n)
		memcpy(all, old, n * size);
	return all;
}

static void add_servers(
	struct row *r, const struct region *g, struct arena *a, struct server_list *l)
{
	l->servers = longer(a, l->servers, l->n, g->n_servers, sizeof *l->servers);
	for (size_t i = 0; i < g->n_servers; i++) {
		const struct nova_server *s = &g->servers[i];
		struct server *to = &l->servers[l->n];

		if (!s->tag_name)
			continue;
		row_describe(
			r, s, g->name, row_volume_of(g->volumes, g->n_volumes, s->tag_name), a, to);
		to->lacks = g->lacks ? arena_strdup(a, g->lacks) : NULL;
		l->n++;
	}
}

/* Whether a server has it, or is about to: a second one of that name is nobody's. */
static bool is_used(const struct region *g, const struct cinder_volume *v)
{
	const struct cinder_volume *counts;

	if (v->attached_to || strcmp(v->status, "deleting") == 0)
		return true;
	counts = row_volume_of(g->volumes, g->n_volumes, v->server);
	return row_ours(g->servers, g->n_servers, v->server) && counts &&
	       strcmp(counts->id, v->id) == 0;
}

/* Ours, and in no use. */
static void add_kept(const struct region *g, struct arena *a, struct server_list *l)
{
	l->kept = longer(a, l->kept, l->n_kept, g->n_volumes, sizeof *l->kept);
	for (size_t i = 0; i < g->n_volumes; i++) {
		const struct cinder_volume *v = &g->volumes[i];

		if (!v->server || is_used(g, v))
			continue;
		l->kept[l->n_kept++] = (struct kept_volume){
			.server = arena_strdup(a, v->server),
			.copy = row_volume_is_named(v)
					? NULL
					: arena_strdup(a, v->name && *v->name ? v->name : v->id),
			.size = (uint64_t)MAX(v->size, 0) * GIB,
			.id = arena_strdup(a, v->id),
			.region = arena_strdup(a, g->name),
		};
	}
}

/* 0, ROW_SILENT. */
static int list_region(struct row *r, const char *name, bool several, struct arena *a,
	struct server_list *l, struct error *e)
{
	_cleanup_(arena_freep) struct arena *tmp = arena_new();
	struct region g = { .name = name };
	int f = row_servers(r, name, several, NULL, tmp, &g.servers, &g.n_servers, e);

	if (f == 0)
		f = row_volumes(r, name, tmp, &g.volumes, &g.n_volumes, &g.lacks, e);
	if (f != 0)
		return f;
	add_servers(r, &g, a, l);
	add_kept(&g, a, l);
	if (g.lacks)
		l->lacks = lacks_more(a, l->lacks, arena_strdup(a, g.lacks));
	return 0;
}

/* Of all regions; that none of them answers is an error, the first one's. */
static int list_regions(struct row *r, const char *const *regions, struct arena *a,
	struct server_list *l, struct error *e)
{
	struct error first = {};
	bool some = false;

	for (size_t i = 0; regions[i]; i++) {
		struct error why = {};
		int f = list_region(r, regions[i], regions[1], a, l, &why);

		if (f < 0) {
			*e = why;
			return f;
		}
		some = some || f == 0;
		if (f == 0)
			continue;
		first = first.code ? first : why;
		l->partial = true;
		l->lacks = lacks_more(
			a, l->lacks, arena_printf(a, "the servers in %s: %s", regions[i], why.msg));
	}
	if (some || !first.code)
		return 0;
	*e = first;
	return -e->code;
}

int row_list(const struct cloud *c, struct arena *a, struct server_list *ret, struct error *e)
{
	struct row *r = row_of(c);
	struct server_list l = {};
	const char *const *regions;
	struct os *o;
	int f = row_os(r, &o, e);

	if (f == 0)
		f = row_regions(r, OS_COMPUTE, &regions, e);
	if (f == 0)
		f = list_regions(r, regions, a, &l, e);
	if (f < 0)
		return f;
	if (l.n)
		qsort(l.servers, l.n, sizeof *l.servers, by_name);
	if (l.n_kept)
		qsort(l.kept, l.n_kept, sizeof *l.kept, by_server);
	*ret = l;
	return 0;
}
