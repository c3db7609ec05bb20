/*
 * First all manifests, whose digests and sizes the lock has; they name the rest. Both by the store, so what was
 * loaded once is not asked for again, and a part that was cut off is continued.
 */
#include "containers.h"

#include "alloc.h"
#include "arena.h"
#include "containers_parts.h"
#include "error.h"
#include "fd.h"
#include "image_manifest.h"
#include "image_ref.h"
#include "lock.h"
#include "registry.h"
#include "store.h"

#include <fcntl.h>
#include <string.h>

/* An image on its way: what its requests need. */
struct wanted {
	struct registry *registry;
	struct image_ref ref;
	struct store_access access;
};

struct items {
	struct store_item *v;
	size_t n, cap;
};

static int give_headers(void *arg, const struct http_header **ret, struct error *e)
{
	struct wanted *w = arg;

	return registry_headers(w->registry, &w->ref, ret, e);
}

static bool has(const struct items *items, const char *sha256)
{
	for (size_t i = 0; i < items->n; i++) {
		if (strcmp(items->v[i].sha256, sha256) == 0)
			return true;
	}
	return false;
}

/* Images share layers: each digest once. */
static void add(struct items *items, struct wanted *w, struct arena *a, const char *kind,
	const char *name, const char *sha256, uint64_t size)
{
	const char **urls = arena_alloc(a, 2 * sizeof *urls);

	if (has(items, sha256))
		return;
	urls[0] = image_ref_url(&w->ref, a, kind, arena_printf(a, "sha256:%s", sha256));
	items->v = grow(items->v, items->n, &items->cap, sizeof *items->v);
	items->v[items->n++] = (struct store_item){
		.name = name, .sha256 = sha256, .size = size, .urls = urls, .access = &w->access
	};
}

int containers_manifest(const struct lock_container *c, struct store *blobs, struct arena *a,
	struct image_manifest *ret, struct error *e)
{
	_free_ char *path = store_path(blobs, c->sha256);
	_buf_ text = BUF_INIT;
	int r = file_read(AT_FDCWD, path, MANIFEST_MAX, &text);

	if (r < 0)
		return error_errno(e, r, "reading %s", path);
	r = image_manifest_parse(buf_str(&text), text.len, a, ret, e);
	return r < 0 ? error_prefix(e, "the container image %s", c->reference) : 0;
}

static int want(const struct lock *l, struct registry *reg, struct wanted *w, struct arena *a,
	struct items *manifests, struct error *e)
{
	for (size_t i = 0; i < l->n_containers; i++) {
		const struct lock_container *c = &l->containers[i];
		const char *why = image_ref_parse(c->reference, a, &w[i].ref);

		if (why)
			return error_set(e, ERR_LOCK, "%s: the container image '%s': %s", l->path,
				c->reference, why);
		w[i].registry = reg;
		w[i].access = (struct store_access){ give_headers, &w[i] };
		add(manifests, &w[i], a, "manifests",
			arena_printf(a, "the manifest of %s", c->reference), c->sha256, c->size);
	}
	return 0;
}

static int add_parts(const struct lock *l, struct store *blobs, struct wanted *w, struct arena *a,
	struct items *ret, struct error *e)
{
	for (size_t i = 0; i < l->n_containers; i++) {
		const char *name = l->containers[i].reference;
		struct image_manifest *m = arena_alloc(a, sizeof *m);
		int r = containers_manifest(&l->containers[i], blobs, a, m, e);

		if (r < 0)
			return r;
		add(ret, &w[i], a, "blobs", name, m->config.sha256, m->config.size);
		for (size_t k = 0; k < m->n; k++)
			add(ret, &w[i], a, "blobs", arena_printf(a, "%s, layer %zu", name, k + 1),
				m->layers[k].sha256, m->layers[k].size);
	}
	return 0;
}

int containers_fetch(const struct containers *c, struct store *blobs, struct error *e)
{
	const struct registry_seams seams = {
		.http = c->http, .clock = c->clock, .credentials = c->registries
	};
	_cleanup_(registry_freep) struct registry *reg = registry_new(&seams);
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct wanted *w = arena_alloc(a, (c->lock->n_containers + 1) * sizeof *w);
	struct items manifests = {}, parts = {};
	int r = want(c->lock, reg, w, a, &manifests, e);

	if (r == 0)
		r = store_fetch(blobs, manifests.v, manifests.n, c->offline, c->progress, e);
	if (r == 0)
		r = add_parts(c->lock, blobs, w, a, &parts, e);
	if (r == 0)
		r = store_fetch(blobs, parts.v, parts.n, c->offline, c->progress, e);
	free(manifests.v);
	free(parts.v);
	return r;
}
