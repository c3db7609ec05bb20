/*
 * Room that is kept for what must be written when the disk is full, which is when there is most to tell.
 * Files full of newlines lie in STATE and in STATE/alerts (spare-NN); one of them is overwritten where it
 * lies, which needs no new block, and changes places with the file that it replaces: that one is the spare
 * from then on, so nothing is given back that somebody else could take. JSON may end in any number of newlines.
 */
#pragma once

#include "base.h"

struct agent;
struct buf;
struct error;

/* For the run's state and the list of what was sent; for so many alerts. */
#define SPARES		 4
#define SPARE_SIZE	 (128 * KIB)
#define SPARES_ALERT	 16
#define SPARE_SIZE_ALERT (16 * KIB)

/* Makes those that are missing or were used, while there is room. Never fails. */
void spare_keep(const struct agent *a);
/* Replaces STATE/name by this text, in a spare of its directory. -ENOSPC: none is large enough. 0 or -errno. */
int spare_write(const struct agent *a, const char *name, const struct buf *text);
