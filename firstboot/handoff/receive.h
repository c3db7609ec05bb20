/*
 * The conductor's half of the handoff: takes it, opens what is sealed with the image's key, has each part
 * stored as a credential, and has it forgotten. May be cut off anywhere and done again: it is removed only
 * after everything in it is kept.
 */
#pragma once

#include "base.h"

struct agent;
struct arena;
struct error;

#define RECEIVE_NOTHING 1 /* there is none on this server, or it was taken at an earlier boot */

struct received {
	const char *server; /* as launch calls it */
	int64_t launched;   /* unix seconds: the clock of a right server is not before that */
	const char **parts; /* credentials that came along; NULL-terminated */
};

/*
 * 0, or RECEIVE_NOTHING; both after traces of it were removed (cloud-init may have fetched the user-data
 * anew). From then on agent.handed has the credentials for this run; they live in the arena, which must
 * outlive the agent's use of them. ERR_INVALID: it is not for this image, or not what launch writes.
 */
int handoff_receive(struct agent *a, struct arena *arena, struct received *ret, struct error *e);
