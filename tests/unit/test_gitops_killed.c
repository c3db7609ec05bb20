/*
 * The deployment engine ended anywhere, and in any order of events: it ends well, nothing bad is brought up twice,
 * and each fault is told once, as is its end.
 */
#include "gitops_play.h"

static unsigned story; /* which one, for messages */

/* Between two containers that have the same data there is none. */
static bool data_moves(const struct ledger *l)
{
	return l->doing.step != DOING_NOTHING && w->commits[index_of(l->doing.to.sha)].renamed !=
							 w->commits[index_of(l->good.sha)].renamed;
}

static void check_all(int result)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct ledger l;

	if (w->ups_bad)
		check_fail("a commit that was bad already was brought up again");
	if (w->two_on_data)
		check_fail("story %u: two databases on the same data", story);
	load(&l, arena);
	if (result == 100)
		check_fail("a run failed");
	if (!l.good.sha)
		return;
	if (!w->web.there || (!w->db.there && !w->database.there && !data_moves(&l)))
		check_fail("a service has no container");
	if (result != KILLED && l.doing.step == DOING_NOTHING && !l.needs_human &&
		result != GITOPS_LATER && !is_well(index_of(l.good.sha)))
		check_fail("story %u: after %d, commit %d is called good, and runs web %d", story,
			result, index_of(l.good.sha), w->web.form);
	for (size_t i = 0; i < l.n_bad; i++)
		w->commits[index_of(l.bad[i].sha)].settled = 1;
	/* The good one is no bad one, whatever it was called before. */
	w->commits[index_of(l.good.sha)].settled = 0;
}

static void check_told(void)
{
	for (int i = 0; i < w->n; i++) {
		const struct commit *c = &w->commits[i];

		if (c->faults > c->visits)
			check_fail("story %u: commit %d was told of %d times in %d visits", story,
				i, c->faults, c->visits);
		if (c->recoveries != c->faults)
			check_fail("commit %d: told %d times, its end %d times", i, c->faults,
				c->recoveries);
	}
	check_int(w->human_recoveries, w->human_faults);
}

static void any_story(unsigned seed)
{
	begin();
	w->random = seed * 2654435761u + 1;
	push((enum kind)rnd(KINDS));
	for (int i = 0; i < 14; i++) {
		unsigned what = rnd(10);

		if (w->n < COMMITS - 2 && what < 6)
			push(rnd(3) ? (enum kind)rnd(KINDS) : GOOD);
		else if (w->n > 1 && what == 6)
			w->commits[w->tip = (int)rnd((unsigned)w->n)].visits++;
		else if (w->n > 1 && w->n < COMMITS - 2 && what == 7)
			push_on((int)rnd((unsigned)w->n - 1), GOOD);
		w->flaky = rnd(3) ? 0 : 8;
		w->full = rnd(12) == 0;
		w->kill_at = rnd(3) ? 0 : 1 + (int)rnd(60);
		check_all(once());
		if (rnd(2))
			send_alerts();
		if (rnd(4) == 0)
			w->ms += 3600 * 1000;
	}
	w->flaky = 0;
	w->full = false;
	push(GOOD);
	for (int i = 0; i < 4; i++) {
		w->ms += 3600 * 1000;
		check_all(once());
	}
	check_int(good_index(), w->tip);
	check(is_well(w->tip));
	send_alerts();
	check_told();
}

static void whatever_comes_it_ends_well(void)
{
	unsigned n = getenv("GITOPS_STORIES") ? (unsigned)atoi(getenv("GITOPS_STORIES")) : 60;
	unsigned first = getenv("GITOPS_SEED") ? (unsigned)atoi(getenv("GITOPS_SEED")) : 1;

	for (unsigned seed = first; seed < first + n; seed++) {
		story = seed;
		any_story(seed);
	}
}

/* One deployment, ended at each of its points in turn. */
static void check_each_point(enum kind kind, int want)
{
	for (int at = 1;; at++) {
		int r;

		begin_with_a_good_one();
		push(kind);
		w->kill_at = at;
		r = once();
		check_all(r);
		if (r != KILLED)
			break;
		check_all(once());
		check_all(once());
		check_int(good_index(), want);
		check(is_well(want));
		send_alerts();
		check_int(w->commits[1].faults, want == 0);
		push(GOOD);
		check_int(once(), GITOPS_DEPLOYED);
		send_alerts();
		check_told();
	}
}

static void a_good_one_killed_anywhere_goes_live(void)
{
	check_each_point(GOOD, 1);
	check_each_point(RENAMED, 1);
}

static void a_bad_one_killed_anywhere_is_taken_back(void)
{
	check_each_point(CRASH, 0);
	check_each_point(PRIVILEGED, 0);
}

int main(void)
{
	gitops_begin();
	run(a_good_one_killed_anywhere_goes_live);
	run(a_bad_one_killed_anywhere_is_taken_back);
	run(whatever_comes_it_ends_well);
	return gitops_done();
}
