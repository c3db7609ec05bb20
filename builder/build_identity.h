/* Who an image is: what it is made from, its key, its name. */
#pragma once

#include "age.h"
#include "base.h"

struct ctx;
struct definition;
struct error;
struct lock;

struct build_identity {
	char inputs[65];		    /* digest of what the image is made from */
	char id[65];			    /* names the image: inputs and key */
	struct age_identity key;	    /* wipe it */
	char recipient[AGE_RECIPIENT_SIZE]; /* its public half; "": the image has no agent */
};

int build_identify(struct build_identity *ret, const struct ctx *c, const struct definition *def,
	const struct lock *lock, struct error *e);

/*
 * The id that the image of a definition will have, in *ret (65 bytes); > 0: it cannot be told, as there is no lock
 * that answers the definition yet. look: nothing is made for it, not the builder's secret either; without one it
 * cannot be told.
 */
int build_foresee(
	const struct ctx *c, const struct definition *def, bool look, char *ret, struct error *e);
