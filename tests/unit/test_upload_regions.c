/* Uploads into two regions at once, one of which is slow to answer: the other does not feel it. */
#include "upload_play.h"

static const char *const regions[] = { "ONE", "TWO", NULL };

static void takes_100_s(void)
{
	check_int(fake.hurry, fake.n_running > 0);
	if (fake.n_running > 0)
		fake.now += 100000;
}

static void what_waits_for_another_regions_answer_has_not_stalled(void)
{
	static const struct fake_put puts[] = { { .lasts_ms = 120000 },
		{ .status = 500, .after = "queued" }, {} };
	PLAY;

	begin(&p, true);
	p.q.regions = regions;
	fake.puts = puts;
	fake.on_show = takes_100_s; /* once: then the first one has ended */
	check_int(upload(&p), 0);
	check(fake.now > 120000);
	check_int(fake.sent, 3);
	check_int(fake.creates, 2);
	check_int(count_active(&p), 2);
}

/* The first answer is late, so that the first region is sending when the second one is asked; that is deaf for a moment. */
static void late_then_deaf(void)
{
	check_int(fake.hurry, fake.n_running > 0);
	fake.now += fake.lists == 1 ? 2000 : 0;
	fake.deaf = fake.lists == 2;
}

static void who_had_no_time_to_answer_is_asked_again(void)
{
	PLAY;

	begin(&p, true);
	p.q.regions = regions;
	fake.on_list = late_then_deaf;
	check_int(upload(&p), 0);
	check_int(fake.lists, 3);
	check_int(fake.sent, 2);
	check_int(count_active(&p), 2);
}

static void deaf(void)
{
	fake.deaf = true;
}

static void who_had_time_is_not(void)
{
	PLAY;

	begin(&p, true);
	fake.on_list = deaf;
	check_int(upload(&p), -ERR_NETWORK);
	check_int(fake.lists, 1);
	check(!fake.hurry);
}

int main(void)
{
	run(what_waits_for_another_regions_answer_has_not_stalled);
	run(who_had_no_time_to_answer_is_asked_again);
	run(who_had_time_is_not);
	return done();
}
