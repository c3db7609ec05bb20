/* The containers of the application, as the engine tells of them. */
#pragma once

#include "base.h"

struct call;
struct error;
struct node;

/* What Compose's labels begin with: "service", "project", "config-hash". */
#define CONTAINERS_LABEL "com.docker.compose."

/* "docker container inspect" of all of a project, in the request's arena; *ret NULL: it has none. */
int containers_of(struct call *c, const char *project, struct node **ret, struct error *e);

/*
 * 1: the service's image has a volume at a place (*ret, in the request's arena) where the service itself says nothing:
 * what is written there has no name, and stays behind with its container. Not where it says that it keeps no data.
 */
int containers_nameless(
	struct call *c, const struct node *service, const char **ret, struct error *e);

/*
 * Compose gives a container that it makes anew what the one before had mounted where the service says only a path
 * ("volumes: [/data]"), or its image does, and in the first case for writing: also what was bound there, which nobody
 * may write. Such a container is removed before "up"; what the engine keeps of it is left. services: NULL, all of
 * the plan.
 */
int containers_forget_binds(
	struct call *c, const struct node *plan, const char *const *services, struct error *e);
