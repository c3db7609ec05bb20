/*
 * Where finished trees are kept: CACHE/trees/DIGEST/root. An entry appears whole, by one rename of
 * a work directory, so what is there is complete. Its directory is locked (shared) by who uses it
 * and (exclusively, without waiting) by who sweeps; its mtime says when it was last used.
 */
#pragma once

#include "base.h"

struct error;
struct progress;
struct work;

/* Trees kept beside those in use; a server tree takes about 1 GB. */
#define TREECACHE_KEEP 5

/* Returns > 0 when there is no such tree; else 0, its root directory (new) and a lock fd. */
#define TREECACHE_ABSENT 1
int treecache_find(
	const char *cache_dir, const char *digest, char **ret_root, int *ret_lock, struct error *e);

/* Waits until nobody else builds this tree. Returns an fd to be closed, or negative. */
int treecache_claim(const char *cache_dir, const char *digest, struct progress *p, struct error *e);

/* Makes WORK/entry (which holds root/) the tree of this digest, durably. */
int treecache_publish(
	const char *cache_dir, const char *digest, const struct work *w, struct error *e);

/* Removes all but the last used trees that nobody uses. Never fails what was achieved: no result. */
void treecache_sweep(const char *cache_dir);
