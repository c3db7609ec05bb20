/* The operations of the parse role: a row each in parse.c, a file each. */
#pragma once

#include "base.h"
#include "role.h"

struct node;

struct parse_op {
	const char *name;
	int (*run)(struct ipc_message *q, struct role_reply *reply, struct error *e);
};

extern const struct parse_op parse_plan;

/* The host address that the port of url is bound to by one of these services, when it is one and not all; NULL. */
const char *parse_published_at(const struct node *services, const char *url);
