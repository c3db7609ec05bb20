/*
 * As much of HTTP/1.1 as fetching from git servers takes: one request a connection, the answer read as it
 * comes. Redirects are not followed, statuses are turned into what a person can do about them.
 */
#pragma once

#include "base.h"

struct buf;
struct error;
struct http1;
struct repo_url;
struct wire_trust;

#define HTTP1_HEAD_MAX (32 * KIB)

struct http1_request {
	const struct repo_url *url;
	const char *suffix;	/* "/info/refs?service=git-upload-pack" */
	const char *type;	/* of the body, and (with "-result" for "-request") of the answer */
	const char *accept;	/* the type of answer that is wanted; others are refused */
	const struct buf *body; /* NULL: GET */
	const char *authorization; /* the header's value, or NULL; secret */
};

/* Sends it and reads the answer's head; other statuses than 200 are errors. Returns new. */
int http1_open(struct http1 **ret, const struct http1_request *q, struct wire_trust *trust,
	struct error *e);
/* The answer's body: *ret 0 at its end. One that ends early is ERR_NETWORK. */
int http1_read(struct http1 *h, void *data, size_t len, size_t *ret, struct error *e);
void http1_close(struct http1 *h);
DEFINE_CLEANUP(struct http1 *, http1_close);

/* What counts of a head; strings are cut to fit. */
struct http1_head {
	int status;
	bool chunked;
	int64_t length; /* -1: until the end of the connection */
	char type[128];
	char location[512];
};
/* Reads a head, blank line included; NUL-terminated, is written to. False when it is none. */
bool http1_parse_head(char *text, struct http1_head *ret);
