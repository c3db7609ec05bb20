/*
 * Calls of JSON APIs over HTTP, the same for every cloud: one after another, paced, made again where
 * that can do no harm, and each ending in one outcome. How calls are authenticated, what a status
 * means and how an error is worded is each API's own: struct api_style. Network and time come
 * through seams.
 */
#pragma once

#include "base.h"

struct arena;
struct buf;
struct clock;
struct error;
struct http;
struct http_header;
struct http_response;
struct node;
struct retry;

/* One API as a program uses it. Filled by its owner; all pointers borrowed. */
struct api {
	const struct http *http;
	const struct clock *clock;
	const struct retry
		*patience;   /* its cap is also the longest Retry-After that is waited for */
	int64_t gap_ms;	     /* between two attempts, whatever they are */
	int64_t timeout_ms;  /* of one attempt */
	const char *ca_file; /* NULL: the system's */
	bool brief;	     /* each call is, for now */

	int64_t next_ms; /* no attempt before; kept by api_make() */
	unsigned sent;	 /* attempts so far; kept by api_make() */
};

struct api_style;

struct api_call {
	const char *who;  /* whose call, for messages: "OVH", "compute in GRA11" */
	const char *path; /* what tells it from others, for messages */
	const char *method, *url;
	const char *body;	  /* NULL: none */
	const char *content_type; /* of the body; NULL: application/json */
	bool brief;		  /* its answer can be done without: few attempts, and short ones */
	bool large; /* megabytes that can be done without: few attempts, long ones, compressed if possible */
	bool repeat; /* twice is as good as once; else it is never made again where it may have been carried out */
	const struct api_style *style;
	void *arg;	 /* for the style: the API's client */
	const void *own; /* for the style: this call */
	struct http_response *
		answer; /* gets the last answer (HTTP_RESPONSE_INIT; caller frees); NULL: no use for it */
};

/* Headers of one attempt; values are copied, and wiped when it has been made. */
struct api_headers;
void api_header(struct api_headers *h, const char *name, const char *value);

/* What an answer asks for. */
enum api_verdict {
	API_DONE,  /* 2xx */
	API_FINAL, /* an error that stays */
	API_AGAIN, /* it was not carried out, another attempt may succeed (429) */
	API_DOUBT, /* it may have been carried out; another attempt may succeed */
	API_RENEW, /* what authenticates calls was refused: renew() and one more attempt */
};

struct api_style {
	/* Before each attempt: sees to what it is authenticated with. May make calls itself. NULL: nothing. */
	int (*prepare)(void *arg, const struct api_call *c, struct error *e);
	/* Right before it is sent. NULL: nothing. */
	void (*sign)(void *arg, const struct api_call *c, struct api_headers *h);
	enum api_verdict (*judge)(
		void *arg, const struct api_call *c, const struct http_response *res);
	/* Fills e for an answer that is no success; ERR_NETWORK when transient. Text is cleaned. */
	void (*complain)(const struct api_call *c, const struct http_response *res, bool transient,
		struct error *e);
	/* Forgets what authenticates. NULL: nothing. */
	void (*renew)(void *arg, const struct api_call *c);
};

/* What a call may come to besides 0; the error is filled for each, so that it can still be returned. */
enum api_outcome {
	API_ABSENT = 1, /* 404, 410 */
	API_CONFLICT,	/* 409 */
	API_UNSURE,	/* it may or may not have been carried out, and may not be repeated */
	API_REFUSED,	/* 400, 403, 413, 422: the request itself */
};

/*
 * Makes the call, with as many attempts as patience allows for what a moment mends: 429, 5xx, resets,
 * time-outs, half answers. *ret, in the arena, is the answer; an empty one is a null node.
 *
 * What may not be repeated goes out on a connection of its own: on one that was kept, the server may
 * just have hung up, and neither we nor libcurl (which would try again by itself) could tell
 * whether it had read the request.
 *
 * ERR_NETWORK: it may work later. ERR_FAILED: it will not. ERR_INTERRUPTED.
 */
int api_make(struct api *api, const struct api_call *c, struct arena *a, struct node **ret,
	struct error *e);

/* Outcomes where there are none: each becomes its error. */
int api_plain(int r, const struct error *e);

/* Appends text as a part of a path or a query: all but unreserved characters escaped. */
void api_escape(struct buf *out, const char *text);

/* The server's text for a person: one line, cut at 300 bytes, without control characters. In the arena. */
const char *api_clean(struct arena *a, const char *text);

/*
 * Fields of answers. what names the object in messages ("OVH: record 17"). A field that is missing,
 * null or of another type is ERR_FAILED and named.
 */
int api_text(
	const struct node *n, const char *key, const char *what, const char **ret, struct error *e);
int api_number(
	const struct node *n, const char *key, const char *what, int64_t *ret, struct error *e);
int api_bool(const struct node *n, const char *key, const char *what, bool *ret, struct error *e);
/* The node itself is a list; what names it. */
int api_list(const struct node *n, const char *what, struct error *e);
