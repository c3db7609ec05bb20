/*
 * Proof of the indexes, independent of apt's own: each InRelease is given to gpgv once more with
 * the keyring of its source, its Date must not lie before the one of the last lock, and the index
 * files on disk must have the hashes that it signs.
 */
#pragma once

#include "base.h"

struct apt_source;
struct aptdir;
struct arena;
struct definition;
struct error;
struct lock;
struct lock_source;

/*
 * Fills ret (as many as the directory has sources, in their order; strings in the arena). old may
 * be NULL. ERR_LOCK naming suite, URL, reason and what to do.
 */
int verify_indexes(const struct aptdir *d, const struct definition *def, const struct lock *old,
	struct arena *a, struct lock_source *ret, struct error *e);

/* "Sat, 21 Nov 2026 00:53:03 UTC" as "2026-11-21T00:53:03Z"; false when it is no such date. */
#define RELEASE_DATE_SIZE 64 /* more than needed: the compiler cannot bound the numbers */
bool release_date(const char *text, char ret[RELEASE_DATE_SIZE]);

/* The name under which apt keeps a file of a URI in its lists; in the arena. */
const char *apt_list_name(struct arena *a, const char *uri);
