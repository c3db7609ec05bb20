/*
 * How to get into the OpenStack of a project at OVH. Three ways, the first that there is:
 *   what the user has for OpenStack (OS_*, an entry of clouds.yaml that is named): not here, see row.c;
 *   a service account of OVH's IAM, which Keystone takes through federation (OIDC);
 *   a user of the project that kbuild makes for itself, once for each machine and its STATE, and whose password it
 *   keeps in STATE/ovh/PROJECT.json (0600). Others have users of their own: a new password ends the old one.
 */
#pragma once

#include "base.h"

struct arena;
struct clock;
struct error;
struct native;
struct os_access;
struct ovh_conf;
struct progress;

/* What a run remembers of it; zeroed before the first call. Strings in the arenas of the calls. */
struct signin_memory {
	const char *made;    /* the password that this run has made; NULL: none */
	const char *refused; /* one that Keystone does not know yet; NULL: none */
	int64_t until;	     /* when that is believed, ms */
};

/* All borrowed. */
struct signin {
	const struct native *native;
	const struct ovh_conf *conf;
	const char *state_dir;
	const struct clock *clock;
	struct progress *progress; /* or NULL */
	const char *description;   /* what OVH calls that user; as signin_description() */
	bool looks;		   /* nothing is made, and no password */
	struct signin_memory *memory;
};

/* "kbuild laptop 1a2b3c4d": of this machine's name, and of its id and the place of its state. In the arena. */
const char *signin_description(const char *state_dir, struct arena *a);

/* Of OVH's Keystone: OS_AUTH_URL, openstack_auth_url of the configuration, else the endpoint's own. */
const char *signin_auth_url(const struct ovh_conf *conf);
/* Whether that Keystone is OVH's, or the stand-in that the user's own configuration names. */
bool signin_is_ovh(const char *url, const struct ovh_conf *conf);

/* Whether a service account signs in to OpenStack by itself: without, it needs a user as all others do. */
bool signin_federates(const struct ovh_conf *conf);

/* Who looks only has no user yet. */
#define SIGNIN_NONE 1

/*
 * Completes ret: auth_url, project, and a way to sign in. Strings in the arena. Without a file in STATE
 * it makes calls: the user is looked for by its description, made when it is not there, and waited for;
 * a password that nobody here knows any more is made anew, which ends the old one. 0, SIGNIN_NONE.
 */
int signin_complete(
	const struct signin *s, struct arena *a, struct os_access *ret, struct error *e);
/*
 * Keystone has refused the password: 0: it is to be tried again, after a pause where it is so new that Keystone may
 * not know it yet, for a minute; else with another one. 1: it is not a user of ours, or nothing more can be done.
 */
int signin_renew(const struct signin *s, struct arena *a, struct os_access *ret, struct error *e);
