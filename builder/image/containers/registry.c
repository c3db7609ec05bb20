/* A registry, and the documents that it is asked for. */
#include "registry.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "clock.h"
#include "digest.h"
#include "error.h"
#include "image_manifest.h"
#include "image_ref.h"
#include "node.h"
#include "registry_parts.h"

#include <string.h>

#define TRIES	     5
#define PAUSE_CAP_MS 30000 /* also the longest Retry-After that is waited for */

struct registry *registry_new(const struct registry_seams *seams)
{
	struct registry *r = xcalloc(1, sizeof *r);

	r->seams = *seams;
	r->retry = (struct retry){ .base_ms = env_number("KBUILD_RETRY_PAUSE_MS", 500, 1, 60000),
		.cap_ms = PAUSE_CAP_MS,
		.tries = TRIES };
	return r;
}

void registry_free(struct registry *r)
{
	if (r)
		grants_free(r->grants);
	free(r);
}

int registry_headers(struct registry *r, const struct image_ref *ref,
	const struct http_header **ret, struct error *e)
{
	const struct grant *g;
	size_t n = 0;
	int k = registry_grant(r, ref, &g, e);

	if (k < 0)
		return k;
	/* Blobs do not look at it, and manifests are loaded by the store as well. */
	r->headers[n++] = (struct http_header){ "Accept", manifest_accept };
	if (g->authorization)
		r->headers[n++] = (struct http_header){ "Authorization", g->authorization };
	r->headers[n] = (struct http_header){};
	*ret = r->headers;
	return 0;
}

static int check_digest(const char *id, const struct buf *body, struct error *e)
{
	char hex[SHA256_HEX];

	sha256_bytes(buf_str(body), body->len, hex);
	if (strncmp(id, "sha256:", 7) != 0 || strcmp(id + 7, hex) == 0)
		return 0;
	return error_set(
		e, ERR_LOCK, "its registry gives other bytes than %s names: sha256:%s", id, hex);
}

int registry_manifest(struct registry *r, const struct image_ref *ref, const char *id,
	struct buf *ret, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_(http_response_free) struct http_response answer = HTTP_RESPONSE_INIT;
	struct http_request q = { .method = "GET",
		.url = image_ref_url(ref, a, "manifests", id),
		.max = MANIFEST_MAX,
		.redirects = true };
	int k = registry_headers(r, ref, &q.headers, e);

	if (k == 0)
		k = registry_get(r, &q, &answer, e);
	if (k < 0)
		return k;
	if (answer.status == 404)
		return REGISTRY_ABSENT;
	if (answer.status != 200)
		return registry_refused(r, ref, &answer, e);
	k = check_digest(id, &answer.body, e);
	if (k == 0)
		buf_add(ret, answer.body.data, answer.body.len);
	return k;
}
