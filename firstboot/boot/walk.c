/*
 * The walk along the steps: journal intent, run, probe, journal done. Nothing here knows what a step
 * does. Order matters: an intent is on disk before its run begins, a done after its probe agreed.
 */
#include "agent.h"
#include "alloc.h"
#include "boot.h"
#include "buf.h"
#include "clock.h"
#include "error.h"
#include "ipc.h"
#include "journal.h"
#include "node.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *event_of(const struct node *entry)
{
	const char *event = node_str(node_get(entry, "event"));

	return event ? event : "";
}

/* How often a step was begun since it was last done, and how often it then failed for good in a row. */
static void count(const struct boot *b, const char *step, unsigned *begun, unsigned *failed)
{
	*begun = *failed = 0;
	for (size_t i = 0; i < journal_count(b->journal); i++) {
		const struct node *entry = journal_at(b->journal, i);
		const char *name = node_str(node_get(entry, "step"));
		const char *event = event_of(entry);
		bool transient = false;

		if (!name || strcmp(name, step) != 0)
			continue;
		(void)node_is_bool(node_get(entry, "transient"), &transient);
		if (strcmp(event, "intent") == 0)
			(*begun)++;
		else if (strcmp(event, "failed") == 0)
			*failed += !transient;
		else if (strcmp(event, "retry") == 0)
			*failed = 0;
		else
			*begun = *failed = 0;
	}
}

static int add_intent(struct boot *b, const struct step *s, struct error *e)
{
	unsigned begun, failed;
	char extra[32];

	count(b, s->name, &begun, &failed);
	snprintf(extra, sizeof extra, "\"n\":%u", begun + 1);
	return journal_add(b->journal, s->name, "intent", extra, e);
}

static int add_failed(
	struct boot *b, const struct step *s, const struct error *why, struct error *e)
{
	_buf_ extra = BUF_INIT;
	_buf_ wrapped = BUF_INIT;

	/* The inside of an object. */
	ipc_begin(&wrapped);
	ipc_add_int(&wrapped, "code", why->code);
	ipc_add_bool(&wrapped, "transient", why->transient);
	ipc_add_str(&wrapped, "note", why->msg);
	buf_add(&extra, wrapped.data + 1, wrapped.len - 1);
	return journal_add(b->journal, s->name, "failed", buf_str(&extra), e);
}

/* One attempt, all of it: a failure to write the journal is one as well. */
static int attempt(struct boot *b, const struct step *s, struct error *e)
{
	int r;

	if (s->flags & STEP_EACH_BOOT)
		return s->run(b, e);
	r = add_intent(b, s, e);
	if (r >= 0)
		r = s->run(b, e);
	if (r >= 0 && s->probe) {
		r = s->probe(b, e);
		if (r == 0)
			return error_set(e, ERR_FAILED, "it was done, and does not hold");
	}
	return r < 0 ? r : journal_add(b->journal, s->name, "done", NULL, e);
}

static bool same_again(const struct boot *b, const struct step *s, unsigned n, int64_t begun)
{
	if (b->again)
		return false;
	return n < s->retry.tries && clock_now_ms(b->agent->clock) - begun < s->limit_ms;
}

/* Attempts with pauses between them, as long as failures are transient. */
static int run_step(
	struct boot *b, const struct step *s, struct step_result *result, struct error *e)
{
	int64_t begun = clock_now_ms(b->agent->clock);

	for (unsigned n = 1;; n++) {
		struct error ignored = { 0 };
		int64_t pause;
		int r;

		*e = (struct error){ 0 };
		result->attempts = n;
		r = attempt(b, s, e);
		if (r >= 0)
			return 0;
		if (e->code == ERR_INTERRUPTED)
			return r;
		/* What cannot be written down is no reason to hide why. */
		if (!(s->flags & STEP_EACH_BOOT))
			(void)add_failed(b, s, e, &ignored);
		if (!e->transient || !same_again(b, s, n, begun))
			return r;
		pause = retry_pause_ms(&s->retry, n, 0, retry_random());
		/* A line a failure would fill the console: after the first, at each doubling. */
		if ((n & (n - 1)) == 0)
			boot_note(b, "%s; again in %" PRId64 " s", e->msg, (pause + 999) / 1000);
		if (clock_sleep_ms(b->agent->clock, pause) < 0)
			return error_set(e, ERR_INTERRUPTED, "interrupted");
	}
}

/* Failed for good too often: not again by itself. */
static int refuse(struct boot *b, const struct step *s, unsigned failed, struct error *e)
{
	const char *note = node_str(node_get(journal_last(b->journal, s->name), "note"));

	return error_set(e, ERR_FAILED,
		"failed at %u boots, and is not tried again by itself: %s\n"
		"Look into it, then 'kbuild-agent first-boot --retry'",
		failed, note ? note : "no reason was written down");
}

/* The reason why it failed for good when it was last tried; NULL: it did not. */
static const char *failed_for_good(const struct boot *b, const struct step *s)
{
	const struct node *last = journal_last(b->journal, s->name);
	const char *note = node_str(node_get(last, "note"));
	bool transient = false;

	(void)node_is_bool(node_get(last, "transient"), &transient);
	if (strcmp(event_of(last), "failed") != 0 || transient)
		return NULL;
	return note ? note : "no reason was written down";
}

/* In a later walk of a boot: not tried, with the error, or 0: it is tried. */
static int leave(const struct boot *b, const struct step *s, struct error *e)
{
	const char *why = failed_for_good(b, s);

	if (why)
		return error_set(e, ERR_FAILED, "%s", why);
	if (!(s->flags & STEP_DEPLOYS))
		return 0;
	error_set(e, ERR_FAILED, "it is left to kbuild-gitops.timer");
	return error_transient(e);
}

/* STEP_HOLDS when there is nothing to do any more. */
static int holds(struct boot *b, const struct step *s, struct error *e)
{
	bool done = journal_is(b->journal, s->name, "done");
	int r;

	/* Later in a boot the application is what this very boot has deployed. */
	if (!s->probe ||
		(!done && (s->flags & STEP_DOUBTS) && !(b->again && s->flags & STEP_DEPLOYS)))
		return done ? STEP_HOLDS : 0;
	r = s->probe(b, e);
	if (r != STEP_HOLDS || done)
		return r;
	/* Done, but cut off before that was written down; or somebody else did it. */
	r = journal_add(b->journal, s->name, "done", "\"note\":\"found done\"", e);
	return r < 0 ? r : STEP_HOLDS;
}

static int do_journalled(
	struct boot *b, const struct step *s, struct step_result *result, struct error *e)
{
	unsigned begun, failed;
	int r;

	if (!b->journal)
		return error_set(e, ERR_FAILED, "it is not known which instance this is");
	r = holds(b, s, e);
	if (r == STEP_HOLDS)
		return 0;
	/* A probe that cannot tell: the run will say why, with its retries. */
	*e = (struct error){ 0 };
	r = b->again ? leave(b, s, e) : 0;
	if (r < 0)
		return r;
	count(b, s->name, &begun, &failed);
	if (failed > 0 && b->retry) {
		r = journal_add(b->journal, s->name, "retry", NULL, e);
		if (r < 0)
			return r;
	} else if (failed >= BOOT_TRIES) {
		return refuse(b, s, failed, e);
	}
	boot_note(b, "%s", s->what);
	return run_step(b, s, result, e);
}

static int do_step(
	struct boot *b, const struct step *s, struct step_result *result, struct error *e)
{
	if (!(s->flags & STEP_EACH_BOOT))
		return do_journalled(b, s, result, e);
	if (s->probe && s->probe(b, e) == STEP_HOLDS)
		return 0;
	*e = (struct error){ 0 };
	if (!(s->flags & STEP_LAST))
		boot_note(b, "%s", s->what);
	return run_step(b, s, result, e);
}

static void settle(
	struct boot *b, const struct step *s, struct step_result *result, const struct error *e)
{
	result->state = STEP_FAILED;
	result->note = xstrdup(e->msg);
	result->code = e->code;
	result->transient = e->transient;
	if (s->flags & (STEP_STOPS | STEP_APP))
		boot_fail(b, "%s: %s", s->name, e->msg);
	else
		boot_degrade(b, "%s: %s", s->name, e->msg);
}

/* The flags of steps that cannot be right any more after a failure of this one. */
static unsigned barred_by(const struct step *s)
{
	return s->flags & STEP_STOPS ? ~0u : s->flags & STEP_APP;
}

static bool barred(const struct step *s, unsigned bars)
{
	return !(s->flags & STEP_LAST) && (bars == ~0u || (s->flags & bars));
}

/* Counted anew each time: whether this is a clone is known only after the first step. */
static size_t how_many(const struct boot *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n_steps; i++)
		n += !b->steps[i].skip || !b->steps[i].skip(b);
	return n;
}

int boot_walk(struct boot *b, struct error *e)
{
	unsigned bars = 0;

	b->worst = BOOT_READY;
	for (size_t i = 0; i < b->n_steps; i++) {
		const struct step *s = &b->steps[i];
		struct step_result *result = &b->results[i];
		const char *why = s->skip ? s->skip(b) : NULL;
		struct error failed = { 0 };

		b->current = i;
		b->of = how_many(b);
		if (why) {
			result->state = STEP_SKIPPED;
			result->note = xstrdup(why);
			continue;
		}
		b->n++;
		if (barred(s, bars)) {
			result->state = STEP_LEFT_OUT;
			continue;
		}
		result->state = STEP_DONE;
		if (do_step(b, s, result, &failed) >= 0)
			continue;
		/* The server goes down: nothing failed, and the next boot goes on from here. */
		if (failed.code == ERR_INTERRUPTED) {
			*e = failed;
			break;
		}
		settle(b, s, result, &failed);
		bars |= barred_by(s);
		if (e->code == 0 && barred_by(s))
			*e = failed;
	}
	return e->code ? error_prefix(e, "first boot") : 0;
}
