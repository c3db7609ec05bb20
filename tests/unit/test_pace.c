/* Turns of requests: never more than ten in a second, as the service sees them. */
#include "pace.h"

#include "check.h"

static int64_t now;
static bool interrupted;

static int64_t now_ms(_unused_ void *arg)
{
	return now;
}

static int sleep_ms(_unused_ void *arg, int64_t ms)
{
	if (interrupted)
		return -1;
	now += ms;
	return 0;
}

static const struct clock clock_ = { .now_ms = now_ms, .sleep_ms = sleep_ms };

static int begin(struct pace *p)
{
	struct error e = {};
	int turn = pace_begin(p, &clock_, &e);

	check(turn > 0);
	return turn;
}

/* One whole request that takes so long; when it began. */
static int64_t request(struct pace *p, int64_t ms)
{
	int turn = begin(p);
	int64_t began = now;

	now += ms;
	pace_end(p, &clock_, turn);
	return began;
}

static void ten_at_once_and_then_a_second_later(void)
{
	struct pace p = {};

	now = 7;
	for (size_t i = 0; i < PACE_CALLS; i++)
		check_int(request(&p, 0), 7);
	for (size_t i = 0; i < PACE_CALLS; i++)
		check_int(request(&p, 0), 7 + 1050);
	check_int(request(&p, 0), 7 + 2 * 1050);
}

static void a_slow_one_counts_from_its_end(void)
{
	struct pace p = {};

	now = 0;
	request(&p, 400);
	for (size_t i = 1; i < PACE_CALLS; i++)
		request(&p, 0);
	check_int(request(&p, 0), 400 + 1050);
}

/* An upload takes minutes, and nobody knows when in them the service sees its beginning. */
static void one_under_way_keeps_its_turn(void)
{
	struct pace p = {};
	int upload;

	now = 0;
	upload = begin(&p);
	for (size_t second = 0; second < 5; second++)
		for (size_t i = 0; i < PACE_CALLS - 1; i++)
			check_int(request(&p, 0), (int64_t)second * 1050);
	now = 10000;
	pace_end(&p, &clock_, upload);
	for (size_t i = 0; i < PACE_CALLS - 1; i++)
		check_int(request(&p, 0), 10000);
	check_int(request(&p, 0), 10000 + 1050);
}

static void where_all_are_under_way_the_oldest_gives_way(void)
{
	struct pace p = {};
	int first, last = 0;

	now = 0;
	first = begin(&p);
	for (size_t i = 1; i < PACE_CALLS; i++) {
		now++;
		begin(&p);
	}
	last = begin(&p);
	check_int(now, 1050);
	check(last != first);
	/* The end of the first is not the end of the one that has its place. */
	pace_end(&p, &clock_, first);
	begin(&p);
	check_int(now, 1051);
}

static void an_interrupt_takes_no_turn(void)
{
	struct pace p = {};
	struct error e = {};

	now = 0;
	for (size_t i = 0; i < PACE_CALLS; i++)
		request(&p, 0);
	interrupted = true;
	check_int(pace_begin(&p, &clock_, &e), -ERR_INTERRUPTED);
	interrupted = false;
	check_int(request(&p, 0), 1050);
}

int main(void)
{
	run(ten_at_once_and_then_a_second_later);
	run(a_slow_one_counts_from_its_end);
	run(one_under_way_keeps_its_turn);
	run(where_all_are_under_way_the_oldest_gives_way);
	run(an_interrupt_takes_no_turn);
	return done();
}
