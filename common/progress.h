/*
 * What a person (or a program) sees of the work: steps, bytes, notes. Business code calls these
 * four verbs and never does arithmetic for a bar. Sinks: terminal, plain lines, JSON lines, none.
 * Progress never fails the work it reports. One thread at a time.
 */
#pragma once

#include "base.h"

struct clock;
struct progress;

enum progress_style {
	PROGRESS_AUTO,	/* terminal when stderr is one, else plain */
	PROGRESS_TERM,	/* one line a step, redrawn: bar, bytes, rate, ETA */
	PROGRESS_PLAIN, /* a line at start and end of each step, a heartbeat every 30 s */
	PROGRESS_JSON,	/* one JSON object a line */
	PROGRESS_NONE,
};

/* Returns new. Writes to fd (borrowed). color only matters to the terminal. */
struct progress *progress_new(enum progress_style style, int fd, bool color);
void progress_free(struct progress *p);
DEFINE_CLEANUP(struct progress *, progress_free);
/* Another clock than the real one, for tests; borrowed. */
void progress_clock(struct progress *p, const struct clock *c);

/*
 * Begins a step. unit: "B" for bytes (shown as MiB), any noun in plural else ("packages"), NULL
 * when there is nothing to count. total 0: unknown. Steps nest one level. All accept p == NULL.
 */
void progress_begin(struct progress *p, const char *what, const char *unit, uint64_t total);
void progress_total(struct progress *p, uint64_t total); /* learned, or corrected, on the way */
void progress_advance(struct progress *p, uint64_t n);
/* Sets what is done; it may go back, when something must be done again. */
void progress_set(struct progress *p, uint64_t done);
/* What is being done now, inside the step: a package's name. Not kept on plain sinks. */
void progress_detail(struct progress *p, const char *fmt, ...) _printf_(2, 3);
/* A line for the person, kept above the bar on terminals. */
void progress_note(struct progress *p, const char *fmt, ...) _printf_(2, 3);
/* The same of what a result lacks: without it the result would be taken for whole, so no style leaves it out. */
void progress_warn(struct progress *p, const char *fmt, ...) _printf_(2, 3);
/* Ends the innermost step; outcome NULL: "done", else a few words ("unchanged"). */
void progress_end(struct progress *p, const char *outcome);
/* Ends all open steps as failed; called once by main before it prints the error. */
void progress_fail(struct progress *p);
/* Redraws and sends heartbeats when due; call from loops that wait. */
void progress_tick(struct progress *p);
