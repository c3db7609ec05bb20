/* What the operations about plans share: what a plan says of its services. */
#pragma once

#include "base.h"

struct broker;
struct call;
struct error;
struct node;

/* Whether an image is named by its digest or id, which nobody can move. */
bool compose_pinned(const char *image);

/*
 * Adds to the reply: "plan" and "services": {NAME: {"image", "pinned", "hash", "alone"}}. The hash is that of
 * the label com.docker.compose.config-hash once the service was brought up; alone, where it is given: of a container
 * that was made without what the service depends on.
 */
int compose_describe(struct call *c, const char *id, const struct node *doc, struct error *e);
