/*
 * Launch: joins the image of a definition and a cloud, and waits until the server has answered.
 * Pure orchestration; knows no cloud in particular.
 */
#pragma once

#include "base.h"

struct arena;
struct cloud;
struct ctx;
struct error;
struct launch_request;
struct provider;
struct server;

#define WAIT_DEFAULT_S 600 /* a server without hardware virtualisation boots in 2 to 4 minutes */

struct launch_options {
	const struct provider *provider;
	const char *definition;		      /* path; NULL: request.disk is given */
	const char *secrets;		      /* file of the operator's secrets, "-", or NULL */
	const struct launch_request *request; /* what is 0 or NULL is taken from the definition */
	bool wait;			      /* for its answer */
	bool keep;			      /* also when interrupted before it answered */
	int64_t timeout_ms;
};

/* What clouds get of the context. */
struct cloud ctx_cloud(const struct ctx *c);

/*
 * Builds the image when it is not current, makes the server, waits. When interrupted before it
 * answered, the server is removed. ERR_TEST: it answered that something is wrong, or it never will;
 * then it is kept, and the error says how to look further.
 */
int launch_run(struct ctx *c, const struct launch_options *o, struct arena *a, struct server *ret,
	struct error *e);

/* Waits until the present boot of a server has answered. ERR_TEST as above. */
int server_wait(struct ctx *c, const struct provider *p, const char *name, int64_t timeout_ms,
	struct error *e);
