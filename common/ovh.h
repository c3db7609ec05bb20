/*
 * OVHcloud's native API: calls that are authenticated, paced and repeated as the API wants it. What
 * a call means is known only to who makes it. Network and time come through seams, so the same code
 * runs on a laptop and in a process without network.
 *
 * Ways to sign in: AK/AS/CK (each call is signed, "$1$" and SHA-1, with the server's time), OAuth2
 * client credentials (a token, kept in memory and renewed), or an access token from elsewhere.
 */
#pragma once

#include "base.h"

struct arena;
struct buf;
struct clock;
struct error;
struct http;
struct node;

/* All borrowed; must outlive the struct ovh. Exactly one way to sign in is given, whole. */
struct ovh_keys {
	const char *
		endpoint; /* "ovh-eu" and the like, or a URL such as https://host/1.0; NULL: ovh-eu */
	const char *token_url; /* OAuth2 where the endpoint is a URL; NULL: the endpoint's own */
	const char *application_key, *application_secret, *consumer_key;
	const char *client_id, *client_secret;
	const char *access_token;
	bool visitor; /* no way to sign in is needed: only calls that are open will be made */
};

/* ERR_INVALID when no way, half a way or two ways to sign in are given, or an unknown endpoint. */
int ovh_keys_check(const struct ovh_keys *k, struct error *e);

/* The API's URL of an endpoint, "https://eu.api.ovh.com/1.0"; NULL: there is none of this name. */
const char *ovh_api_url(const char *endpoint);

struct ovh;

/* Returns new. Nothing is asked of the network before the first call. http and clock: borrowed. */
int ovh_new(struct ovh **ret, const struct ovh_keys *k, const struct http *http,
	const struct clock *clock, struct error *e);
void ovh_free(struct ovh *o);
DEFINE_CLEANUP(struct ovh *, ovh_free);

struct ovh_query {
	const char *method; /* GET, POST, PUT, DELETE */
	const char *path;   /* from the endpoint on: "/domain/zone/example.com"; escaped */
	const char *body;   /* JSON, or NULL */
	bool harmless;	    /* a POST that may be made twice: a refresh */
	bool large;	    /* megabytes, which can be done without; see api.h */
	bool open;	    /* needs no signing in: prices, a new consumer key */
	bool may_be_denied; /* 403 is an outcome: OVH_DENIED. For who asks in order to know */
};

/* What a call may come to besides 0; the error is filled for each, so that it can still be returned. */
enum ovh_outcome {
	OVH_ABSENT = 1, /* 404, 410: the object, or the service */
	OVH_CONFLICT,	/* 409: it exists already, or another task runs */
	OVH_UNSURE,	/* a POST may or may not have been carried out: look, then decide */
	OVH_DENIED, /* 403, only where the query says so: no right, or the key is not valid (yet) */
};

/*
 * Makes one call, with up to six attempts for what a moment mends (429, 5xx, resets, time-outs,
 * half answers), but never a second POST that could be carried out twice. *ret, in the arena, is
 * the answer; a null or empty one is a null node. ERR_NETWORK: it may work later. ERR_FAILED: it
 * will not (a right is missing, keys are wrong, a value is refused).
 */
int ovh_call(struct ovh *o, const struct ovh_query *q, struct arena *a, struct node **ret,
	struct error *e);

/* The same where every outcome but success is an error. */
int ovh_must(struct ovh *o, const struct ovh_query *q, struct arena *a, struct node **ret,
	struct error *e);

/* Calls sent since ovh_new(), attempts counted each; for figures and tests. */
unsigned ovh_calls(const struct ovh *o);
