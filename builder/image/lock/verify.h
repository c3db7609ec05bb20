/*
 * Proof of the indexes, independent of apt's own: each InRelease is given to gpgv once more with
 * the keyring of its source, its Date must not lie before the one of the last lock, it must be the
 * suite's that was asked for, and the index files on disk must have the hashes that it signs.
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
struct progress;

/*
 * Fills ret (as many as the directory has sources, in their order; strings in the arena). old may
 * be NULL. ERR_LOCK naming suite, URL, reason and what to do; ERR_NETWORK when there are no indexes yet.
 * With fetched, one that is refused is forgotten: apt passes over what is older than the one it has, so a
 * mended mirror would not be believed again. Offline it stays, as nothing else can be had.
 */
int verify_indexes(const struct aptdir *d, const struct definition *def, const struct lock *old,
	bool fetched, struct arena *a, struct lock_source *ret, struct progress *p,
	struct error *e);

/* The name under which apt keeps a file of a URI in its lists; in the arena. */
const char *apt_list_name(struct arena *a, const char *uri);
