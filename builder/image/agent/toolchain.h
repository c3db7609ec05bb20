/*
 * The tree in which the agent is compiled: compiler, meson and the libraries' headers, from the same
 * archive as the image (its standard pockets), made by the tree engine like any other. Which packages
 * it is made of is kept in CACHE/agents/RELEASE-KEY.lock and used again until it cannot be fetched
 * any more.
 */
#pragma once

#include "base.h"

struct agent_request;
struct arena;
struct error;
struct lock;

struct toolchain {
	struct arena *arena;
	struct definition *def; /* of the tree: in the arena */
	struct lock *lock;
	char digest[65]; /* of the tree */
	bool fresh;	 /* resolved just now */
};
#define TOOLCHAIN_INIT                                                                             \
	{                                                                                          \
	}

/* Finds the lock, or resolves one (always when renew). */
int toolchain_open(struct toolchain *t, const struct agent_request *q, bool renew, struct error *e);
void toolchain_close(struct toolchain *t);

/* Packages and tree; ret_root new, ret_lock as of tree_get(). */
int toolchain_tree(const struct toolchain *t, const struct agent_request *q, char **ret_root,
	int *ret_lock, struct error *e);
