/* Compiling and packing, inside a tree. Only agent.c includes this. */
#pragma once

#include "base.h"

struct error;
struct progress;
struct work;

struct agent_package {
	const char *tree;	    /* the toolchain's, read only */
	const struct work *scratch; /* empty; holds the package afterwards */
	const char *name;	    /* of the file to make */
	int log_fd;
	struct progress *progress;
};

/* Leaves SCRATCH/job/NAME. The same tree and the same sources give the same bytes. */
int agent_package_make(const struct agent_package *p, struct error *e);
