/*
 * "kbuild build": from a definition to an image, as a table of steps. Used by the verb and by
 * launch, which needs the image of a definition to be there and current.
 */
#pragma once

#include "base.h"

struct ctx;
struct error;
struct node;

enum build_step {
	BUILD_LOCK,
	BUILD_FETCH,
	BUILD_TREE,
	BUILD_AGENT,
	BUILD_BAKE,
	BUILD_SEAL,
	BUILD_DISK,
	BUILD_RECORD,
};

struct build_options {
	const char *definition; /* path */
	const char *output;	/* directory that holds NAME/; NULL: "out" */
	bool qcow2;		/* also disk.qcow2 */
	bool force;		/* build although nothing changed */
	enum build_step until;	/* the last step to do; BUILD_RECORD: all */
	const struct node
		*secrets; /* the operator's file: of it, credentials of registries; NULL: none */
	const char *
		tree; /* copies the tree as it is after "until" (tree or later) to this new directory; NULL: not */
};
#define BUILD_OPTIONS_INIT                                                                         \
	{                                                                                          \
		.until = BUILD_RECORD                                                              \
	}

/* What there is only of an image says what it will be when "until" is an earlier step. */
struct build_result {
	char *name;	 /* of the definition */
	char *directory; /* OUTPUT/NAME */
	char *disk;	 /* OUTPUT/NAME/disk.raw */
	char *user_data; /* what is left for first boot: the text */
	char *user;	 /* who may log in with the keys of the metadata, or NULL: nobody */
	char image[65];	 /* digest that names the image: equal inputs, equal image */
	char recipient
		[63]; /* of the image: what is handed to its servers is sealed to it; "": no agent */
	bool unchanged;	 /* nothing was done */
	uint64_t volume; /* bytes of the data volume that kbuild.server asks for; 0: none */
};
#define BUILD_RESULT_INIT                                                                          \
	{                                                                                          \
		.name = NULL                                                                       \
	}
void build_result_free(struct build_result *r);

int build_run(
	struct ctx *c, const struct build_options *o, struct build_result *ret, struct error *e);

/* The step's name, as --until takes it; NULL past the last. */
const char *build_step_name(enum build_step s);
