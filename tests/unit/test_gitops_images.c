/* The deployment engine, and images that are built while their commit is here already. */
#include "gitops_play.h"

#define WAIT 900 /* seconds */

static void begin_waiting(void)
{
	begin_with_a_good_one();
	config->app.image_wait = WAIT;
}

static void pass(int seconds)
{
	w->ms += seconds * INT64_C(1000);
}

static void an_image_that_is_not_there_yet_is_waited_for(void)
{
	int ups;

	begin_waiting();
	ups = w->ups;
	push(MISSING_IMAGE);
	for (int i = 0; i < 3; i++)
		check_int(once(), GITOPS_LATER);
	check_int(w->ups, ups);
	check(is_well(0));
	w->commits[1].kind = GOOD; /* its build is over */
	check_int(once(), GITOPS_DEPLOYED);
	check(is_well(1));
	send_alerts();
	check_int(w->commits[1].faults, 0);
}

static void an_image_that_never_comes_is_told_once(void)
{
	int waited = 0;

	begin_waiting();
	push(MISSING_IMAGE);
	while (once() == GITOPS_LATER && waited < 100)
		waited++;
	/* A run every three minutes. */
	check_int(waited, WAIT / 180);
	check_int(good_index(), 0);
	check_int(once(), GITOPS_UNCHANGED);
	send_alerts();
	check_int(w->commits[1].faults, 1);
	/* A new commit has a wait of its own. */
	push(MISSING_IMAGE);
	check_int(once(), GITOPS_LATER);
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check(is_well(3));
}

/* Of something else than images a commit is refused at once. */
static void what_is_wrong_otherwise_is_not_waited_for(void)
{
	begin_waiting();
	w->tidied = 0;
	push(PRIVILEGED);
	check_int(once(), GITOPS_REFUSED);
	push(UNSIGNED);
	check_int(once(), GITOPS_REFUSED);
	/* And its files do not pile up until one is good. */
	check_int(w->tidied, 2);
}

/* The branch was seen before its build was over, and so the image of before was taken. */
static void a_tag_that_moves_in_time_is_followed(void)
{
	int made;

	begin_waiting();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	made = w->db_made;
	check_int(once(), GITOPS_UNCHANGED);
	w->built = 1;
	w->moved = 1; /* the database's, too, which is no reason to make it anew */
	check_int(once(), GITOPS_DEPLOYED);
	check_int(w->web.image / 1000, 1);
	check_int(w->db_made, made);
	check(is_well(1));
	check_int(good_index(), 1);
	check_int(once(), GITOPS_UNCHANGED);
	pass(WAIT);
	w->built = 2;
	check_int(once(), GITOPS_UNCHANGED);
	check_int(w->web.image / 1000, 1);
	/* The next commit brings it. */
	push(README);
	check_int(once(), GITOPS_DEPLOYED);
	check_int(w->web.image / 1000, 2);
	send_alerts();
	check_int(w->commits[1].faults, 0);
}

static void newer_images_that_fail_are_taken_back_once(void)
{
	begin_waiting();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	w->built = w->bad_built = 1;
	check_int(once(), GITOPS_ROLLED_BACK);
	check_told_of("The images that its tags mean by now are not tried again");
	check_int(w->web.image / 1000, 0);
	check(is_well(1));
	check_int(good_index(), 1);
	check_int(once(), GITOPS_UNCHANGED);
	check_int(w->web.image / 1000, 0);
	send_alerts();
	check_int(w->commits[1].faults, 1);
	w->bad_built = 0;
	push(README);
	check_int(once(), GITOPS_DEPLOYED);
	check_int(w->web.image / 1000, 1);
	send_alerts();
	check_int(w->commits[1].recoveries, 1);
}

static void a_registry_that_cannot_be_asked_harms_nothing(void)
{
	begin_waiting();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	w->no_registry = true;
	check_int(once(), GITOPS_UNCHANGED);
	check(is_well(1));
	w->no_registry = false;
	w->built = 1;
	check_int(once(), GITOPS_DEPLOYED);
}

/* What was gone back to by hand keeps its images; so does what was given other secrets. */
static void what_is_not_the_branchs_commit_keeps_its_images(void)
{
	begin_waiting();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check_int(run_agent(gitops_rollback), GITOPS_DEPLOYED);
	w->built = 1;
	check_int(once(), GITOPS_UNCHANGED);
	check_int(w->web.image / 1000, 0);
	check(is_well(0));
}

/* At each write and each call; the next run goes on, or begins anew. */
static void newer_images_survive_a_kill_anywhere(void)
{
	int killed = 0, r;

	do {
		begin_waiting();
		push(GOOD);
		check_int(once(), GITOPS_DEPLOYED);
		w->built = 1;
		w->kill_at = ++killed;
		r = once();
		if (r == KILLED)
			(void)once();
		check_int(w->web.image / 1000, 1);
		check(is_well(1));
		check_int(once(), GITOPS_UNCHANGED);
	} while (r == KILLED);
	check(killed > 5);
}

static int first_checkout_of(
	struct agent *a, const struct gitops_run *run, _unused_ struct buf *why, struct error *e)
{
	int r = gitops_first(a, GITOPS_CHECKOUT, run, e);

	return r == 0 ? 0 : e->transient ? 1 : 2;
}

static void a_first_boot_waits_too(void)
{
	begin();
	config->app.image_wait = WAIT;
	push(MISSING_IMAGE);
	check_int(run_agent(first_checkout_of), 1);
	check_int(run_agent(first_checkout_of), 1);
	pass(WAIT);
	check_int(run_agent(first_checkout_of), 2);
	push(GOOD);
	check_int(run_agent(first_checkout_of), 0);
}

int main(void)
{
	gitops_begin();
	run(an_image_that_is_not_there_yet_is_waited_for);
	run(an_image_that_never_comes_is_told_once);
	run(what_is_wrong_otherwise_is_not_waited_for);
	run(a_tag_that_moves_in_time_is_followed);
	run(newer_images_that_fail_are_taken_back_once);
	run(a_registry_that_cannot_be_asked_harms_nothing);
	run(what_is_not_the_branchs_commit_keeps_its_images);
	run(newer_images_survive_a_kill_anywhere);
	run(a_first_boot_waits_too);
	return gitops_done();
}
