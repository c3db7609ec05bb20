/*
 * Launch: joins the image of a definition and a cloud, and waits until the server has answered.
 * Pure orchestration; knows no cloud in particular.
 */
#pragma once

#include "base.h"

struct arena;
struct cloud;
struct ctx;
struct definition;
struct error;
struct launch_request;
struct plan;
struct server;

#define WAIT_DEFAULT_S 600 /* a server without hardware virtualisation boots in 2 to 4 minutes */

#define LAUNCH_MAX 100 /* servers at once, as kbuild.server.count */

struct launch_options {
	const struct cloud *cloud;
	const struct definition *def;	      /* read; NULL: request.disk is given */
	const char *secrets;		      /* file of the operator's secrets, "-", or NULL */
	const struct launch_request *request; /* what is 0 or NULL is taken from the definition */
	bool wait;			      /* for its answer */
	bool keep;			      /* also when interrupted before it answered */
	unsigned
		count; /* more than 1: servers NAME-1 to NAME-COUNT; 0: as the definition says, else 1 */
	int64_t timeout_ms;
};

/* How many servers these options mean. */
unsigned launch_count(const struct launch_options *o);

/* The name of the i-th of them, from 0: "web", or of several "web-1", "web-2" … In the arena. */
const char *launch_name(const struct launch_options *o, unsigned i, struct arena *a);

/* What launch_run() would find and make: of each server in turn. Makes nothing, builds nothing. */
int launch_plan(struct ctx *c, const struct launch_options *o, struct arena *a, struct plan *ret,
	struct error *e);

/*
 * Builds the image when it is not current, makes the server, waits. When interrupted before it
 * answered, the server is removed. ERR_TEST: it answered that something is wrong, or it never will;
 * then it is kept, and the error says how to look further.
 */
int launch_run(struct ctx *c, const struct launch_options *o, struct arena *a, struct server *ret,
	struct error *e); /* ret: launch_count() of them */

/*
 * Waits until the present boot of a server has answered. ERR_TEST as above; *ret_answered (or NULL): whether it did,
 * whatever it answered. A cloud that cannot be asked for a moment is asked again until the time is up.
 */
int server_wait(struct ctx *c, const struct cloud *cloud, const struct server *s,
	int64_t timeout_ms, bool *ret_answered, struct error *e);
/*
 * After provider.start(), which returned how: waits for the boot that has begun. Where none has, a cloud's console says
 * nothing more: then what it has said counts, as far as its launch is over.
 */
int server_started(struct ctx *c, const struct cloud *cloud, const struct server *s, int how,
	int64_t timeout_ms, struct error *e);
/* What it said last, of a launch that is over: 0, also when nobody knows; ERR_TEST as above. */
int server_last_word(
	struct ctx *c, const struct cloud *cloud, const struct server *s, struct error *e);
/* " (5.80 EUR a month)", in the arena; "" where nobody knows. */
const char *server_price(const struct cloud *cloud, const struct server *s, struct arena *a);
/* Appends that this server is there all the same, what it costs, and the two ways on. Returns negative. */
int server_stays(const struct cloud *cloud, const struct server *s, struct error *e);
