/*
 * When findings are a fault: a state machine a check, with debounce in both directions, so that neither a
 * single miss nor a flapping service wakes anybody. Pure: state and finding in, state and event out.
 */
#pragma once

#include "checks.h"

#define VERDICT_WINDOW 3 /* runs that are looked at … */
#define VERDICT_NEEDED 2 /* … of which so many must agree to change the state */
#define REMINDER_S     (INT64_C(24) * 3600) /* a fault that lasts is told again after so long */

enum event {
	EVENT_NONE,
	EVENT_FELL,	/* it is a fault from now on */
	EVENT_ROSE,	/* it is over */
	EVENT_REMINDER, /* it still is */
};

struct watch {
	char recent[VERDICT_WINDOW + 1]; /* 'g' and 'b', the newest last */
	bool bad;			 /* it is a fault */
	int64_t since;			 /* unix seconds of the last change of that */
	int64_t told;			 /* of the last FELL or REMINDER */
	int64_t seen;			 /* of the last finding that was not UNKNOWN */
};

/* What one more finding makes of it. UNKNOWN changes nothing but may be a reminder's time. */
enum event verdict_step(struct watch *w, enum verdict v, int64_t now);
