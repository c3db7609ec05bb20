/* The deployment engine by its timer: what becomes of good commits, of bad ones, and of those in between. */
#include "gitops_play.h"

static void a_good_commit_goes_live(void)
{
	begin_with_a_good_one();
	check_int(good_index(), 0);
	check(is_well(0));
	check_int(once(), GITOPS_UNCHANGED);
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check(is_well(1));
	check_int(w->db_made, 1);
	send_alerts();
	check_int(w->commits[1].faults, 0);
}

static void what_changes_nothing_restarts_nothing(void)
{
	int web;

	begin_with_a_good_one();
	web = w->web.id;
	push(README);
	check_int(once(), GITOPS_DEPLOYED);
	check_int(good_index(), 1);
	check_int(w->web.id, web);
}

/* Its tag means another image with each commit; what keeps data is made anew with the one it had. */
static void a_moved_tag_changes_no_data(void)
{
	begin_with_a_good_one();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check_int(w->db_made, 1);
	w->db.there = false;
	w->ms += 600 * 1000;
	check_int(once(), GITOPS_REPAIRED);
	check_int(w->db.image, 0);
	w->ms += 600 * 1000;
	check_int(once(), GITOPS_UNCHANGED);
	push(SCHEMA);
	check_int(once(), GITOPS_DEPLOYED);
	check_int(w->db.image, 2);
	check_int(run_agent(gitops_rollback), GITOPS_DEPLOYED);
	check_int(w->db.image, 0);
}

/* Removed by hand, with its data or without: what is dumped is what the new revision finds. */
static void a_database_that_does_not_run_is_started_to_be_dumped(void)
{
	begin_with_a_good_one();
	w->db.there = false;
	push(SCHEMA);
	check_int(once(), GITOPS_DEPLOYED);
	check_int(w->dumps, 1);
	check(is_well(1));
	check_int(w->db_made, 3);
	w->db.running = false;
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check_int(w->dumps, 2);
	check(is_well(2));
}

/* As it is told to the backups: as docker calls its container. */
static void a_database_is_known_by_its_containers_name(void)
{
	static const char *const names[] = { "db", "x-db-1", "x_db_1", "y-db-1", "x-db-2" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		bool known = i < 3;

		begin();
		config->backup.postgres.container = names[i];
		push(GOOD);
		check_int(once(), GITOPS_DEPLOYED);
		check_int(w->warned, !known);
		push(SCHEMA);
		check_int(once(), GITOPS_DEPLOYED);
		check_int(w->dumps, known);
		check_int(w->warned, !known);
		check_int(once(), GITOPS_UNCHANGED);
		check_int(w->warned, 0);
	}
}

/* Two of them on the same files would destroy those. */
static void a_database_with_another_name_comes_when_the_old_one_is_gone(void)
{
	begin_with_a_good_one();
	push(RENAMED);
	check_int(once(), GITOPS_DEPLOYED);
	check(is_well(1));
	check_int(w->dumps, 1);
	/* And the way back; and by hand. */
	push(RENAMED);
	w->commits[2].kind = CRASH;
	check_int(once(), GITOPS_ROLLED_BACK);
	check(is_well(1));
	check_int(run_agent(gitops_rollback), GITOPS_DEPLOYED);
	check(is_well(0));
	check(!w->two_on_data);
}

/* What was left running has the data; the good revision's is not started beside it to be dumped. */
static void a_database_with_another_name_that_was_left_is_what_is_dumped(void)
{
	begin_with_a_good_one();
	push(RENAMED);
	w->commits[1].kind = UNSAFE;
	check_int(once(), GITOPS_NEEDS_HUMAN);
	check(w->database.running && !w->db.there);
	push(RENAMED);
	w->commits[2].db = ++w->next_form;
	check_int(once(), GITOPS_DEPLOYED);
	check(is_well(2));
	check_int(w->dumps, 2);
	check(!w->two_on_data);
}

static void what_has_no_data_goes_when_all_is_there(void)
{
	int ups;

	begin();
	push(GOOD);
	w->commits[0].old = true;
	check_int(once(), GITOPS_DEPLOYED);
	check(w->stranger);
	ups = w->ups;
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check(!w->stranger);
	check(w->stranger_gone > ups);
}

/* This server takes the place of another one, whose data it has; which commit those were left by it cannot know. */
static void what_an_earlier_server_left_is_dumped_first(void)
{
	begin_with_a_good_one();
	check_int(w->dumps, 0);
	begin();
	w->used = true;
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check_int(w->dumps, 1);
	check_int(w->db_made, 1);
	check(is_well(0));
	/* What cannot be dumped does not keep the server from coming up. */
	begin();
	w->used = w->no_dumps = true;
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check(is_well(0));
}

static void a_bad_commit_is_taken_back_once(void)
{
	static const enum kind kinds[] = { CRASH, UNHEALTHY, ERROR_500 };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		begin_with_a_good_one();
		push(kinds[i]);
		check_int(once(), GITOPS_ROLLED_BACK);
		check(is_well(0));
		w->commits[1].settled = 1;
		check_int(once(), GITOPS_UNCHANGED);
		check_int(once(), GITOPS_UNCHANGED);
		check(!w->ups_bad);
		check_int(w->db_made, 1);
		send_alerts();
		check_int(w->commits[1].faults, 1);
		check_int(w->commits[1].recoveries, 0);
		push(GOOD);
		check_int(once(), GITOPS_DEPLOYED);
		send_alerts();
		check_int(w->commits[1].faults, 1);
		check_int(w->commits[1].recoveries, 1);
	}
}

static void what_cannot_be_begun_changes_nothing(void)
{
	static const enum kind kinds[] = { MISSING_IMAGE, PRIVILEGED, UNSIGNED };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		int ups;

		begin_with_a_good_one();
		ups = w->ups;
		push(kinds[i]);
		check_int(once(), GITOPS_REFUSED);
		check_int(once(), GITOPS_UNCHANGED);
		check_int(w->ups, ups);
		check(is_well(0));
		send_alerts();
		check_int(w->commits[1].faults, 1);
	}
}

static void a_branch_that_goes_back_is_held(void)
{
	begin_with_a_good_one();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	w->tip = 0;
	check_int(once(), GITOPS_REFUSED);
	check(is_well(1));
	/* And forward again: that is the good one. */
	w->tip = 1;
	check_int(once(), GITOPS_UNCHANGED);
	send_alerts();
	check_int(w->commits[0].faults, 1);
	check_int(w->commits[0].recoveries, 1);
	/* A forced update that is no downgrade is followed, as configured. */
	push_on(0, GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check(is_well(2));
}

/* Unless the definition follows it, and until the branch comes after the good one again. */
static void a_forced_branch_is_held(void)
{
	int forced;

	begin_with_a_good_one();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	config->app.follow_forced = false;
	forced = push_on(0, GOOD);
	check_int(once(), GITOPS_REFUSED);
	check_int(once(), GITOPS_UNCHANGED);
	check(is_well(1));
	send_alerts();
	check_int(w->commits[forced].faults, 1);
	push_on(1, GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check(is_well(3));
	config->app.follow_forced = true;
}

static void what_may_not_be_taken_back_needs_a_human(void)
{
	begin_with_a_good_one();
	push(UNSAFE);
	check_int(once(), GITOPS_NEEDS_HUMAN);
	check_int(w->web.form, w->commits[1].web);
	w->commits[1].settled = 1;
	check_int(once(), GITOPS_NEEDS_HUMAN);
	check_int(w->web.form, w->commits[1].web);
	check(!w->ups_bad);
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	send_alerts();
	check_int(w->human_faults, 1);
	check_int(w->human_recoveries, 1);
}

/* What runs then is not the good revision, though the branch is there again: it is brought up. */
static void a_branch_that_is_put_back_ends_that_a_human_is_needed(void)
{
	int ups;

	begin_with_a_good_one();
	push(UNSAFE);
	check_int(once(), GITOPS_NEEDS_HUMAN);
	send_alerts();
	w->tip = 0;
	check_int(once(), GITOPS_DEPLOYED);
	check(is_well(0));
	check_int(once(), GITOPS_UNCHANGED);
	send_alerts();
	check_int(w->human_recoveries, 1);
	/* And when that fails, too, it is tried again by hand only. */
	push(UNSAFE);
	check_int(once(), GITOPS_NEEDS_HUMAN);
	w->tip = 0;
	w->broken_up = 1;
	check_int(once(), GITOPS_NEEDS_HUMAN);
	ups = w->ups;
	check_int(once(), GITOPS_NEEDS_HUMAN);
	check_int(w->ups, ups);
	send_alerts();
	check_int(w->human_recoveries, 1);
	w->broken_up = 0;
	check_int(run_agent(gitops_retry), GITOPS_DEPLOYED);
	check(is_well(0));
	send_alerts();
	check_int(w->human_recoveries, 3);
}

static void each_commit_that_needs_a_human_is_told(void)
{
	begin_with_a_good_one();
	push(UNSAFE);
	check_int(once(), GITOPS_NEEDS_HUMAN);
	send_alerts();
	check_int(w->human_faults, 1);
	push(UNSAFE);
	check_int(once(), GITOPS_NEEDS_HUMAN);
	send_alerts();
	check_int(w->human_faults, 2);
	/* One that goes back and is well leaves nobody anything to do but to look at it. */
	push(CRASH);
	check_int(once(), GITOPS_ROLLED_BACK);
	check(is_well(0));
	check_int(once(), GITOPS_UNCHANGED);
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	send_alerts();
	check_int(w->human_recoveries, 2);
}

static void going_back_that_fails_needs_a_human(void)
{
	begin_with_a_good_one();
	push(GOOD);
	w->broken_up = 1;
	check_int(once(), GITOPS_NEEDS_HUMAN);
	send_alerts();
	check_int(w->human_faults, 1);
	w->broken_up = 0;
	check_int(run_agent(gitops_retry), GITOPS_DEPLOYED);
	check(is_well(1));
	send_alerts();
	check_int(w->human_recoveries, 1);
}

/* As a machine that goes down leaves what has no restart policy. It did not differ, and nobody started it. */
static void what_is_down_beside_a_commit_is_started(void)
{
	begin();
	push(GOOD);
	w->commits[0].job = true;
	check_int(once(), GITOPS_DEPLOYED);
	check(w->job.running);
	/* By itself it is its own business; also when it has done its work. */
	end_badly(&w->job, 1);
	w->ms += 600 * 1000;
	check_int(once(), GITOPS_UNCHANGED);
	check(!w->job.running);
	push(README);
	check_int(once(), GITOPS_DEPLOYED);
	check(w->job.running);
	check_int(w->dumps, 0);
	end_badly(&w->job, 0);
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check(!w->job.running);
	/* A bad commit, before which it was down, and one with which it went down. */
	end_badly(&w->job, 255);
	push(CRASH);
	check_int(once(), GITOPS_ROLLED_BACK);
	check(w->job.running);
	push(CRASH);
	w->ends_job = w->commits[w->tip].web;
	check_int(once(), GITOPS_ROLLED_BACK);
	check(w->job.running);
	/* And when something else is put right. */
	end_badly(&w->job, 137);
	w->web.running = false;
	w->ms += 600 * 1000;
	check_int(once(), GITOPS_REPAIRED);
	check(w->job.running && w->web.running);
}

/* It was too late with an answer, which says nothing of the commit. */
static void a_net_process_that_is_gone_is_waited_for(void)
{
	begin_with_a_good_one();
	push(GOOD);
	w->ends_net = w->commits[1].web;
	check_int(once(), GITOPS_LATER);
	check_int(once(), GITOPS_DEPLOYED);
	check(is_well(1));
	push(ERROR_500);
	w->ends_net = w->commits[1].web;
	check_int(once(), GITOPS_LATER);
	check_int(once(), GITOPS_ROLLED_BACK);
	check(is_well(1));
	send_alerts();
	check_int(w->commits[1].faults, 0);
	check_int(w->human_faults, 0);
}

static void a_full_disk_is_waited_for(void)
{
	begin_with_a_good_one();
	push(GOOD);
	w->full = true;
	check_int(once(), GITOPS_LATER);
	check_int(once(), GITOPS_LATER);
	check(is_well(0));
	w->full = false;
	w->ms += 3600 * 1000;
	check_int(once(), GITOPS_DEPLOYED);
	send_alerts();
	check_int(w->commits[1].faults, 0);
}

/* All that a ledger can hold. */
static void fill_ledger(struct agent *a)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	char why[2000], sha[41];
	struct error e = { 0 };
	struct ledger l;

	memset(why, 'w', sizeof why);
	why[sizeof why - 1] = '\0';
	check_int(ledger_load(&l, a, arena, &e), 0);
	for (int i = 0; i < HISTORY_MAX + 5; i++) {
		snprintf(sha, sizeof sha, "%040d", 5000 + i);
		ledger_add_event(&l, &(struct event){ arena_strdup(arena, sha), "failed", why, 1 });
		ledger_add_bad(
			&l, &(struct bad){ arena_strdup(arena, sha), NULL, why, RESULT_FAILED, 1 });
	}
	check_int(ledger_save(&l, a, &e), 0);
}

/* A revision that fills the disk is the one that has to go: what is written of it has its own room. */
static void what_fills_the_disk_is_taken_back(void)
{
	struct agent a;

	begin_with_a_good_one();
	a = agent_here();
	fill_ledger(&a);
	alert_make_room(&a);
	push(CRASH);
	w->fills = w->commits[w->tip].web;
	check_int(once(), GITOPS_ROLLED_BACK);
	check(w->web.form != w->fills);
	check(is_well(0));
	check_int(once(), GITOPS_UNCHANGED);
}

/* What looks as if it would pass, and does not. */
static void a_deployment_is_not_waited_for_for_ever(void)
{
	begin_with_a_good_one();
	w->soft_up = push(GOOD);
	for (int i = 0; i < 4; i++)
		check_int(once(), GITOPS_LATER);
	check_int(once(), GITOPS_ROLLED_BACK);
	check(is_well(0));
	check_told_of("an engine that is busy (5 times)");
	check_int(once(), GITOPS_UNCHANGED);
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check(is_well(2));
	/* An engine that takes nothing at all is waited for longer, then somebody is called. */
	push(GOOD);
	w->soft_up = -1;
	for (int i = 0; i < 4 + 20; i++) {
		if (i == 4)
			w->tip = 2; /* that is not what is at work */
		check_int(once(), i < 23 ? GITOPS_LATER : GITOPS_NEEDS_HUMAN);
	}
	w->soft_up = 0;
	check_int(once(), GITOPS_DEPLOYED);
	check(is_well(2));
}

static void a_first_deployment_follows_the_branch(void)
{
	begin();
	push(README);
	push(GOOD);
	w->soft_up = push(GOOD);
	check_int(once(), GITOPS_LATER);
	check_int(once(), GITOPS_LATER);
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check(is_well(3));
}

int main(void)
{
	gitops_begin();
	run(a_good_commit_goes_live);
	run(what_changes_nothing_restarts_nothing);
	run(a_moved_tag_changes_no_data);
	run(a_database_that_does_not_run_is_started_to_be_dumped);
	run(a_database_is_known_by_its_containers_name);
	run(a_database_with_another_name_comes_when_the_old_one_is_gone);
	run(a_database_with_another_name_that_was_left_is_what_is_dumped);
	run(what_has_no_data_goes_when_all_is_there);
	run(what_an_earlier_server_left_is_dumped_first);
	run(a_bad_commit_is_taken_back_once);
	run(what_cannot_be_begun_changes_nothing);
	run(a_branch_that_goes_back_is_held);
	run(a_forced_branch_is_held);
	run(what_may_not_be_taken_back_needs_a_human);
	run(a_branch_that_is_put_back_ends_that_a_human_is_needed);
	run(each_commit_that_needs_a_human_is_told);
	run(going_back_that_fails_needs_a_human);
	run(what_is_down_beside_a_commit_is_started);
	run(a_net_process_that_is_gone_is_waited_for);
	run(a_full_disk_is_waited_for);
	run(what_fills_the_disk_is_taken_back);
	run(a_deployment_is_not_waited_for_for_ever);
	run(a_first_deployment_follows_the_branch);
	return gitops_done();
}
