/* Ending the rotation of a secret, wherever it was cut off: for `secrets rotate` and every run of gitops. */
#pragma once

#include "base.h"

struct agent;
struct buf;
struct error;

#define ROTATION_NOTHING 1 /* none was under way */
#define ROTATION_PAUSED	 2 /* deployments are, and nobody asked for this */

/*
 * The database, the file, then the application. Needs GITOPS_ROLES when there is an application. 0, with
 * what became of the application in why; transient when it may be ended later. by_hand: a value that the
 * application has rejected is tried again, paused or not.
 */
int rotation_finish(struct agent *a, bool by_hand, struct buf *why, struct error *e);
