/* What a restore calls the databases that it makes and keeps, and how such a name is known again. */
#pragma once

#include "base.h"

struct arena;

#define RESTORE_FRESH "restore" /* one that is being filled */
#define RESTORE_OLD   "before"	/* what was there */

/* "NAME_WORD_ID". Where that is too long for PostgreSQL, NAME is cut, and made another again by its digest. */
const char *restore_name(struct arena *a, const char *name, const char *word, const char *id);
/* A name for the database of before that none of these has: the same backup may be restored twice. */
const char *restore_old_name(
	struct arena *a, const char *const *there, const char *name, const char *id);
bool restore_has(const char *const *names, const char *name);

/* Whether a name has the form of these: it may be gone any day, and nobody would miss it. */
bool restore_made(const char *name);
