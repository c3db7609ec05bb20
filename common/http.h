/*
 * The seam to servers: one call, request in, response out. Real code is given a struct http; tests
 * give one whose replies are scripted (tests/fake_http.h).
 *
 * Any answer of the server is success here, whatever its status: what a status means is known only
 * to who asked.
 */
#pragma once

#include "base.h"
#include "buf.h"

struct error;

struct http_header {
	const char *name, *value;
};

struct http_request {
	const char *method;		   /* "GET"; any word */
	const char *url;		   /* http:// or https:// */
	const struct http_header *headers; /* ended by {}; NULL: none */
	const void *body;		   /* borrowed; NULL: none */
	size_t body_len;
	int body_fd;	    /* > 0: the body is this file's body_len bytes from its offset on */
	int64_t timeout_ms; /* for the whole exchange; 0: 60 s, or none when body_fd is given */
	size_t max;	    /* of the response's body; 0: 16 MiB */
	bool redirects;	    /* follow them, GET only; at most 5, never from https to http */
	/*
	 * An address ("127.0.0.1"): all connections go there, whatever the URL's name means elsewhere; the
	 * name is still what is asked for (Host, SNI). Certificates are not compared then: who asks
	 * this machine itself wants to know what answers, before a name or a certificate points to it.
	 * NULL: where the name leads.
	 */
	const char *connect_to;
	const char
		*ca_file; /* certificates to trust, in PEM, instead of the system's; NULL: those */
	/*
	 * On a new connection, not on one that was kept: such a one may have been closed by the server
	 * in this moment, and who asked cannot tell then whether the request was read.
	 */
	bool fresh;
	bool compressed; /* is asked for; the body is as it was before, and max counts that */
	/* Called as bytes of the body go out; NULL: not. */
	void (*sent)(void *arg, uint64_t n);
	void *sent_arg;
};

struct http_response {
	long status;
	struct buf body;
	struct http_header *headers; /* owned; names in lower case */
	size_t n_headers, cap_headers;
	int64_t certificate_ends; /* unix seconds: the server's certificate; 0: no TLS, or not known */
};
#define HTTP_RESPONSE_INIT                                                                         \
	{                                                                                          \
	}
void http_response_free(struct http_response *r); /* leaves HTTP_RESPONSE_INIT; for _cleanup_ */

/* The first header of this name (any case), or NULL; borrowed. */
const char *http_response_header(const struct http_response *r, const char *name);
/* For implementations: adds a header, copied. */
void http_response_add(struct http_response *r, const char *name, const char *value);
/* What Retry-After asks for in milliseconds, 0: nothing (or a date, which no cloud sends). */
int64_t http_response_retry_after_ms(const struct http_response *r);

/* Where the host begins in a URL: behind the scheme, and a login ("user:password@") that stands before it. */
const char *http_host(const char *url);
/* A text for people and logs: of each URL in it the login is left out, "http://…@host/". Returns new. */
char *http_without_login(const char *text);

/* Whether others could read along what goes to this URL: http:// to another machine than this one. */
bool http_in_clear(const char *url);

/* How a request that got no answer failed. Tells whether it may be repeated. */
enum http_failure {
	HTTP_NOT_SENT = 1, /* the server never saw it: may be repeated, whatever it asks */
	HTTP_MAYBE_SENT,   /* it may have been carried out: repeat only what is harmless twice */
	HTTP_IMPOSSIBLE,   /* wrong URL, certificate not trusted: repeating changes nothing */
};

struct http {
	/*
	 * 0: ret is filled (give it HTTP_RESPONSE_INIT; caller frees). Negative: no answer, ERR_NETWORK
	 * or ERR_INTERRUPTED; *ret_failure says how, when it is not NULL.
	 */
	int (*send)(void *arg, const struct http_request *q, struct http_response *ret,
		enum http_failure *ret_failure, struct error *e);
	/*
	 * Waits until another request may be made, for one that is made by other means (a transfer) where
	 * send counts them: the number of its turn, for ended(). ERR_INTERRUPTED. NULL, both: at any time.
	 */
	int (*turn)(void *arg, struct error *e);
	/* The server has the request, or never will. Called again for the same turn: nothing. */
	void (*ended)(void *arg, int turn);
	void *arg;
};

static inline int http_send(const struct http *h, const struct http_request *q,
	struct http_response *ret, enum http_failure *ret_failure, struct error *e)
{
	return h->send(h->arg, q, ret, ret_failure, e);
}

static inline int http_turn(const struct http *h, struct error *e)
{
	return h->turn ? h->turn(h->arg, e) : 0;
}

static inline void http_turn_ended(const struct http *h, int turn)
{
	if (h->ended)
		h->ended(h->arg, turn);
}

/* By libcurl. One at a time; keeps its connections. Returns new. */
struct http_curl;
struct http_curl *http_curl_new(void);
void http_curl_free(struct http_curl *c);
DEFINE_CLEANUP(struct http_curl *, http_curl_free);
struct http http_curl_seam(struct http_curl *c);
