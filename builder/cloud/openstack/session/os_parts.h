/* What the files of the OpenStack client share. For builder/cloud/openstack/os_*.c only. */
#pragma once

#include "os.h"

#include "api.h"
#include "node.h"

struct http_response;

static inline bool os_given(const char *text)
{
	return text && *text;
}

/* How access says to sign in. */
enum os_way {
	OS_BY_PASSWORD,
	OS_BY_CREDENTIAL,
	OS_BY_TOKEN,
	OS_BY_OIDC,
};
/* Of an access that os_access_check() has passed. */
enum os_way os_access_way(const struct os_access *k);

/*
 * Keystone takes 60 calls a minute from a user (OVH); more are refused for longer than it takes to wait.
 * The times of the last so many, round and round.
 */
#define OS_IDENTITY_MAX	    60
#define OS_IDENTITY_SPAN_MS 60000

struct os {
	struct os_access access;
	const struct os_access *k; /* that one */
	const struct clock *clock;
	const char *cache_dir;
	char *base; /* Keystone's URL, with /v3 */
	struct api api;
	int64_t identity_ms[OS_IDENTITY_MAX];
	size_t identity_n; /* calls of Keystone so far */

	/* The session; token NULL: not signed in. */
	char *token;	       /* wiped when it goes */
	struct arena *arena;   /* of what follows */
	struct node *body;     /* "token" of Keystone's answer: project, catalog */
	struct node *versions; /* URL -> {"min", "max"}: microversions that were asked for */
	int64_t life_s;	       /* of the token, in all */
	int64_t end_ms;	       /* monotonic */
	int64_t behind_s;      /* our clock, when we signed in */
	bool cached; /* the token is one of an earlier run: rights and regions may have changed since */
	bool refused; /* a service did not take it: what the cache holds is no use either */
};

/* A way to speak to a service: what catalogue and versions come to. In the arena given. */
struct os_place {
	const char *url;    /* with its version, without '/' at its end */
	const char *region; /* as the catalogue has it */
	const char *who;    /* for messages: "compute in GRA11" */
	bool brief;	    /* it is for a call whose answer can be done without */
};

/* ------------------------------------------------------------------ os_session.c */
/* Sees to a token that lives for at least life_s (or a new one); signs in when there is none. */
int os_session(struct os *o, int64_t life_s, struct error *e);
/* Calls with its token. */
extern const struct api_style os_token_style;

/* ------------------------------------------------------------------ os_token.c */
/* Takes over what signing in or the cache gave: token (taken), arena (taken), body in it. */
void os_session_take(struct os *o, char *token, struct arena *a, struct node *body, int64_t life_s,
	int64_t left_s);
/* Wipes the token; all that came with it goes, too. */
void os_session_drop(struct os *o);

/* ------------------------------------------------------------------ os_plain.c */
extern const struct api_style os_plain_style;
/* The own of an api_call: which service it is for. */
struct os_own {
	enum os_service service;
	const char *microversion;  /* or NULL */
	const char *authorization; /* that header; NULL: none */
	bool foreign;		   /* not Keystone's: the token server of OIDC */
	bool list;		   /* 300 is an answer: a list of versions */
};

/* ------------------------------------------------------------------ os_signin.c */
/* Signs in anew, whatever there is, and takes over what comes. */
int os_sign_in(struct os *o, struct error *e);
/* What the answer to signing in brings; all of it borrowed of the answer. */
struct os_signed_in {
	const char *token;	/* of its header */
	struct node *body;	/* of its JSON */
	int64_t issued, life_s; /* unix seconds of the server; seconds */
};
/* Checks what is needed of it; the error names the member that is missing or wrong. */
int os_read_token(const struct http_response *res, const struct node *answer, struct arena *a,
	struct os_signed_in *ret, struct error *e);

/* ------------------------------------------------------------------ os_cache.c */
/* Takes over what the cache holds; false: nothing, or nothing that can be used. */
bool os_cache_load(struct os *o);
/* What cannot be kept is got again by the next run: no errors. */
void os_cache_store(const struct os *o);
void os_cache_forget(const struct os *o);

/* ------------------------------------------------------------------ os_catalog.c */
/* Where the service is. region NULL: the default one. Signs in. */
int os_place(struct os *o, enum os_service service, const char *region, struct arena *a,
	struct os_place *ret, struct error *e);
/* ------------------------------------------------------------------ os_service.c */
/* "compute", for people and for headers. */
const char *os_service_name(enum os_service service);
/* Its names in catalogues, in the order of liking; NULL: there are no more. */
#define OS_TYPES_MAX 4
const char *os_service_type(enum os_service service, size_t rank);
/* The endpoint with the version that kbuild speaks. project: for block storage. Without '/' at its end. */
const char *os_versioned(
	enum os_service service, const char *url, const char *project, struct arena *a);

/* ------------------------------------------------------------------ os_version.c */
/* Whether the place has that microversion, asking it when it is not known yet. ERR_FAILED when not. */
int os_version_check(struct os *o, enum os_service service, const struct os_place *p,
	const char *microversion, const char *what_for, struct error *e);

/* ------------------------------------------------------------------ os_reply.c */
enum api_verdict os_judge(const struct http_response *res, bool with_token);
/* As of struct api_style: status, the service's words, the request's id. */
void os_complain(
	const struct api_call *c, const struct http_response *res, bool transient, struct error *e);
