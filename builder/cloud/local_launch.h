/* Making a local server: the launch of provider_local. See provider.h for its contract. */
#pragma once

#include "base.h"

struct arena;
struct cloud;
struct error;
struct launch_request;

/* 0 or CLOUD_CONTINUED; the caller then asks for the server by its name. */
int local_launch(
	const struct cloud *c, const struct launch_request *q, struct arena *a, struct error *e);

/* True when the console holds an answer: then the server is in use, whatever its phase says. */
struct local_dir;
bool local_has_answered(const struct local_dir *d);
