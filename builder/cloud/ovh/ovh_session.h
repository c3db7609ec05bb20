/*
 * A session with OVH's native API as one run of kbuild has it: the configuration, the client, the project. The
 * cloud's row and `kbuild doctor` both begin here.
 */
#pragma once

#include "ovh_conf.h"
#include "project.h"
#include "signin.h"

struct arena;
struct clock;
struct error;
struct http;
struct ovh_prices;

struct ovh_session {
	struct arena *arena; /* owned; all that is found lives in it */
	struct ovh_conf conf;
	struct ovh *api;	    /* owned */
	bool signed_in;		    /* there are keys; else only open calls can be made */
	bool spared;		    /* they are of no use here, which was said: goes without them */
	struct native native;	    /* project NULL until ovh_session_project() */
	struct ovh_prices *prices;  /* NULL until ovh_session_prices() */
	bool told_prices;	    /* whose they are has been said */
	bool no_prices;		    /* they could not be had: not asked for again */
	struct ovh_flavors flavors; /* of the region asked for last */
	struct signin_memory memory;
	struct ovh_region region; /* checked last; name NULL: none was */
};

/* Returns new. http and clock borrowed. keys: that there are none, or half of them, is an error. */
int ovh_session_new(struct ovh_session **ret, const struct ovh_conf_ask *ask, bool keys,
	const struct http *http, const struct clock *clock, struct error *e);
void ovh_session_free(struct ovh_session *s);
DEFINE_CLEANUP(struct ovh_session *, ovh_session_free);

/*
 * OpenStack is signed in to that project by a way of the user's own, so that OVH's API has to be asked about the same
 * one: their ids are one. Before the first ovh_session_project(). NULL; or words, in the session's arena: another one is
 * said for OVH's API, which does not count.
 */
const char *ovh_session_agree(struct ovh_session *s, const char *project);
/* The project, chosen once; native is whole then. */
int ovh_session_project(struct ovh_session *s, const struct native **ret, struct error *e);
/* The flavors of a region; asked for once, as long as it is the same region. */
int ovh_session_flavors(
	struct ovh_session *s, const char *region, const struct ovh_flavors **ret, struct error *e);
/* The prices, read once. */
int ovh_session_prices(struct ovh_session *s, const char *cache_dir, const struct ovh_prices **ret,
	struct error *e);
