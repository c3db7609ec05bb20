/* Ending the rotation of a secret, wherever it was cut off: for `secrets rotate` and every run of gitops. */
#pragma once

#include "base.h"

struct agent;
struct buf;
struct error;

#define ROTATION_NOTHING 1 /* none was under way */

/*
 * The database, the file, then the application. Needs GITOPS_ROLES when there is an application. 0, with
 * what became of the application in why; transient when it may be ended later.
 */
int rotation_finish(struct agent *a, struct buf *why, struct error *e);
