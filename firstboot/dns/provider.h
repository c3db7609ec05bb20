/*
 * Who holds the zone: a table of providers, a row each. A row translates; when to write, and what, is
 * decided in sync.c.
 */
#pragma once

#include "records.h"

struct arena;
struct clock;
struct error;
struct http;
struct node;

enum dns_outcome {
	DNS_ABSENT = 1, /* there is no such record (any more) */
	DNS_UNSETTLED,	/* the zone is changing while it is read: ask again in a moment */
	DNS_UNSURE,	/* a record may or may not have been made, or its id is unknown: look */
	DNS_REFUSED,	/* the zone is not published, and nobody is at work on it */
};

struct dns_place {
	const struct http *http;
	const struct clock *clock;
	const char *zone;
	const struct node *keys; /* the provider's part of the credentials; borrowed */
};

struct dns_provider {
	const char *name; /* as in kbuild.dns.provider */

	/* ERR_INVALID: keys are missing or wrong in form. *ret is given to all others. */
	int (*open)(const struct dns_place *where, void **ret, struct error *e);
	void (*close)(void *p);

	/* Adds the records of exactly this type and name. Also DNS_UNSETTLED. */
	int (*list)(void *p, const struct dns_record *like, struct arena *a,
		struct dns_records *ret, struct error *e);
	/* The record of r->id: fills the rest. Also DNS_ABSENT. */
	int (*read)(void *p, struct dns_record *r, struct arena *a, struct error *e);
	/* Fills r->id. Also DNS_UNSURE, with the error filled. */
	int (*create)(void *p, struct dns_record *r, struct error *e);
	/* Target and ttl of r->id. Also DNS_ABSENT. */
	int (*update)(void *p, const struct dns_record *r, struct error *e);
	/* One that is absent already was removed: 0. */
	int (*remove)(void *p, const struct dns_record *r, struct error *e);

	/* What a record's ttl 0 means. */
	int (*default_ttl)(void *p, int64_t *ret, struct error *e);
	/*
	 * Makes what was written be served: asks for it, and whether it is done. Also DNS_REFUSED, with the
	 * error filled and *ret false: how the last time ended that somebody asked, which may be long ago.
	 */
	int (*publish)(void *p, struct error *e);
	int (*published)(void *p, bool *ret, struct error *e);
	/* Names of the zone's name servers, NULL-terminated. */
	int (*servers)(void *p, struct arena *a, const char ***ret, struct error *e);
};

extern const struct dns_provider dns_provider_ovh;

/* NULL: there is none of this name. */
const struct dns_provider *dns_provider_find(const char *name);
