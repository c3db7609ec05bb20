/*
 * A bucket of an S3 server, path style (https://ENDPOINT/BUCKET/KEY), every request signed with the digest
 * of what it sends. What may pass (5xx, 429, no answer) is tried again a few times here; what is left
 * is ERR_NETWORK, and refusals are ERR_FAILED with the server's own word for it.
 */
#pragma once

#include "http.h"
#include "sigv4.h"

struct arena;
struct buf;
struct clock;
struct error;

struct s3 {
	const struct http *http;
	const struct clock *clock;
	const char *endpoint; /* "https://s3.gra.io.cloud.ovh.net" */
	const char *bucket;
	struct sigv4_key key;
	int64_t skew; /* seconds that the server's clock is ahead of ours */
};

#define S3_ABSENT	 1 /* there is no such object (or upload) */
#define S3_DENIED	 2 /* the key may not do this */
#define S3_NOT_SUPPORTED 3 /* the server does not know this request */
#define S3_NO_RANGE	 4 /* the range begins at or behind the end */

#define S3_MD5_HEX 33

/* One request. */
struct s3_call {
	const char *method;
	const char *key;   /* not encoded; NULL: the bucket */
	const char *query; /* canonical: encoded, sorted; NULL: none */
	const void *body;  /* or */
	int fd;		   /* > 0: from offset on */
	uint64_t offset;
	size_t len;
	const char *sha256; /* of the body; NULL: computed, of one in memory */
	/* Beyond the usual, lower case, sorted, ended by {}: those before x-amz-content-sha256 … */
	const struct http_header *headers;
	size_t max; /* of the answer; 0: 1 MiB */
};

/*
 * 0 with a 2xx answer in ret (HTTP_RESPONSE_INIT, freed by the caller), or S3_ABSENT, S3_DENIED,
 * S3_NOT_SUPPORTED, S3_NO_RANGE, for all of which *e says what it was.
 */
int s3_call(struct s3 *s, const struct s3_call *c, struct http_response *ret, struct error *e);
/* The same where every outcome but 0 is a failure. */
int s3_demand(struct s3 *s, const struct s3_call *c, struct http_response *ret, struct error *e);

/* "ETag" without its quotes is this MD5; true too when it is none (encrypted by the server). */
bool s3_etag_is(const struct http_response *answer, const char *md5_hex);

struct s3_object {
	const char *key;
	uint64_t size;
};
/* All whose key begins so, sorted by key, in the arena. */
int s3_list(struct s3 *s, const char *prefix, struct arena *arena, struct s3_object **ret,
	size_t *ret_n, struct error *e);
/* S3_DENIED: the key has no right to delete. An absent one is 0. */
int s3_delete(struct s3 *s, const char *key, struct error *e);
/* Whether an object is there with this size and, in its metadata, this SHA-256. S3_ABSENT: not. */
int s3_is(struct s3 *s, const char *key, uint64_t size, const char *sha256, struct error *e);
/* Appends at most len bytes from offset on. S3_ABSENT, S3_NO_RANGE. */
int s3_get(struct s3 *s, const char *key, uint64_t offset, size_t len, struct buf *ret,
	struct error *e);
/* Puts what is in memory. */
int s3_put(struct s3 *s, const char *key, const void *data, size_t len, struct error *e);
