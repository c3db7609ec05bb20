/* The server of a launch: broken, failed, on its way out, or there already. */
#include "cloud_play.h"

#include "plan.h"

static void a_server_that_fails_says_why_and_is_replaced(void)
{
	struct launch_request q = play_request();

	play_fresh();
	fake.fault = "No valid host was found";
	{
		RUN r = run_begin();

		check_int(play_launch(&r, &q), -ERR_NETWORK);
		if (!strstr(r.e.msg, "No valid host was found (create: Error)") ||
			!strstr(r.e.msg,
				"security group 'kbuild-web', data volume 'kbuild-web', server 'web' (5.80 EUR a month)") ||
			!strstr(r.e.msg,
				"'kbuild destroy web --with-data --cloud openstack --region ONE'"))
			check_fail("'%s'", r.e.msg);
		check(!r.e.transient);
	}
	fake.fault = NULL;
	{
		RUN r = run_begin();

		play_well(&r, &q);
		check_int(fake_count(fake.servers), 1);
		check_int(fake_count(fake.volumes), 1);
		check_int(r.server.state, SERVER_RUNNING);
	}
}

static void a_server_that_has_run_is_not_replaced(void)
{
	struct launch_request q = play_request();
	RUN r = run_begin();

	play_fresh();
	check_int(row_check(&r.cloud, &q, &r.e), 0);
	check_int(row_launch(&r.cloud, &q, r.arena, &r.server, &r.e), 0);
	/* Never settled: whoever waited was interrupted. */
	snprintf(fake.servers[0].status, sizeof fake.servers[0].status, "ERROR");
	check(play_launch(&r, &q) < 0);
	check(strstr(r.e.msg, "has run, and is ERROR now") != NULL);
	check_int(fake_count(fake.servers), 1);
}

static void a_server_that_is_never_made_is_not_waited_for_for_ever(void)
{
	struct launch_request q = play_request();
	RUN r = run_begin();

	play_fresh();
	fake.build_polls = 1000000;
	q.volume_size = 0;
	check_int(play_launch(&r, &q), -ERR_NETWORK);
	check(strstr(r.e.msg, "the cloud did not make the server within 600 s") != NULL);
	check(strstr(r.e.msg, "The same command goes on with that") != NULL);
	check(fake.now_ms >= 600000 && fake.now_ms < 700000);
}

/* What goes on asks for no flavor, and so knows none. */
static void a_server_that_fails_while_it_is_waited_for_again(void)
{
	struct launch_request q = play_request();

	play_fresh();
	fake.build_polls = 1000000;
	q.volume_size = 0;
	{
		RUN r = run_begin();

		check_int(play_launch(&r, &q), -ERR_NETWORK);
	}
	fake.servers[0].polls = 3;
	fake.fault = "boom";
	{
		RUN r = run_begin();

		check_int(play_launch(&r, &q), -ERR_NETWORK);
		check(strstr(r.e.msg, "(flavor d2-2): boom") != NULL);
		check(strstr(r.e.msg, "server 'web'") != NULL);
	}
}

static void of_two_at_the_same_instant_one_gives_way(void)
{
	struct launch_request q = play_request();
	RUN r = run_begin();

	play_fresh();
	q.volume_size = 0;
	fake.second_server = true;
	check_int(play_launch(&r, &q), -ERR_FAILED);
	check(strstr(r.e.msg, "another kbuild has just made a server 'web'") != NULL);
	/* What is left is the other one's: nothing is said of how to remove it. */
	check(!strstr(r.e.msg, "There is now"));
	check_int(fake_count(fake.servers), 1);
	check_int(fake_count(fake.groups), 0);
}

/* Whoever made the younger one takes the older, so that no launch to come finds one without the data. */
static void of_two_volumes_at_the_same_instant_the_older_is_used(void)
{
	struct launch_request q = play_request();
	RUN r = run_begin();

	play_fresh();
	fake.second_volume = true;
	play_well(&r, &q);
	check_int(fake_count(fake.volumes), 1);
	check(!fake_by_id(fake.volumes, "v-9") || fake_by_id(fake.volumes, "v-9")->deleting);
	for (int i = 0; i < FAKE_MAX; i++) {
		const struct fake_thing *v = &fake.volumes[i];

		if (v->id[0] && !v->deleting)
			check_str(v->server, fake.servers[0].id);
	}
}

/* Somebody destroys it just now: what it once answered is nothing to rely on. */
static void a_server_on_its_way_out_is_none(void)
{
	struct launch_request q = play_request();
	RUN r = run_begin();

	play_fresh();
	play_well(&r, &q);
	fake.servers[0].deleting = true;
	fake.servers[0].polls = 3;
	play_well(&r, &q);
	check_int(fake_count(fake.servers), 1);
}

static void a_second_launch_of_the_same_finds_what_runs(void)
{
	struct launch_request q = play_request();
	RUN r = run_begin();

	play_fresh();
	check_int(row_check(&r.cloud, &q, &r.e), 0);
	check_int(row_launch(&r.cloud, &q, r.arena, &r.server, &r.e), 0);
	check(r.server.volume_made);
	check_int(row_check(&r.cloud, &q, &r.e), 0);
	check_int(row_launch(&r.cloud, &q, r.arena, &r.server, &r.e), CLOUD_CONTINUED);
	check_int(fake_count(fake.servers), 1);
	q.flavor = "b3-8"; /* that is another server */
	check(row_launch(&r.cloud, &q, r.arena, &r.server, &r.e) < 0);
	check(strstr(r.e.msg, "from another launch than this") != NULL);
}

/* Killed between the mark and its last word, or run again by a script: there is nothing left to do. */
static void a_launch_that_is_over_is_done_again_at_once(void)
{
	struct launch_request q = play_request();
	RUN r = run_begin();
	int posts;

	play_fresh();
	play_well(&r, &q);
	posts = fake.posts;
	check_int(row_check(&r.cloud, &q, &r.e), 0);
	check_int(row_launch(&r.cloud, &q, r.arena, &r.server, &r.e), CLOUD_SETTLED);
	check_str(r.server.v4, "203.0.113.7");
	check_int(r.server.volume_size, 20 * GIB);
	check(!r.server.volume_made);
	check_int(fake.posts, posts);
	check_int(row_plan(&r.cloud, &q, r.arena, &r.plan, &r.e), 0);
	check_int(plan_item(&r.plan, "server")->state, PLAN_THERE);
	/* Stopped, it is not what a launch promises. */
	snprintf(fake.servers[0].status, sizeof fake.servers[0].status, "SHUTOFF");
	check(row_check(&r.cloud, &q, &r.e) < 0);
	check(strstr(r.e.msg, "already (SHUTOFF): 'kbuild start web --cloud openstack'") != NULL);
}

int main(void)
{
	run(a_server_that_fails_says_why_and_is_replaced);
	run(a_server_that_has_run_is_not_replaced);
	run(a_server_that_is_never_made_is_not_waited_for_for_ever);
	run(a_server_that_fails_while_it_is_waited_for_again);
	run(of_two_at_the_same_instant_one_gives_way);
	run(of_two_volumes_at_the_same_instant_the_older_is_used);
	run(a_server_on_its_way_out_is_none);
	run(a_second_launch_of_the_same_finds_what_runs);
	run(a_launch_that_is_over_is_done_again_at_once);
	return done();
}
