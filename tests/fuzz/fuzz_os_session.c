/*
 * Answers of Keystone and of a service as anybody could write them: the first byte of each piece
 * chooses a status, the rest up to a NUL is the body. Whatever comes, each call ends, a failed
 * one has words, and what of the answer reaches a URL or a header is fit for one. An input that begins with 'O' is of a
 * service account: discovery, token server and federation come first.
 */
#include "arena.h"
#include "clock.h"
#include "error.h"
#include "http.h"
#include "node.h"
#include "os.h"

#include "script.h"

#include <string.h>

static const long statuses[] = { 200, 201, 200, 200, 204, 400, 401, 403, 404, 409, 429, 503, 300 };

/* Of what else is made of an answer nothing ends a line, and nothing is said in the clear. */
static void look(const struct http_request *q)
{
	if (strncmp(q->url, "http", 4) != 0 || http_in_clear(q->url))
		abort();
	for (const struct http_header *h = q->headers; h && h->name; h++)
		if (strpbrk(h->value, "\r\n"))
			abort();
}

static void words(int r, const struct error *e)
{
	if (r != 0 && (!e->code || !*e->msg || (r < 0 && e->code != -r) || strchr(e->msg, '\033')))
		abort();
}

static void use(struct os *o, struct arena *a)
{
	const struct os_query q = { .service = OS_COMPUTE, .method = "GET", .path = "/servers" };
	const struct os_query made = {
		.service = OS_IMAGE, .method = "POST", .path = "/images", .body = "{}"
	};
	const char *text = "", *const *regions = NULL;
	struct node *answer = NULL;
	struct error e = { 0 };
	bool has;

	words(os_project(o, a, &text, &e), &e);
	words(os_regions(o, OS_IMAGE, a, &regions, &e), &e);
	words(os_has(o, OS_VOLUME, NULL, &has, &e), &e);
	words(os_endpoint(o, OS_VOLUME, NULL, a, &text, &e), &e);
	words(os_microversion(o, OS_COMPUTE, NULL, a, &text, &e), &e);
	words(os_call(o, &made, a, &answer, &e), &e);
	words(os_list(o, &q, "servers", a, &answer, &e), &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct os_access k = { .auth_url = "https://keystone",
		.user_name = "user",
		.password = "password",
		.project_id = "p",
		.region = "ONE" };
	static const struct os_access oidc = { .auth_url = "https://keystone",
		.oidc_discovery = "https://oidc/.well-known/openid-configuration",
		.oidc_provider = "ovhcloud-emea",
		.oidc_protocol = "openid",
		.oidc_client = "client",
		.oidc_secret = "secret",
		.project_id = "p",
		.region = "ONE" };
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const bool federated = size > 0 && data[0] == 'O';
	struct script s = { data + federated, size - federated, statuses, ARRAY_SIZE(statuses),
		look, 0 };
	const struct http http = script_http(&s);
	const struct clock clock = script_clock(&s);
	struct error e = { 0 };
	struct os *o;

	if (os_new(&o, federated ? &oidc : &k, &http, &clock, NULL, &e) < 0)
		abort();
	use(o, a);
	os_free(o);
	return 0;
}
