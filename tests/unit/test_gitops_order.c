/* The deployment engine and services that need one another: what ends first, what comes up together, how long it may take. */
#include "gitops_play.h"

static const char *no_gap[] = { "web", NULL };

/* A world whose first commit is live, where each later one has another migration, too, that takes so long. */
static void begin_with_a_migration(int seconds)
{
	begin();
	push(GOOD);
	w->commits[0].migrate = true;
	check_int(once(), GITOPS_DEPLOYED);
	w->migrate_ms = seconds * 1000;
}

static void what_comes_beside_the_old_one_waits_for_its_migration(void)
{
	begin_with_a_migration(60);
	config->app.zero_downtime = no_gap;
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check(is_well(1));
	check_int(w->scales, 1);
	check(!w->too_early);
	check_int(w->migrate.form, w->commits[1].web);
	check(!w->migrate.running);
}

static void a_migration_that_fails_leaves_the_old_one_serving(void)
{
	int web;

	begin_with_a_migration(60);
	config->app.zero_downtime = no_gap;
	web = w->web.id;
	push(GOOD);
	w->fails_in = w->commits[1].web;
	check_int(once(), GITOPS_ROLLED_BACK);
	check_told_of("migrate has ended with status 1");
	check_int(w->scales, 0);
	check_int(w->web.id, web);
	check(is_well(0));
	check_int(faccessat(tmp_fd(), "failures", F_OK, 0), 0);
	check_int(once(), GITOPS_UNCHANGED);
}

/* Then Compose gives it another hash than the plan has, by which the new one is known all the same. */
static void what_comes_beside_the_old_one_may_depend_on_others(void)
{
	int web;

	begin();
	w->depends = true;
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	config->app.zero_downtime = no_gap;
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check(is_well(1));
	check_int(once(), GITOPS_UNCHANGED);
	web = w->web.id;
	push(UNHEALTHY);
	check_int(once(), GITOPS_ROLLED_BACK);
	check_int(w->web.id, web);
	check(is_well(1));
}

/* What was made and never started stays so after a reboot: no policy is about it. */
static void power_goes_between_making_and_starting(void)
{
	begin();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	config->app.zero_downtime = no_gap;
	push(GOOD);
	for (int n = 1; w->scales == 0 && n < 500; n++) {
		w->kill_at = n;
		(void)once();
	}
	check_int(w->scales, 1);
	check(w->beside.there && w->web.form == w->commits[0].web);
	w->beside.running = false;
	check_int(once(), GITOPS_DEPLOYED);
	check_int(w->scales, 2);
	check(is_well(1));
}

static void a_migration_is_not_waited_for_for_ever(void)
{
	begin_with_a_migration(0);
	config->app.zero_downtime = no_gap;
	push(GOOD);
	w->migrate_ms = 400 * 1000;
	check_int(once(), GITOPS_NEEDS_HUMAN);
	check_told_of("migrate has not ended yet (after 300 s)");
	check_int(w->scales, 0);
	/* It has more time where the definition gives it. */
	config->app.timeout = 600;
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check(is_well(2) && !w->too_early);
}

/* Also with a gap: as long as it runs nobody knows what comes of it. */
static void a_migration_that_runs_is_not_well(void)
{
	begin_with_a_migration(60);
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check(!w->migrate.running);
	push(GOOD);
	w->fails_in = w->commits[2].web;
	check_int(once(), GITOPS_ROLLED_BACK);
	check_told_of("migrate has ended with status 1");
	check(is_well(1));
}

static void up_has_as_long_as_the_application(void)
{
	static const struct {
		uint64_t timeout;
		int64_t up;
	} rows[] = {
		{ 60, 900 },
		{ 900, 900 },
		{ 7200, 7200 },
		{ 30 * 86400, 7 * 86400 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		begin();
		config->app.timeout = rows[i].timeout;
		push(GOOD);
		check_int(once(), GITOPS_DEPLOYED);
		check_int(w->up_seconds, rows[i].up);
		/* The broker is the one to say what was slow. */
		check(w->up_ms > rows[i].up * 1000);
	}
}

/* What took too long does so again: it is no port that a service holds which is to go, nor an image that is gone. */
static void what_took_too_long_is_not_tried_again_at_once(void)
{
	int ups;

	begin_with_a_good_one();
	ups = w->ups;
	push(GOOD);
	w->slow_up = 2;
	check_int(once(), GITOPS_ROLLED_BACK);
	check_told_of("timed out after 900 s");
	check_int(w->ups, ups + 2);
	check(is_well(0));
	w->web.there = false;
	w->slow_up = 1;
	w->ms += 600 * 1000;
	check_int(once(), GITOPS_LATER);
	check_int(w->ups, ups + 3);
}

/* --- name spaces ------------------------------------------------------------------------------------------- */

static void begin_with_a_side(void)
{
	begin();
	push(GOOD);
	w->commits[0].side = true;
	check_int(once(), GITOPS_DEPLOYED);
}

static bool side_is_reached(void)
{
	return w->side.there && w->side.running && w->side.space == w->web.space;
}

static void who_is_in_its_name_space_comes_with_it(void)
{
	begin_with_a_side();
	check(side_is_reached());
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check(is_well(1) && side_is_reached());
	/* What does not touch the one leaves the other alone. */
	push(README);
	check_int(once(), GITOPS_DEPLOYED);
	check_int(w->side.with, w->web.id);
	check(side_is_reached());
}

static void who_is_in_its_name_space_goes_back_with_it(void)
{
	begin_with_a_side();
	push(CRASH);
	check_int(once(), GITOPS_ROLLED_BACK);
	check(is_well(0) && side_is_reached());
	/* It has another hash than when it was good, which nobody made by hand. */
	w->ms += 600 * 1000;
	check_int(once(), GITOPS_UNCHANGED);
}

static void who_is_in_its_name_space_is_repaired_with_it(void)
{
	begin_with_a_side();
	w->web.there = false;
	check_int(once(), GITOPS_REPAIRED);
	check(is_well(0) && side_is_reached());
	/* The same container in a name space that is another one. */
	w->web.running = false;
	w->ms += 600 * 1000;
	check_int(once(), GITOPS_REPAIRED);
	check(is_well(0) && side_is_reached());
	w->side.there = false;
	w->ms += 600 * 1000;
	check_int(once(), GITOPS_REPAIRED);
	check(side_is_reached());
}

static void who_is_in_its_name_space_gets_its_secrets_with_it(void)
{
	begin_with_a_side();
	w->rotated = ++w->next_form;
	check_int(run_agent(gitops_refresh), GITOPS_DEPLOYED);
	check_int(w->web.form, w->rotated);
	check(side_is_reached());
	w->rotated = w->bad_form = ++w->next_form;
	check_int(run_agent(gitops_refresh), GITOPS_ROLLED_BACK);
	check(side_is_reached());
}

/* At each write and each call: of a deployment, of a way back, of a repair. */
static void who_is_in_its_name_space_survives_a_kill_anywhere(void)
{
	static const enum kind kinds[] = { GOOD, CRASH, KINDS };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		int killed = 0, r;

		do {
			begin_with_a_side();
			w->commits[0].migrate = true;
			if (kinds[i] != KINDS)
				push(kinds[i]);
			else
				w->web.running = false;
			w->kill_at = ++killed;
			r = once();
			w->ms += 600 * 1000;
			if (r == KILLED)
				(void)once();
			check(is_well(kinds[i] == GOOD) && side_is_reached());
			check_int(once(), GITOPS_UNCHANGED);
		} while (r == KILLED);
		check(killed > 5);
	}
}

/* Two of the one would leave the other in one that goes. */
static void what_shares_name_spaces_is_replaced_with_a_gap(void)
{
	begin_with_a_side();
	config->app.zero_downtime = no_gap;
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check_int(w->scales, 0);
	check(is_well(1) && side_is_reached());
}

/* What has ended is in none, and what it has done is not done again. */
static void what_has_ended_in_its_name_space_is_left_alone(void)
{
	int ended;

	begin();
	push(GOOD);
	w->commits[0].inside = true;
	check_int(once(), GITOPS_DEPLOYED);
	end_badly(&w->job, 0);
	ended = w->job.id;
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check(is_well(1) && !w->job.running);
	check_int(w->job.id, ended);
	check_int(w->dumps, 0);
	w->web.running = false;
	w->ms += 600 * 1000;
	check_int(once(), GITOPS_REPAIRED);
	check(!w->job.running);
	/* While it runs it is made anew, and nobody knows what it does to the data. */
	w->job.running = true;
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check_int(w->dumps, 1);
}

int main(void)
{
	gitops_begin();
	run(what_comes_beside_the_old_one_waits_for_its_migration);
	run(what_comes_beside_the_old_one_may_depend_on_others);
	run(power_goes_between_making_and_starting);
	run(a_migration_that_fails_leaves_the_old_one_serving);
	run(a_migration_is_not_waited_for_for_ever);
	run(a_migration_that_runs_is_not_well);
	run(up_has_as_long_as_the_application);
	run(what_took_too_long_is_not_tried_again_at_once);
	run(who_is_in_its_name_space_comes_with_it);
	run(who_is_in_its_name_space_goes_back_with_it);
	run(who_is_in_its_name_space_is_repaired_with_it);
	run(who_is_in_its_name_space_gets_its_secrets_with_it);
	run(who_is_in_its_name_space_survives_a_kill_anywhere);
	run(what_shares_name_spaces_is_replaced_with_a_gap);
	run(what_has_ended_in_its_name_space_is_left_alone);
	return gitops_done();
}
