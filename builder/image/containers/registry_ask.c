/* One question to a registry, and how its refusal is told. */
#include "clock.h"
#include "error.h"
#include "image_ref.h"
#include "node.h"
#include "registry_parts.h"

#include <string.h>

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
