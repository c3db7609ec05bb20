/*
 * How to get into the OpenStack of a project at OVH. Three ways, the first that there is:
 *   what the user has for OpenStack (OS_*, an entry of clouds.yaml that is named): not here, see row.c;
 *   a service account of OVH's IAM, which Keystone takes through federation (OIDC);
 *   a user of the project that kbuild makes for itself, once, and whose password it keeps in
 *   STATE/ovh/PROJECT.json (0600).
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

/* What OVH calls kbuild's own user; there is one of this description in a project. */
#define SIGNIN_DESCRIPTION "kbuild"

/* All borrowed. */
struct signin {
	const struct native *native;
	const struct ovh_conf *conf;
	const char *state_dir;
	const struct clock *clock;
	struct progress *progress; /* or NULL */
};

/* Of OVH's Keystone: OS_AUTH_URL, openstack_auth_url of the configuration, else the endpoint's own. */
const char *signin_auth_url(const struct ovh_conf *conf);

/*
 * Completes ret: auth_url, project, and a way to sign in. Strings in the arena. Without a file in STATE
 * it makes calls: the user is looked for by its description, made when it is not there, and waited for;
 * a password that nobody here knows any more is made anew, which ends the old one.
 */
int signin_complete(
	const struct signin *s, struct arena *a, struct os_access *ret, struct error *e);
/* Keystone has refused the password that was kept: another one. 0, or 1: it is not a user of ours. */
int signin_renew(const struct signin *s, struct arena *a, struct os_access *ret, struct error *e);
