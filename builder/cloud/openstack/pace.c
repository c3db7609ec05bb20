/* Turns of requests, so that a service never sees too many in a second. */
#include "pace.h"

/* A second, and what two clocks may differ by in it. */
#define WINDOW_MS 1050

/* Whether a is to be had before b. */
static bool sooner(const struct pace_turn *a, const struct pace_turn *b)
{
	if (!a->n != !b->n)
		return !a->n;
	if (a->ended != b->ended)
		return a->ended;
	return a->ms < b->ms;
}

int pace_begin(struct pace *p, const struct clock *clock, struct error *e)
{
	struct pace_turn *turn = &p->turns[0];
	int64_t now = clock_now_ms(clock);

	for (size_t i = 1; i < PACE_CALLS; i++)
		if (sooner(&p->turns[i], turn))
			turn = &p->turns[i];
	if (turn->n && now < turn->ms + WINDOW_MS) {
		if (clock_sleep_ms(clock, turn->ms + WINDOW_MS - now) < 0)
			return error_set(e, ERR_INTERRUPTED, "interrupted");
		now = clock_now_ms(clock);
	}
	*turn = (struct pace_turn){ .n = ++p->last, .ms = now };
	return turn->n;
}

void pace_end(struct pace *p, const struct clock *clock, int turn)
{
	for (size_t i = 0; i < PACE_CALLS; i++) {
		struct pace_turn *t = &p->turns[i];

		if (t->n && t->n == turn && !t->ended) {
			t->ended = true;
			t->ms = clock_now_ms(clock);
		}
	}
}
