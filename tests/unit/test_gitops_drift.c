/* The deployment engine and what is changed behind its back: containers, their data, their images. */
#include "gitops_play.h"

static void what_was_changed_by_hand_is_put_right(void)
{
	begin_with_a_good_one();
	w->web.there = false;
	check_int(once(), GITOPS_REPAIRED);
	check(is_well(0));
	/* Within ten minutes of a look the timer does not look again. */
	w->web.running = false;
	check_int(once(), GITOPS_UNCHANGED);
	w->ms += 600 * 1000;
	check_int(once(), GITOPS_REPAIRED);
	w->web.form = 77;
	w->ms += 600 * 1000;
	check_int(once(), GITOPS_REPAIRED);
	check(is_well(0));
	check_int(w->db_made, 1);
	check_int(once(), GITOPS_UNCHANGED);
}

/* It hashes the same definition in another way; what it makes is no change by hand. */
static void another_version_of_compose_is_no_change(void)
{
	begin_with_a_good_one();
	w->compose++;
	w->web.running = false;
	w->ms += 600 * 1000;
	check_int(once(), GITOPS_REPAIRED);
	w->ms += 600 * 1000;
	check_int(once(), GITOPS_UNCHANGED);
	check_int(w->db_made, 1);
}

static void it_is_put_right_also_while_a_commit_waits(void)
{
	begin_with_a_good_one();
	push(GOOD);
	w->full = true;
	for (int i = 0; i < 4; i++) {
		check_int(once(), GITOPS_LATER);
		check(is_well(0));
	}
	w->web.there = false;
	for (int i = 0; i < 8; i++)
		check_int(once(), GITOPS_LATER);
	check(is_well(0));
	w->full = false;
	w->ms += 3600 * 1000;
	check_int(once(), GITOPS_DEPLOYED);
	check(is_well(1));
}

/* Its volume may be gone, too: then it begins empty, and is well. */
static void what_keeps_data_is_not_made_again_in_silence(void)
{
	begin_with_a_good_one();
	w->web.there = false;
	check_int(once(), GITOPS_REPAIRED);
	w->db.running = false;
	w->ms += 600 * 1000;
	check_int(once(), GITOPS_REPAIRED);
	send_alerts();
	check_int(w->data_faults, 0);
	w->db.there = false;
	w->ms += 600 * 1000;
	check_int(once(), GITOPS_REPAIRED);
	check_told_of("kbuild-agent restore");
	send_alerts();
	check_int(w->data_faults, 1);
	w->ms += 600 * 1000;
	check_int(once(), GITOPS_UNCHANGED);
	send_alerts();
	check_int(w->data_recoveries, 1);
	/* Nor by a new commit; one that does not have it any more makes nothing again. */
	w->db.there = false;
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	send_alerts();
	check_int(w->data_faults, 2);
	w->ms += 600 * 1000;
	check_int(once(), GITOPS_UNCHANGED);
	push(RENAMED);
	check_int(once(), GITOPS_DEPLOYED);
	send_alerts();
	check_int(w->data_faults, 2);
}

static void an_image_that_was_removed_is_pulled_again(void)
{
	begin_with_a_good_one();
	w->web.there = false;
	w->gone = 1;
	check_int(once(), GITOPS_REPAIRED);
	check(is_well(0));
	/* On the way back. */
	push(CRASH);
	w->gone = 1;
	check_int(once(), GITOPS_ROLLED_BACK);
	check(is_well(0));
	/* And what is to be dumped. */
	w->db.there = false;
	w->gone = 1;
	push(SCHEMA);
	check_int(once(), GITOPS_DEPLOYED);
	check(is_well(2));
	check_int(w->dumps, 1);
	/* A registry that cannot be asked is waited for; what is no image's fault stays what it was. */
	w->web.there = false;
	w->gone = 3;
	w->no_registry = true;
	w->ms += 3600 * 1000;
	check_int(once(), GITOPS_LATER);
	w->no_registry = false;
	check_int(once(), GITOPS_REPAIRED);
	w->web.there = false;
	w->broken_up = 1;
	w->ms += 3600 * 1000;
	check_int(once(), GITOPS_LATER);
}

/* Trying to does not put off the commit that mends it, nor what a commit waits for. */
static void what_cannot_be_put_right_keeps_no_commit_out(void)
{
	int n = 0, r;

	begin_with_a_good_one();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	w->soft_up = 1; /* that commit's */
	w->web.there = false;
	for (int i = 0; i < 20; i++)
		check_int(once(), GITOPS_LATER);
	push(GOOD);
	while ((r = once()) == GITOPS_LATER && n < 12)
		n++;
	check_int(r, GITOPS_DEPLOYED);
	check(is_well(2));
}

static void what_is_too_much_is_taken_away(void)
{
	begin_with_a_good_one();
	w->extra = 2;
	check_int(once(), GITOPS_REPAIRED);
	check_int(w->extra, 0);
	w->stranger = true;
	w->ms += 600 * 1000;
	check_int(once(), GITOPS_REPAIRED);
	check(!w->stranger);
	check(is_well(0));
	w->ms += 600 * 1000;
	check_int(once(), GITOPS_UNCHANGED);
	/* What may have the data in its place goes first. */
	w->database = w->db;
	w->db = (struct box){ 0 };
	w->ms += 600 * 1000;
	check_int(once(), GITOPS_REPAIRED);
	check(is_well(0));
	check(!w->two_on_data);
}

int main(void)
{
	gitops_begin();
	run(what_was_changed_by_hand_is_put_right);
	run(another_version_of_compose_is_no_change);
	run(it_is_put_right_also_while_a_commit_waits);
	run(what_keeps_data_is_not_made_again_in_silence);
	run(an_image_that_was_removed_is_pulled_again);
	run(what_cannot_be_put_right_keeps_no_commit_out);
	run(what_is_too_much_is_taken_away);
	return gitops_done();
}
