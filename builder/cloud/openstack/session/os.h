/*
 * OpenStack's APIs: signing in at Keystone, the catalogue, and calls of any service that are
 * authenticated, paced and repeated as these services want it. What a call means is known only to who
 * makes it. Network and time come through seams.
 *
 * The token is kept in CACHE/tokens (0600) and used again by the next run until it ends; a
 * service that refuses it gets a new one, once.
 */
#pragma once

#include "base.h"

struct arena;
struct buf;
struct clock;
struct error;
struct http;
struct node;

/*
 * How to sign in. All strings borrowed, must outlive the struct os; "" is as good as NULL. Exactly one of:
 * user and password, an application credential, a token from elsewhere, OIDC client credentials.
 */
struct os_access {
	const char *from;      /* where it was read, for messages: "clouds.yaml: gra", "OS_*" */
	const char *auth_url;  /* with or without /v3 */
	const char *region;    /* the default one; NULL: none, each call names its own */
	const char *interface; /* "public" (NULL), "internal", "admin" */
	const char *cacert;    /* a file, or NULL: the system's */
	const char *user_id, *user_name, *user_domain_id, *user_domain_name, *password;
	const char *credential_id, *credential_name, *credential_secret;
	const char *token;
	/* OIDC: a token for client credentials, then Keystone's federation. */
	const char *oidc_provider, *oidc_protocol, *oidc_client, *oidc_secret, *oidc_scope;
	const char *oidc_discovery; /* URL that tells the token server's */
	const char *oidc_token; /* "id_token" or "access_token"; NULL: the first that there is */
	const char *project_id, *project_name, *project_domain_id, *project_domain_name;
	/*
	 * Called each time when Keystone refuses to sign in (401), before that is told. 0: it is tried again, because *k
	 * was changed (a new password), or time may have mended it, and it has waited; > 0: that is no use. It ends
	 * that itself. NULL: nobody knows better.
	 */
	int (*renew)(void *arg, struct os_access *k, struct error *e);
	void *renew_arg;
};

/* ERR_INVALID: no way, half a way or two ways to sign in; says which members are missing. */
int os_access_check(const struct os_access *k, struct error *e);

/*
 * As the official clients find it (openstacksdk's CONFIG_SEARCH_PATH): OS_CLIENT_CONFIG_FILE, ./clouds.yaml,
 * XDG_CONFIG_HOME/openstack/, ~/.config/openstack/, XDG_CONFIG_DIRS/openstack/ (/etc/xdg), /etc/openstack/: the first
 * that is there and may be read. secure.yaml (OS_CLIENT_SECURE_FILE) and clouds-public.yaml are looked for likewise,
 * each for itself, and merged in;
 * the entry named by cloud, else OS_CLOUD, else the only one; OS_* where no entry is named. cloud and
 * region: of the command line, or NULL. Strings in the arena. ERR_INVALID with file:line:col for wrong
 * files; ERR_FAILED when there is nothing to sign in with, saying what was looked for.
 */
int os_access_read(struct os_access *ret, const char *cloud, const char *region, struct arena *a,
	struct error *e);

enum os_service {
	OS_IDENTITY,
	OS_IMAGE,
	OS_COMPUTE,
	OS_NETWORK,
	OS_VOLUME, /* block-storage, volumev3 */
	OS_PLACEMENT,
};

struct os;

/*
 * Returns new. Nothing is asked of the network before the first call. k is copied, its strings and http, clock,
 * cache_dir are borrowed. cache_dir NULL: nothing is kept.
 */
int os_new(struct os **ret, const struct os_access *k, const struct http *http,
	const struct clock *clock, const char *cache_dir, struct error *e);
void os_free(struct os *o);
DEFINE_CLEANUP(struct os *, os_free);

struct os_query {
	enum os_service service;
	const char *region; /* NULL: the default one */
	const char *method; /* GET, POST, PUT, PATCH, DELETE */
	const char
		*path; /* from the endpoint on, escaped: "/servers/detail?limit=100"; an endpoint's
				     version (v2, v2.0, v3/PROJECT) is found and never part of it */
	const char *body;	  /* JSON, or NULL */
	const char *content_type; /* NULL: application/json */
	const char *
		microversion; /* "2.67", or NULL; more than the server has is ERR_FAILED and says so */
	bool harmless;	      /* a POST that may be made twice */
	bool brief; /* its answer can be done without: not waited for as long as for others */
};

/* What a call may come to besides 0; the error is filled for each, so that it can still be returned. */
enum os_outcome {
	OS_ABSENT = 1, /* 404, 410 */
	OS_CONFLICT,   /* 409 */
	OS_UNSURE,     /* a POST may or may not have been carried out: look, then decide */
	OS_REFUSED, /* 400, 403, 413, 422: the request itself, or a quota; the error has its words */
};

/*
 * Makes one call, with several attempts for what a moment mends (429, 5xx, resets, time-outs, half
 * answers, a kept connection that the server has closed unannounced), but never a second POST that
 * could be carried out twice. *ret, in the arena, is the answer; an empty one is a null node. ERR_NETWORK:
 * it may work later. ERR_FAILED: it will not.
 */
int os_call(struct os *o, const struct os_query *q, struct arena *a, struct node **ret,
	struct error *e);
/* The same where every outcome but success is an error. */
int os_must(struct os *o, const struct os_query *q, struct arena *a, struct node **ret,
	struct error *e);
/*
 * Until it is said to be over, each call is as with os_query.brief: for who has something else under way that
 * waits meanwhile. What fails then may only have been late.
 */
void os_hurry(struct os *o, bool on);

/*
 * All pages of a list: the member key of each answer, as one list node, following "next" and
 * "KEY_links", bounded. Every outcome but success is an error.
 */
int os_list(struct os *o, const struct os_query *q, const char *key, struct arena *a,
	struct node **ret, struct error *e);

/*
 * For exchanges that are not calls (the bytes of an image): a token that lives for at least life_s more, or
 * a new one where tokens do not live that long. Borrowed until the next call of os_*.
 */
int os_token(struct os *o, int64_t life_s, const char **ret, struct error *e);
/* The next os_token() makes a new one: a service has refused this one. */
void os_token_forget(struct os *o);
/*
 * For who does not find what the catalogue should have: a token of an earlier run is given up, so that the next call
 * brings another catalogue. False: it is of this run.
 */
bool os_renew(struct os *o);
/* The endpoint with its version, without '/' at its end; in the arena. ERR_FAILED names the regions there are. */
int os_endpoint(struct os *o, enum os_service service, const char *region, struct arena *a,
	const char **ret, struct error *e);
/* Whether the catalogue has the service in that region. Signs in. */
int os_has(struct os *o, enum os_service service, const char *region, bool *ret, struct error *e);
/* The regions where the catalogue has that service, sorted, NULL-terminated; in the arena. Signs in. */
int os_regions(struct os *o, enum os_service service, struct arena *a, const char *const **ret,
	struct error *e);
/* The project of the token, in the arena. Signs in. */
int os_project(struct os *o, struct arena *a, const char **ret, struct error *e);
/*
 * The highest microversion that both the server and kbuild know (2.72 of compute: what the oldest of
 * OVH's regions have), for who can do with less; in the arena. "" where the service has none.
 */
int os_microversion(struct os *o, enum os_service service, const char *region, struct arena *a,
	const char **ret, struct error *e);
/*
 * Signs in anew, whatever the cache holds; how far our clock is behind the server's, in seconds (negative:
 * ahead). What is wrong with a clock shows in certificates and on servers, not in tokens.
 */
int os_clock_behind(struct os *o, int64_t *ret_s, struct error *e);
/* The file of certificates to trust, or NULL: for exchanges that are not calls. */
const char *os_cacert(const struct os *o);
/* Waits until a call may be made, for one that is an exchange of its own: its turn, to be ended. ERR_INTERRUPTED. */
int os_turn(struct os *o, struct error *e);
/* The service has that request, or never will; see http.h. */
void os_turn_ended(struct os *o, int turn);
/* The text of a page of HTML, in one line: what a service says of an error. In the arena. */
const char *os_page_text(const char *html, struct arena *a);
/* Calls sent since os_new(), attempts counted each; for figures and tests. */
unsigned os_calls(const struct os *o);
