/*
 * A session with container registries (the distribution specification, "v2"): signing in and manifests. Blobs
 * are loaded by the store, to which this gives the headers.
 *
 * Credentials are those of the operator's file, a map of HOST: {user, password}; they go to that host and to
 * where its tokens are asked for, over TLS, and into no message.
 */
#pragma once

#include "base.h"

struct buf;
struct clock;
struct error;
struct http;
struct http_header;
struct image_ref;
struct node;
struct registry;

struct registry_seams {
	const struct http *http;
	const struct clock *clock;
	const struct node *credentials; /* NULL: none */
};

/* Everything borrowed but the session, which is new. */
struct registry *registry_new(const struct registry_seams *seams);
void registry_free(struct registry *r);
DEFINE_CLEANUP(struct registry *, registry_free);

#define REGISTRY_ABSENT 1 /* the registry has no such image */

/*
 * The manifest (or list of them) that "sha256:…" or a tag names, appended. ERR_NETWORK: no connection, no
 * permission, or asked too often; ERR_LOCK: the bytes are not those of the digest.
 */
int registry_manifest(struct registry *r, const struct image_ref *ref, const char *id,
	struct buf *ret, struct error *e);

/*
 * Headers for loading from the reference's repository: what is accepted, and a token, which is made anew
 * when it is about to run out. Ended by {}, borrowed until the next call. ERR_NETWORK.
 */
int registry_headers(struct registry *r, const struct image_ref *ref,
	const struct http_header **ret, struct error *e);
