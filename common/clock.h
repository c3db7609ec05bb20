/*
 * The seam to time. Real code takes a struct clock; tests give one that moves when told, so that
 * a wait of forty minutes runs in a millisecond through the real retry code.
 */
#pragma once

#include "base.h"

struct clock {
	int64_t (*now_ms)(void *arg); /* monotonic milliseconds */
	/* Sleeps; returns 0, or -ECANCELED as soon as the program is interrupted. */
	int (*sleep_ms)(void *arg, int64_t ms);
	void *arg;
};

extern const struct clock clock_real;

static inline int64_t clock_now_ms(const struct clock *c)
{
	return c->now_ms(c->arg);
}

static inline int clock_sleep_ms(const struct clock *c, int64_t ms)
{
	return c->sleep_ms(c->arg, ms);
}
