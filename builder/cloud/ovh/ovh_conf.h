/*
 * The keys of OVH's API as users of the official clients have them: what was said on the command line, then
 * the environment (OVH_*), then ./ovh.conf, ~/.ovh.conf and /etc/ovh.conf, laid over each other. An
 * endpoint is a name or a URL, and the section with its keys is named the same.
 *
 *   [default]
 *   endpoint=ovh-eu
 *   [ovh-eu]
 *   application_key=…  application_secret=…  consumer_key=…     (one a line)
 *   ; or  client_id=…  client_secret=…    ; or  access_token=…
 *
 * Ours beside them: project (as OVH_CLOUD_PROJECT_SERVICE, and default_cloud_project of [ovh-cli]);
 * subsidiary, whose prices are asked for; token_url, openstack_auth_url and openstack_discovery, for other
 * places than OVH's own.
 */
#pragma once

#include "base.h"
#include "ovh.h"

struct arena;
struct error;

/* Where one value came from. */
struct ovh_place {
	const char *
		text; /* "~/.ovh.conf:4", "OVH_CONSUMER_KEY", "--endpoint"; NULL: it is not given */
	const char *file; /* path, where it was a file's; else NULL */
};

struct ovh_conf {
	struct ovh_keys keys;
	const char *section; /* of keys: the endpoint as written, "ovh-eu" where none is */
	const char *project; /* or NULL */
	const char *openstack_auth_url;	 /* or NULL: OVH's own */
	const char *openstack_discovery; /* of OIDC; or NULL: OVH's own */
	const char *subsidiary;		 /* whose prices: "FR"; or NULL */
	struct ovh_place application, project_at;
	const char *open_files[4];   /* hold secrets and may be read by others; ended by NULL */
	const char *read[4];	     /* the files that were there, first wins; ended by NULL */
	struct ovh_place places[10]; /* in ovh_conf.c's order of keys, for messages */
};

/* What the caller knows better than any file, and where to look. */
struct ovh_conf_ask {
	const char *endpoint, *project; /* of the command line, or NULL */
	const char *const *files;	/* three, first wins; NULL: the usual places */
};

/*
 * Reads without judging: `kbuild login` wants half of it. Strings in the arena. ERR_INVALID with file:line
 * where a file is wrong, ERR_FAILED where one may not be read.
 */
int ovh_conf_read(
	struct ovh_conf *ret, const struct ovh_conf_ask *ask, struct arena *a, struct error *e);

/*
 * Whether there is exactly one whole way to sign in. ERR_INVALID says what is missing and where the other
 * half stands; where there is nothing at all, which files were looked for, and 'kbuild login ovh'.
 */
int ovh_conf_check(const struct ovh_conf *c, struct error *e);

/* "~/.ovh.conf" of this user; in the arena. */
const char *ovh_conf_home_file(struct arena *a);

/*
 * Keeps a value in the section of c: in the file where that key stands, else in that of its application_key,
 * else in ~/.ovh.conf, which is made with [default] when it is not there. Mode 0600, replaced as a whole, all else of it stays
 * byte for byte. *ret_file: which one it was.
 */
int ovh_conf_store(const struct ovh_conf *c, const char *key, const char *value, struct arena *a,
	const char **ret_file, struct error *e);
