/*
 * The way back. What is there is backed up first; the backup goes into new databases beside the old ones, is
 * counted, and only then names are swapped: the old database is kept as NAME_before_ID. Where it was
 * cut off is STATE/restore.json; the next backup or restore settles that first. Volumes and paths go the same
 * way: unpacked beside, swapped, the old ones kept beside.
 */
#pragma once

#include "base.h"

struct age_identity;
struct agent;
struct arena;
struct error;
struct manifest;

struct restore {
	struct agent *agent;
	int dir; /* STATE/backup */
	const struct manifest *m;
	const struct age_identity *identities;
	size_t n;
	const char *only; /* this database alone; NULL: all that hold tables */
	const char *to;	  /* into a new database of this name, nothing is swapped; NULL: swap */
	bool roles;	  /* with the roles' passwords, settings and memberships of then */
	bool files;	  /* volumes and paths too */
};

/* What was done, for people. */
struct restored {
	const char *kind; /* "database", "volume", "path" */
	const char *name; /* of the database, as in the backup */
	const char *now;  /* where it is now */
	const char *old;  /* what the one before is called now; NULL: there was none */
};

/* What would be done: arrays in the arena, ended by {}. ERR_USAGE when it cannot be as asked. */
int restore_plan(
	const struct restore *q, struct arena *arena, struct restored **ret, struct error *e);
/* Does it. The caller holds the lock and has made the safety dump. */
int restore_run(
	const struct restore *q, struct arena *arena, struct restored **ret, struct error *e);

#define RESTORE_STATE "restore.json" /* below the state: what a restore has begun */
/*
 * Ends what a restore that was cut off left: databases that were being filled are dropped; a swap that was
 * begun is ended, because the application has no database meanwhile. The caller holds the lock.
 */
int restore_settle(const struct agent *a, struct error *e);
