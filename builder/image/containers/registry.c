/* What is asked of a registry, and how its refusals are told. */
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

int registry_get(struct registry *r, const struct http_request *q, struct http_response *ret,
	struct error *e)
{
	for (unsigned n = 1;; n++) {
		enum http_failure failure = HTTP_MAYBE_SENT;
		struct error why = {};
		int64_t asked = 0, pause;
		int k = http_send(r->seams.http, q, ret, &failure, &why);
		bool last = n == r->retry.tries;

		if (k == 0) {
			asked = http_response_retry_after_ms(ret);
			last = last || !http_status_transient(ret->status);
		} else {
			last = last || why.code != ERR_NETWORK || failure == HTTP_IMPOSSIBLE;
		}
		if (last) {
			*e = why;
			return k;
		}
		http_response_free(ret);
		pause = retry_pause_ms(&r->retry, n, asked, retry_random());
		if (clock_sleep_ms(r->seams.clock, pause) < 0)
			return error_set(e, ERR_INTERRUPTED, "interrupted");
	}
}

const struct node *registry_credentials(const struct registry *r, const struct image_ref *ref)
{
	const struct node *all = r->seams.credentials, *mine = node_get(all, ref->registry);

	/* docker's own name for it, which people have copied from its configuration. */
	if (!mine && strcmp(ref->registry, "docker.io") == 0)
		mine = node_get(all, "index.docker.io");
	return mine;
}

int registry_refused(const struct registry *r, const struct image_ref *ref,
	const struct http_response *answer, struct error *e)
{
	char text[32];

	error_set(e, ERR_NETWORK, "%s answers %s", ref->registry,
		http_status_text(answer->status, text));
	e->transient = http_status_transient(answer->status);
	if (answer->status == 429)
		return error_append(
			e, ": it was asked too often; wait, or sign in with --secrets FILE");
	if (answer->status != 401 && answer->status != 403)
		return -e->code;
	if (registry_credentials(r, ref))
		return error_append(e, ": the credentials for %s do not open %s", ref->registry,
			ref->repository);
	return error_append(e,
		": there is no %s, or it wants credentials: give them as 'registries: {\"%s\": {user: …, password: …}}' with --secrets FILE",
		ref->repository, ref->registry);
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
