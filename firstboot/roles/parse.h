/* The operations of the parse role: a row each in parse.c, a file each. */
#pragma once

#include "base.h"
#include "role.h"

struct parse_op {
	const char *name;
	int (*run)(struct ipc_message *q, struct role_reply *reply, struct error *e);
};

extern const struct parse_op parse_plan;
