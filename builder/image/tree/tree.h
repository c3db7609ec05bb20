/*
 * The package tree: every locked package unpacked and configured, nothing else. Trees are kept
 * under the digest of their inputs, so nothing changed means nothing done.
 */
#pragma once

#include "base.h"

struct definition;
struct error;
struct lock;
struct progress;
struct store;

struct tree_request {
	struct lock *lock;
	struct store *store;
	const char *cache_dir;
	int log_fd; /* output of maintainer scripts */
	struct progress *progress;
};

/*
 * Loads the packages of the lock into the store, unless the tree is there already. def and mirror
 * say where from, as lock_uris() has it.
 */
int tree_fetch(const struct tree_request *q, const struct definition *def, const char *mirror,
	bool offline, struct error *e);

/*
 * Returns the path (new) of the finished tree's root directory, to be read only: CACHE/trees/
 * DIGEST/root. Built when absent. ret_lock (a lock fd, to be closed when done with the tree) keeps
 * it from being swept.
 */
int tree_get(const struct tree_request *q, char **ret_root, int *ret_lock, struct error *e);

/* The digest under which the tree of this lock is kept. */
void tree_digest(const struct lock *l, char ret_hex[65]);
