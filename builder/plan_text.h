/* A plan for people and for --json. */
#pragma once

#include "base.h"

struct arena;
struct ctx;
struct error;
struct launch_options;

/* Makes it and prints it. ERR_FAILED when the launch would fail: all that is wrong stands in it (with --json: positive, as exit status). */
int plan_show(struct ctx *c, const struct launch_options *o, struct arena *a, struct error *e);
