/*
 * What a request for servers takes from its definition, from the image of that, or from a disk: whatever the
 * command line has left open.
 */
#pragma once

#include "base.h"

struct arena;
struct ctx;
struct definition;
struct error;
struct launch_options;
struct launch_request;
struct node;

/* What each server is handed: sealed for itself, as its agent believes the name that stands in it. */
struct launch_handing {
	const char *recipient; /* NULL: the image has no agent */
	const struct node *secrets;
};

/* What the definition says of its servers. */
void launch_take_server(const struct definition *def, struct arena *a, struct launch_request *q);
/* Its image, built when needed. */
int launch_take_image(struct ctx *c, const struct launch_options *o, struct launch_request *q,
	struct launch_handing *h, struct arena *a, struct error *e);
/*
 * What image it will be, where that can be told: a server of another one is an error before the build. look: nothing
 * is made for that.
 */
int launch_foresee(struct ctx *c, const struct definition *def, bool look, struct arena *a,
	struct launch_request *q, struct error *e);
/* A cloud may have that disk already, under the name that its build gave it. Of a definition, nothing. */
int launch_take_disk(
	const struct launch_options *o, struct arena *a, struct launch_request *q, struct error *e);
