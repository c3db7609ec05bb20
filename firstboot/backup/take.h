/* Taking a backup: dumps, checks, manifest, name. */
#pragma once

#include "base.h"

struct agent;
struct age_identity;
struct arena;
struct error;
struct manifest;

/* Whether the configuration names anything to back up. */
bool take_anything(const struct agent *a);

struct take {
	struct agent *agent;
	int dir; /* STATE/backup */
	const char *reason;
	bool lenient; /* what the configuration names may be missing: it is what is to be restored */
	/*
	 * One more key that opens the files, for a test restore in this very run; never kept. NULL: none. Only
	 * where they are encrypted at all.
	 */
	const struct age_identity *witness;
};

/*
 * Takes one, whole, or leaves nothing behind. A path or volume that is not there costs nothing else: the backup is
 * suspect. *ret in the arena. The caller holds the lock and has
 * swept. ERR_LOCK: a dump came cut off.
 */
int take_backup(const struct take *t, struct arena *arena, struct manifest *ret, struct error *e);
