/* See app_images.h. */
#include "app_images.h"

#include "containers.h"
#include "ctx.h"
#include "definition.h"
#include "error.h"
#include "http.h"
#include "lock.h"
#include "node.h"
#include "store.h"

static struct containers containers_of(const struct app_images *a, const struct http *http)
{
	return (struct containers){
		.def = a->def,
		.lock = a->lock,
		.http = http,
		.clock = a->c->clock,
		.registries = node_get(a->secrets, "registries"),
		.cache_dir = a->c->cache_dir,
		.offline = a->c->offline,
		.progress = a->c->progress,
		.diags = &a->c->diags,
	};
}

int app_images_lock(const struct app_images *a, struct error *e)
{
	_cleanup_(http_curl_freep) struct http_curl *curl = NULL;
	struct containers q;
	struct http http;

	if (!definition_bakes_images(a->def))
		return 0;
	curl = http_curl_new();
	http = http_curl_seam(curl);
	q = containers_of(a, &http);
	return containers_lock(&q, e);
}

int app_images_fetch(const struct app_images *a, struct error *e)
{
	_cleanup_(http_curl_freep) struct http_curl *curl = NULL;
	_cleanup_(store_closep) struct store *blobs = NULL;
	struct containers q;
	struct http http;
	int r;

	if (a->lock->n_containers == 0)
		return 0;
	r = store_open_blobs(&blobs, a->c->cache_dir, e);
	if (r < 0)
		return r;
	curl = http_curl_new();
	http = http_curl_seam(curl);
	q = containers_of(a, &http);
	return containers_fetch(&q, blobs, e);
}

int app_images_bake(const struct app_images *a, int root_fd, struct error *e)
{
	_cleanup_(store_closep) struct store *blobs = NULL;
	int r;

	if (a->lock->n_containers == 0)
		return 0;
	r = store_open_blobs(&blobs, a->c->cache_dir, e);
	return r < 0 ? r : containers_bake(a->lock, blobs, root_fd, a->c->progress, e);
}
