/* One run of the backup, for the timer, for hands, before a deployment, before a restore. */
#pragma once

#include "base.h"

struct agent;
struct arena;
struct error;
struct manifest;

struct run {
	const char
		*reason; /* one word, kept in the manifest: "timer", "hand", "deploy", "restore" */
	const char *pinned; /* an id that is not removed, or NULL */
	bool scheduled;	    /* the whole of it: test restore when it is due, the copy offsite */
};

/* The lock of backup and restore, for the life of the process. Busy is transient. */
int run_lock(struct agent *a, struct error *e);
/* The same, but waits for whoever has it: two hours at most, or until the program is interrupted. */
int run_lock_wait(struct agent *a, struct error *e);

/*
 * Ends a restore that was cut off, so that the application does not wait for the next night for its database. Nothing,
 * where somebody is at work on backups: who will settle it, or is the one who restores.
 */
int run_settle(struct agent *a, struct error *e);

/* Takes one; *ret in the arena. The caller holds the lock. Failures have been made an alert. */
int run_backup(struct agent *a, const struct run *run, struct arena *arena, struct manifest *ret,
	struct error *e);
