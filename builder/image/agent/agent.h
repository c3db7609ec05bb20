/*
 * The Debian package kbuild-agent for the release of an image: compiled in a package tree of that
 * release, so that it uses the release's own libraries, and kept under the digest of what it was made
 * from (its sources, the toolchain's packages), below CACHE/agents.
 */
#pragma once

#include "base.h"

struct definition;
struct error;
struct lock;
struct progress;
struct store;

struct agent_request {
	const struct definition *def;
	const struct lock *lock; /* the image's: what the package depends on must be in it */
	struct store *store;
	const char *cache_dir;
	const char *mirror; /* --mirror, or NULL */
	bool offline;
	int log_fd; /* output of the compilation */
	struct progress *progress;
};

/*
 * Returns the path (new) of the package, made when absent. ERR_NETWORK when the toolchain's packages
 * cannot be had; ERR_LOCK when the image's lock lacks what the package needs.
 */
int agent_get(const struct agent_request *q, char **ret_path, struct error *e);

/* Whether images of this definition have the agent: those that boot. */
bool agent_wanted(const struct definition *def);
