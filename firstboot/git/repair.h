/*
 * Keeping the directory of a repository in order from outside of libgit2: what a kill left behind, what a
 * repacking made superfluous, and throwing all of it away. What is in it can always be fetched again.
 */
#pragma once

#include "base.h"
#include "client.h"

/* Each takes the fd of the repository's directory. 0 or -errno. */
int repair_sweep(int repo);		 /* lock files, half-written packs */
int repair_empty(int repo);		 /* everything, but the directory itself */
int repair_packs(int repo, size_t *ret); /* counts them */
int repair_keep_pack(
	int repo, const char name[REPO_SHA]); /* removes all other packs, and loose objects */
