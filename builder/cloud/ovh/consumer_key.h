/*
 * A consumer key: asked for with the rules that kbuild needs, agreed to by a person in a browser, waited
 * for, kept. Until it is kept nothing is changed, and one that nobody agrees to ends by itself.
 */
#pragma once

#include "base.h"

struct arena;
struct clock;
struct error;
struct http;
struct ovh_conf;
struct progress;

/* All borrowed. conf has application_key and application_secret. */
struct login {
	const struct ovh_conf *conf;
	const char *project, *zone; /* which the key is for; NULL: any of the account's */
	const struct http *http;
	const struct clock *clock;
	struct progress *progress; /* ticked while waiting; or NULL */
};

struct login_key {
	const char *consumer_key;
	const char *url;	/* where a person agrees to it */
	const char *expiration; /* when it ends, as OVH says it; NULL: never, or not known yet */
};

/* One call. In the arena. */
int login_request(const struct login *l, struct arena *a, struct login_key *ret, struct error *e);
/* Waits until somebody has agreed. ERR_CONFIRM: nobody has, in that time. */
int login_wait(const struct login *l, int64_t timeout_ms, struct arena *a, struct login_key *key,
	struct error *e);
