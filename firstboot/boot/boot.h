/*
 * First boot: what an image cannot know, done in steps. A step is journalled before and after (intent,
 * done), and its probe tells whether what it wants holds already, so that a power cut anywhere is
 * continued and nothing is done twice. Every boot walks all steps: when all hold, in well under a second.
 *
 * The journal is one instance's (STATE/first-boot.journal): another instance id means that the disk was
 * cloned, and all is done again, beginning with an identity of its own. BOOT_STATE (core/state.h) says how the last
 * walk went.
 */
#pragma once

#include "base.h"
#include "retry.h"

struct agent;
struct arena;
struct boot;
struct error;
struct journal;

#define BOOT_JOURNAL "first-boot.journal"

/* Failed for good at so many boots in a row: from then on only --retry tries again. */
#define BOOT_TRIES 5

#define STEP_HOLDS 1 /* of a probe: what the step wants is so */

enum step_flags {
	STEP_EACH_BOOT = 1, /* not journalled: it finds out, or waits for, something of this boot */
	STEP_STOPS = 2,	    /* where it fails, the steps behind it cannot be right */
	STEP_APP = 4,	    /* where it fails, the STEP_APP behind it are left out */
	STEP_LAST = 8,	    /* runs whatever was before */
	/*
	 * The probe can take a done back, and give none: what it sees may be another instance's, whose
	 * disk this was.
	 */
	STEP_DOUBTS = 16,
	/* Brings the application up, as every deployment does: once one is good, there is nothing to do for it. */
	STEP_DEPLOYS = 32,
};

struct step {
	const char *name; /* of one word: in the journal, on the console */
	const char *what; /* what is being done, for people: "waiting for cloud-init" */
	/* Why there is nothing to do on this server, from its configuration; NULL: there is. */
	const char *(*skip)(const struct boot *b);
	/* STEP_HOLDS, or 0. NULL: what the journal says is so. */
	int (*probe)(struct boot *b, struct error *e);
	/* May be cut off anywhere and run again. */
	int (*run)(struct boot *b, struct error *e);
	struct retry retry; /* of transient failures */
	int64_t limit_ms;   /* no attempt begins later than this after the first */
	unsigned flags;
};

enum step_state {
	STEP_WAITING,
	STEP_DONE,
	STEP_SKIPPED,
	STEP_FAILED,
	STEP_LEFT_OUT, /* because of one before it */
};

struct step_result {
	enum step_state state;
	unsigned attempts; /* in this walk */
	char *note;	   /* why skipped or failed; NULL: nothing to say */
	int code;	   /* STEP_FAILED: enum error_code */
	bool transient;	   /* STEP_FAILED: it may hold at another time */
};

enum boot_state { BOOT_WORKING, BOOT_READY, BOOT_DEGRADED, BOOT_FAILED };

struct boot {
	struct agent *agent;
	struct arena *arena;
	const char *run_dir; /* "/run" */
	bool retry;	     /* --retry */
	/*
	 * Not this boot's first walk: units wait behind it. What failed for good is not tried, what passes is tried
	 * once, and the application is left to the timer that deploys it.
	 */
	bool again;
	bool deployed; /* a revision of the application is good since before this walk */

	const struct step *steps;
	size_t n_steps;
	struct step_result *results; /* n_steps of them */
	size_t n, of;		     /* of the steps that apply: the current one, all */
	size_t current;

	struct journal *journal; /* NULL until the instance is known */
	const char *instance;	 /* its id; NULL until known */
	const char
		*cloud_init; /* "done", "degraded", "error", "disabled", "absent", "unfinished" */
	bool clone;	     /* this disk was another instance's before */

	enum boot_state worst; /* BOOT_READY, or what is to be said in the end */
	const char **reasons;  /* why not ready */
	size_t n_reasons, cap_reasons;
};

/* Says what the current step is at; one line on the console. */
void boot_note(struct boot *b, const char *fmt, ...) _printf_(2, 3);
/* Something is not as it should be, and first boot goes on. */
void boot_degrade(struct boot *b, const char *fmt, ...) _printf_(2, 3);
/* The same for what makes the server useless for what it was made. */
void boot_fail(struct boot *b, const char *fmt, ...) _printf_(2, 3);

/*
 * Opens the journal of this instance, called by the step that found out its id (NULL: there is nobody
 * to tell it; the one of the journal stays). Sets clone.
 */
int boot_set_instance(struct boot *b, const char *id, struct error *e);

/*
 * Walks the steps. 0 when they are all done or skipped, or what is missing only degrades; the first
 * failed step's error otherwise, after the last step has told of it.
 */
int boot_walk(struct boot *b, struct error *e);

/* The table: what first boot is. Ends with a name of NULL. */
extern const struct step boot_steps[];
