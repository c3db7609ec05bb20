/*
 * How often a service is asked. A request begins a second after the one PACE_CALLS before had ended, not begun:
 * however late each of them arrived, the service never sees more in any second.
 */
#pragma once

#include "clock.h"
#include "error.h"

/* No more requests in a second than that; OVH's services take twenty each, its native API does not say. */
#define PACE_CALLS 10

/* All 0: nothing was asked yet. */
struct pace {
	struct pace_turn {
		int n;	    /* its number, from 1; 0: not used yet */
		bool ended; /* at ms; else begun then */
		int64_t ms;
	} turns[PACE_CALLS];
	int last; /* number */
};

/*
 * Waits until another request may begin. The number of its turn, for pace_end() as soon as the service has the
 * request, or never will. Where all turns are under way, the oldest is taken for ended. ERR_INTERRUPTED.
 */
int pace_begin(struct pace *p, const struct clock *clock, struct error *e);
/* Another call for the same turn does nothing. */
void pace_end(struct pace *p, const struct clock *clock, int turn);
