/*
 * Whether there is room for what is put back, asked before anything is made: where the disk of Docker's volumes fills
 * up, the database that is at work there stops too.
 */
#pragma once

#include "base.h"

struct error;
struct manifest;
struct pg;
struct restore;

/*
 * For the largest database of m, which are restored one by one. live: the server that they are of. ERR_FAILED
 * (transient) says what is lacking.
 */
int room_for_rehearsal(const struct pg *live, const struct manifest *m, struct error *e);
/* For all that a restore makes beside what is there. The same. */
int room_for_restore(const struct restore *q, struct error *e);
