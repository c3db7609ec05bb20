/* The deployment engine and people: what they ask of it, and what becomes of their secrets. */
#include "gitops_play.h"

#include "fd.h"
#include "rotate.h"

static void a_branch_that_is_held_is_accepted_by_hand(void)
{
	begin_with_a_good_one();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	w->tip = 0;
	check_int(once(), GITOPS_REFUSED);
	check_told_of("not followed there by itself");
	check_int(run_agent(gitops_retry), GITOPS_DEPLOYED);
	check(is_well(0));
	check_int(once(), GITOPS_UNCHANGED);
	/* Once: the next time it is held as before. */
	w->tip = 1;
	check_int(once(), GITOPS_DEPLOYED);
	w->tip = 0;
	check_int(once(), GITOPS_REFUSED);
}

static void a_pause_is_a_pause(void)
{
	struct agent a = { 0 };
	struct error e = { 0 };
	_buf_ why = BUF_INIT;

	begin();
	a = agent_here();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check_int(gitops_pause(&a, &why, &e), 0);
	push(GOOD);
	check_int(once(), GITOPS_PAUSED);
	check(is_well(0));
	check_int(gitops_resume(&a, &why, &e), 0);
	check_int(once(), GITOPS_DEPLOYED);
}

static void a_deployment_that_is_unfinished_is_taken_back_by_hand(void)
{
	begin_with_a_good_one();
	push(UNSAFE);
	w->soft_up = w->tip;
	check_int(once(), GITOPS_LATER);
	check_int(run_agent(gitops_rollback), GITOPS_DEPLOYED);
	check(is_well(0));
	check_int(once(), GITOPS_UNCHANGED);
	check_int(good_index(), 0);
}

static void rolling_back_by_hand_stays(void)
{
	begin_with_a_good_one();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check_int(run_agent(gitops_rollback), GITOPS_DEPLOYED);
	check(is_well(0));
	check_int(once(), GITOPS_UNCHANGED);
	check(is_well(0));
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check(is_well(2));
}

/* Because nobody may take it back, or because that failed. */
static void what_was_left_running_is_taken_back_to_the_good_one(void)
{
	static const enum kind kinds[] = { UNSAFE, GOOD };

	for (size_t i = 0; i < 2 * ARRAY_SIZE(kinds); i++) {
		int good = i < ARRAY_SIZE(kinds) ? 0 : 1, ups;
		enum kind kind = kinds[i % ARRAY_SIZE(kinds)];

		begin_with_a_good_one();
		if (good > 0) {
			push(GOOD);
			check_int(once(), GITOPS_DEPLOYED);
		}
		push(kind);
		w->broken_up = kind == GOOD;
		check_int(once(), GITOPS_NEEDS_HUMAN);
		check_told_of(good > 0 ? "which leads to 0000002" : "which leads to 0000001");
		w->broken_up = 0;
		check_int(run_agent(gitops_rollback), GITOPS_DEPLOYED);
		check(is_well(good));
		check_int(good_index(), good);
		/* The branch's is not tried again, and what is good is not bad. */
		ups = w->ups;
		check_int(once(), GITOPS_UNCHANGED);
		check_int(w->ups, ups);
		w->tip = good;
		check_int(once(), GITOPS_UNCHANGED);
		/* Once more leads to the one before, where there is one. */
		check_int(run_agent(gitops_rollback), good > 0 ? GITOPS_DEPLOYED : 100);
		check(is_well(0));
	}
}

static void a_rollback_that_fails_is_left_to_who_asked_for_it(void)
{
	int ups;

	begin_with_a_good_one();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	w->broken_up = 1;
	check_int(run_agent(gitops_rollback), GITOPS_NEEDS_HUMAN);
	w->broken_up = 0;
	ups = w->ups;
	check_int(once(), GITOPS_NEEDS_HUMAN);
	check_int(w->ups, ups);
	check_int(run_agent(gitops_retry), GITOPS_DEPLOYED);
	check(is_well(1));
	check_int(once(), GITOPS_UNCHANGED);
}

static int refresh_by_hand(
	struct agent *a, const struct gitops_run *run, struct buf *why, struct error *e)
{
	const struct gitops_run now = { .now = true };

	(void)run;
	return gitops_refresh(a, &now, why, e);
}

static void a_secret_that_is_rejected_is_tried_once(void)
{
	int ups;

	begin_with_a_good_one();
	w->rotated = w->bad_form = ++w->next_form;
	check_int(run_agent(gitops_refresh), GITOPS_ROLLED_BACK);
	check(is_well(0));
	send_alerts();
	ups = w->ups;
	check_int(run_agent(gitops_refresh), GITOPS_REFUSED);
	check_int(once(), GITOPS_UNCHANGED);
	check_int(w->ups, ups);
	send_alerts();
	check_int(w->commits[0].faults, 1);
	check_int(w->commits[0].recoveries, 0);
	/* Whoever asks for it by hand gets it. */
	check_int(run_agent(refresh_by_hand), GITOPS_ROLLED_BACK);
	check_int(run_agent(gitops_retry), GITOPS_ROLLED_BACK);
	check(w->ups > ups);
	check(is_well(0));
	/* Another value is another try, and then all is well. */
	w->rotated = ++w->next_form;
	check_int(run_agent(gitops_refresh), GITOPS_DEPLOYED);
	check_int(w->web.form, w->rotated);
	check_int(once(), GITOPS_UNCHANGED);
	send_alerts();
	check_int(w->commits[0].recoveries, 1);
}

static void rotation_is(const char *name, const char *stage)
{
	_buf_ text = BUF_INIT;

	buf_printf(&text, "{\"name\":\"%s\",\"stage\":\"%s\",\"value\":\"new\"}", name, stage);
	check_int(mkdir_all(tmp_fd(), "secrets", 0700), 0);
	check_int(file_replace(tmp_fd(), ROTATION_FILE, text.data, text.len, 0600), 0);
}

/* A database takes no other password any more: with the one of before nothing of it could start. */
static void nobody_goes_back_to_a_password_of_before(void)
{
	begin_with_a_good_one();
	rotation_is("PG", "kept");
	w->rotated = w->bad_form = ++w->next_form;
	check_int(run_agent(gitops_refresh), GITOPS_NEEDS_HUMAN);
	check_int(w->web.form, w->rotated);
	check_told_of("its database takes no other one");
	/* Well again, and asked for by hand: nothing is left. */
	w->bad_form = 0;
	check_int(run_agent(refresh_by_hand), GITOPS_DEPLOYED);
	check_int(w->web.form, w->rotated);
	check_int(once(), GITOPS_UNCHANGED);
	/* A commit that fails meanwhile is taken back to the good one with the password of now. */
	begin_with_a_good_one();
	rotation_is("PG", "kept");
	w->rotated = ++w->next_form;
	push(GOOD);
	w->soft_up = w->tip;
	for (int i = 1; i < 5; i++)
		check_int(once(), GITOPS_LATER);
	check_int(once(), GITOPS_ROLLED_BACK);
	check_int(good_index(), 0);
	check_int(w->web.form, w->rotated);
	/* Another secret's value can be taken back. */
	begin_with_a_good_one();
	rotation_is("JWT", "kept");
	w->rotated = w->bad_form = ++w->next_form;
	check_int(run_agent(gitops_refresh), GITOPS_ROLLED_BACK);
	check(is_well(0));
}

static int count_change(_unused_ struct agent *a, struct error *e)
{
	if (w->no_change)
		return error_set(e, ERR_FAILED, "the database is down");
	w->changes++;
	w->rotated = ++w->next_form;
	return 0;
}

static int rotate(struct agent *a, const struct gitops_run *run, struct buf *why, struct error *e)
{
	const struct gitops_run r = { .now = run->now, .change = count_change };

	return gitops_refresh(a, &r, why, e);
}

/* What was rejected was the value before it. */
static void a_new_value_is_not_the_one_before(void)
{
	begin_with_a_good_one();
	w->rotated = w->bad_form = ++w->next_form;
	check_int(run_agent(gitops_refresh), GITOPS_ROLLED_BACK);
	rotation_is("JWT", "kept");
	check_int(run_agent(rotate), GITOPS_REFUSED);
	check_int(w->changes, 0);
	rotation_is("JWT", "begun");
	check_int(run_agent(rotate), GITOPS_DEPLOYED);
	check_int(w->web.form, w->rotated);
}

/* What was begun has the password of before, and ends before the database changes it. */
static void a_password_changes_when_nothing_else_is_at_work(void)
{
	begin_with_a_good_one();
	push(GOOD);
	w->soft_up = w->tip;
	check_int(once(), GITOPS_LATER);
	check_int(run_agent(rotate), GITOPS_LATER);
	check_int(w->changes, 0);
	w->soft_up = 0;
	check_int(run_agent(rotate), GITOPS_DEPLOYED);
	check_int(w->changes, 1);
	check_int(w->web.form, w->rotated);
	check_int(good_index(), 1);
	/* One that cannot be made changes nothing. */
	rotation_is("PG", "begun");
	w->no_change = true;
	check(run_agent(rotate) > GITOPS_BUSY);
	check_int(once(), GITOPS_UNCHANGED);
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
}

/* The database has the new password: the application must get it, dump or no dump. */
static void a_secret_does_not_wait_for_a_dump(void)
{
	begin_with_a_good_one();
	w->no_dumps = true;
	w->rotated = ++w->next_form;
	w->rotated_db = ++w->next_form;
	check_int(run_agent(gitops_refresh), GITOPS_DEPLOYED);
	check_int(w->web.form, w->rotated);
	check_int(w->db.form, w->rotated_db);
	push(README);
	check_int(once(), GITOPS_DEPLOYED);
}

/* Nor for a registry, and it is no reason to make something else than its value anew. */
static void a_secret_is_given_to_the_images_that_are_here(void)
{
	/* The registry is down, the disk short; the tag is gone; it means another image. */
	for (int i = 0; i < 6; i++) {
		begin_with_a_good_one();
		w->no_registry = w->full = i % 3 == 0;
		w->moved = i % 3 == 2;
		if (i % 3 == 1)
			w->commits[0].kind = MISSING_IMAGE;
		w->rotated = ++w->next_form;
		w->rotated_db = ++w->next_form;
		check_int(i < 3 ? run_agent(gitops_refresh) : once(), GITOPS_DEPLOYED);
		check_int(w->web.form, w->rotated);
		check_int(w->db.form, w->rotated_db);
		check_int(w->db.image, 0);
		check_int(once(), GITOPS_UNCHANGED);
		send_alerts();
		check_int(w->commits[0].faults, 0);
	}
}

/* Not by a rotation: the definition says another value, the store was restored. */
static void a_secret_that_became_another_one_is_given(void)
{
	int ups;

	begin_with_a_good_one();
	w->no_dumps = true;
	w->rotated = ++w->next_form;
	w->rotated_db = ++w->next_form;
	check_int(once(), GITOPS_DEPLOYED);
	check_int(w->web.form, w->rotated);
	check_int(w->db.form, w->rotated_db);
	check_int(once(), GITOPS_UNCHANGED);
	/* One that is rejected is tried once. */
	w->rotated = w->bad_form = ++w->next_form;
	check_int(once(), GITOPS_ROLLED_BACK);
	ups = w->ups;
	check_int(once(), GITOPS_UNCHANGED);
	check_int(w->ups, ups);
	/* What nothing uses makes nothing anew. */
	w->rotated = w->web.form;
	w->unused++;
	check_int(once(), GITOPS_UNCHANGED);
	check_int(w->ups, ups);
	check(w->rendered);
	check_int(once(), GITOPS_UNCHANGED);
	check(!w->rendered);
}

/* By an agent that did not note them: what it has is taken for what it should have. */
static void secrets_that_are_not_known_are_those_of_now(void)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct agent a;
	struct error e = { 0 };
	struct ledger l;
	int web;

	begin();
	a = agent_here();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	load(&l, arena);
	l.good.env = NULL;
	check_int(ledger_save(&l, &a, &e), 0);
	web = w->web.id;
	w->rotated = ++w->next_form;
	check_int(once(), GITOPS_UNCHANGED);
	check_int(w->web.id, web);
}

static void a_secret_waits_for_the_end_of_a_pause(void)
{
	struct agent a = { 0 };
	struct error e = { 0 };
	_buf_ why = BUF_INIT;

	begin();
	a = agent_here();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check_int(gitops_pause(&a, &why, &e), 0);
	w->rotated = ++w->next_form;
	check_int(run_agent(gitops_refresh), GITOPS_PAUSED);
	check_int(once(), GITOPS_PAUSED);
	check(is_well(0));
	check_int(run_agent(refresh_by_hand), GITOPS_DEPLOYED);
	check_int(w->web.form, w->rotated);
}

/* --- any order ---------------------------------------------------------------------------------------------- */

static int run_now(struct agent *a, const struct gitops_run *run, struct buf *why, struct error *e)
{
	const struct gitops_run now = { .now = true };

	(void)run;
	return gitops_run(a, &now, why, e);
}

static void who_asks_by_hand_waits_for_the_run_at_work(void)
{
	int64_t began;

	begin();
	push(GOOD);
	held = openat(tmp_fd(), "lock-gitops", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	check_int(flock(held, LOCK_EX), 0);
	began = w->ms;
	check_int(once(), GITOPS_BUSY);
	check(w->ms - began < 200 * 1000);
	w->free_at = w->ms + 60 * 1000;
	check_int(run_agent(run_now), GITOPS_DEPLOYED);
	check(is_well(0));
	/* But not for ever. */
	w->free_at = 0;
	check_int(flock(held, LOCK_EX), 0);
	began = w->ms;
	check_int(run_agent(run_now), GITOPS_BUSY);
	check(w->ms - began >= 3600 * 1000 && w->ms - began < 4000 * 1000);
	close(held);
}

static int run_without_dump(
	struct agent *a, const struct gitops_run *run, struct buf *why, struct error *e)
{
	const struct gitops_run now = { .now = true, .no_dump = true };

	(void)run;
	return gitops_run(a, &now, why, e);
}

/* The commit that would mend it must not wait for it for ever. */
static void a_database_that_cannot_be_dumped_is_gone_without(void)
{
	begin_with_a_good_one();
	w->no_dumps = true;
	push(SCHEMA);
	check_int(once(), GITOPS_LATER);
	check_int(run_agent(run_now), GITOPS_LATER);
	check(is_well(0));
	check_int(run_agent(run_without_dump), GITOPS_DEPLOYED);
	check(is_well(1));
	check_int(w->dumps, 0);
}

int main(void)
{
	gitops_begin();
	run(a_branch_that_is_held_is_accepted_by_hand);
	run(a_pause_is_a_pause);
	run(a_deployment_that_is_unfinished_is_taken_back_by_hand);
	run(rolling_back_by_hand_stays);
	run(what_was_left_running_is_taken_back_to_the_good_one);
	run(a_rollback_that_fails_is_left_to_who_asked_for_it);
	run(a_secret_that_is_rejected_is_tried_once);
	run(nobody_goes_back_to_a_password_of_before);
	run(a_new_value_is_not_the_one_before);
	run(a_password_changes_when_nothing_else_is_at_work);
	run(a_secret_does_not_wait_for_a_dump);
	run(a_secret_is_given_to_the_images_that_are_here);
	run(a_secret_that_became_another_one_is_given);
	run(secrets_that_are_not_known_are_those_of_now);
	run(a_secret_waits_for_the_end_of_a_pause);
	run(who_asks_by_hand_waits_for_the_run_at_work);
	run(a_database_that_cannot_be_dumped_is_gone_without);
	return gitops_done();
}
