/*
 * Private to progress.c and progress_sink.c: what a sink sees of the steps. A sink only writes one
 * kind of line; counting, and deciding when something is due, is the core's.
 */
#pragma once

#include "base.h"

#define PROGRESS_DEPTH	   2
#define PROGRESS_SAMPLES   16  /* of the rate: at PROGRESS_SAMPLE_MS apart, it looks back 8 s */
#define PROGRESS_SAMPLE_MS 500 /* shorter ones jump with every packet */

struct clock;
struct progress;

struct sample {
	int64_t ms;
	uint64_t done;
};

struct step {
	char *what, *unit; /* unit NULL: nothing is counted */
	uint64_t done, total;
	int64_t begun;	 /* ms */
	int64_t shown;	 /* ms, when a line of it was last written */
	bool headed;	 /* terminal: its name stands above its inner steps already */
	char detail[96]; /* may be empty */
	struct sample samples[PROGRESS_SAMPLES];
	size_t n_samples; /* ever taken; the ring holds the last PROGRESS_SAMPLES */
};

struct sink {
	int64_t interval; /* ms between updates */
	void (*begin)(struct progress *p, struct step *s);
	void (*update)(struct progress *p, struct step *s);
	void (*note)(struct progress *p, const char *text);
	void (*end)(struct progress *p, struct step *s, const char *outcome, bool ok);
};

struct progress {
	const struct sink *sink; /* NULL: none */
	const struct clock *clock;
	int fd;
	bool color;
	bool drawn; /* terminal: the cursor stands on an unfinished line */
	size_t depth;
	struct step steps[PROGRESS_DEPTH];
	size_t hidden; /* steps begun deeper than that: counted, not shown */
};

/* By enum progress_style; no row for AUTO and NONE. */
extern const struct sink progress_sinks[];
