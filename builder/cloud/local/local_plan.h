/* What a local launch would make, and what there is of a local server. As provider.plan and .inventory. */
#pragma once

#include "base.h"

struct arena;
struct cloud;
struct error;
struct launch_request;
struct plan;

int local_plan(const struct cloud *c, const struct launch_request *q, struct arena *a,
	struct plan *ret, struct error *e);
int local_inventory(const struct cloud *c, const char *name, struct arena *a, struct plan *ret,
	struct error *e);
