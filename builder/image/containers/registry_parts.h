/* Private to registry.c (its documents), registry_grant.c (signing in) and registry_ask.c (one question). */
#pragma once

#include "base.h"
#include "http.h"
#include "registry.h"
#include "retry.h"

struct arena;
struct image_ref;

/* What opens one repository. */
struct grant {
	struct grant *next;
	char *host, *repository;
	char *authorization; /* the header's value, secret; NULL: nothing is asked for */
	int64_t until_ms;    /* 0: for ever */
};

struct registry {
	struct registry_seams seams;
	struct grant *grants;
	struct http_header headers[3];
	struct retry retry;
};

/*
 * One GET, tried again where that may help. 0: *ret is the answer (HTTP_RESPONSE_INIT; caller frees), whatever
 * its status.
 */
int registry_get(struct registry *r, const struct http_request *q, struct http_response *ret,
	struct error *e);

/* ERR_NETWORK for an answer that is none of those hoped for, in words for people. */
int registry_refused(const struct registry *r, const struct image_ref *ref,
	const struct http_response *answer, struct error *e);

/* What opens the reference's repository now, signing in when needed. Borrowed until the next call. */
int registry_grant(
	struct registry *r, const struct image_ref *ref, const struct grant **ret, struct error *e);
void grants_free(struct grant *g);

/* {user, password} for the reference's registry, or NULL. */
const struct node *registry_credentials(const struct registry *r, const struct image_ref *ref);
