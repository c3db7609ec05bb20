/*
 * A launch, and a removal, that is cut off at each request in turn, in five ways, and run again: in the end
 * there is one of each thing, or none.
 */
#include "cloud_play.h"

static void nothing_there(void)
{
	fake_reset();
	check_int(remove_all(tmp_fd(), "state"), 0);
	check_int(remove_all(tmp_fd(), "cache"), 0);
}

static void one_of_each(void)
{
	const struct fake_thing *s = &fake.servers[0], *v = &fake.volumes[0], *g = &fake.groups[0];

	check_int(fake_count(fake.servers), 1);
	check_int(fake_count(fake.volumes), 1);
	check_int(fake_count(fake.groups), 1);
	check_int(fake_count(fake.keys), 1);
	check_str(s->status, "ACTIVE");
	check_str(v->status, "in-use");
	check_str(v->server, s->id);
	check_str(s->group, g->id);
	check_str(s->key, "kbuild-web-p");
	check_int(g->n_rules, 4);
	check(strstr(s->metadata, "\"kbuild:settled\"") != NULL);
}

/* The number of requests of a launch that goes well. */
static int requests_of_a_launch(void)
{
	struct launch_request q = play_request();

	nothing_there();
	fake.ids = 0;
	{
		RUN r = run_begin();

		play_well(&r, &q);
	}
	one_of_each();
	return fake.calls;
}

static void cut_off_at(int n, enum fake_how how)
{
	struct launch_request q = play_request();
	int f;

	nothing_there();
	fake.fault_at = n;
	fake.how = how;
	{
		RUN r = run_begin();

		f = play_launch(&r, &q);
		if (f == 0 && (how == FAKE_KILLED_BEFORE || how == FAKE_KILLED_LATE))
			check_fail("request %d was never made", n);
		if (f < 0 && (how == FAKE_LOST || how == FAKE_PROXY_LATE))
			check_fail("request %d, way %d: %s", n, (int)how, r.e.msg);
	}
	fake.fault_at = 0;
	if (f != 0) {
		RUN r = run_begin();

		f = play_launch(&r, &q);
		if (f < 0)
			check_fail("after request %d, way %d: %s", n, (int)how, r.e.msg);
	}
	one_of_each();
}

static void a_launch_that_is_cut_off_goes_on(void)
{
	int n = requests_of_a_launch(), runs = 0;

	for (int i = 1; i <= n; i++) {
		for (int how = FAKE_KILLED_BEFORE; how <= FAKE_PROXY_LATE; how++, runs++)
			cut_off_at(i, (enum fake_how)how);
	}
	printf("# %d requests, %d launches cut off\n", n, runs);
}

static void destroy(bool with_data)
{
	RUN r = run_begin();
	int f = row_destroy(&r.cloud, "web", with_data, &r.e);

	if (f < 0)
		check_fail("%s", r.e.msg);
}

static void gone(void)
{
	check_int(fake_count(fake.servers), 0);
	check_int(fake_count(fake.groups), 0);
	check_int(fake_count(fake.keys), 0);
	check_int(fake_count(fake.volumes), 0);
}

static void a_half_made_launch_can_be_removed(void)
{
	int n = requests_of_a_launch();

	for (int i = 1; i <= n; i++) {
		struct launch_request q = play_request();

		nothing_there();
		fake.fault_at = i;
		fake.how = FAKE_KILLED_AFTER;
		{
			RUN r = run_begin();

			(void)play_launch(&r, &q);
		}
		fake.fault_at = 0;
		destroy(true);
		gone();
	}
}

static void make_whole(void)
{
	(void)requests_of_a_launch();
	fake.calls = 0;
}

static void a_removal_that_is_cut_off_is_ended_by_the_next(void)
{
	int n;

	make_whole();
	destroy(true);
	gone();
	n = fake.calls;
	for (int i = 1; i <= n; i++) {
		for (int how = FAKE_KILLED_BEFORE; how <= FAKE_LOST; how++) {
			make_whole();
			fake.fault_at = i;
			fake.how = (enum fake_how)how;
			{
				RUN r = run_begin();

				(void)row_destroy(&r.cloud, "web", true, &r.e);
			}
			fake.fault_at = 0;
			destroy(true);
			gone();
		}
	}
}

static void a_data_volume_is_kept_and_used_again(void)
{
	struct launch_request q = play_request();
	char id[32];

	make_whole();
	memcpy(id, fake.volumes[0].id, sizeof id);
	destroy(false);
	check_int(fake_count(fake.servers), 0);
	check_int(fake_count(fake.volumes), 1);
	{
		RUN r = run_begin();

		play_well(&r, &q);
		check(!r.server.volume_made);
		check_str(r.server.volume_id, id);
	}
	one_of_each();
}

/* After a request that outlived its client, on a machine that has no mark of it. */
static void two_volumes_of_one_name_are_both_removed(void)
{
	RUN r = run_begin();

	make_whole();
	{
		struct fake_thing *v = fake_add(fake.volumes, "v", "kbuild-web", "available");

		snprintf(v->tag, sizeof v->tag, "web");
		v->size = 20;
	}
	check_int(row_inventory(&r.cloud, "web", r.arena, &r.plan, &r.e), 0);
	check_str(r.plan.items[4].what, "data volume");
	check_str(r.plan.items[5].what, "data volume");
	destroy(true);
	gone();
}

int main(void)
{
	run(a_launch_that_is_cut_off_goes_on);
	run(a_half_made_launch_can_be_removed);
	run(a_removal_that_is_cut_off_is_ended_by_the_next);
	run(a_data_volume_is_kept_and_used_again);
	run(two_volumes_of_one_name_are_both_removed);
	return done();
}
