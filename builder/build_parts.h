/* What the steps of a build share; private to build.c and build_steps.c. */
#pragma once

#include "build.h"
#include "build_identity.h"
#include "overlay.h"
#include "work.h"

struct definition;
struct lock;
struct store;

/* What a step needs of an earlier one is here. */
struct build {
	struct ctx *c;
	const struct build_options *o;
	struct definition *def;
	struct lock *lock;
	struct store *store;
	struct work scratch; /* below the cache: the overlay's layers */
	struct work staging; /* below the output: what will be renamed into place */
	int place_lock;	     /* of OUTPUT/NAME, from the look at what is there to the end */
	char *log_path;
	int log_fd;
	char *tree; /* the package tree, read only */
	int tree_lock;
	char *agent;		/* the agent's package; NULL: this image has none */
	struct overlay overlay; /* the tree being baked */
	char *image;		/* STAGING/image, the new output directory */
	struct build_identity self;
	int64_t epoch;
};

/* Does one step; what went wrong begins with what was being done. */
int build_step_run(struct build *b, enum build_step s, struct error *e);

/* Of what is recorded beside the disk. */
struct build_output build_output_of(const struct build *b);
