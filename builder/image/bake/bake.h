/*
 * Baking: what the definition says, done in an overlay over the package tree. One row a topic in
 * the table of bake.c; each row has one file.
 */
#pragma once

#include "base.h"

struct age_identity;
struct definition;
struct error;
struct lock;
struct progress;

struct bake {
	const struct definition *def;
	const struct lock *lock;
	const char *agent; /* path of the package kbuild-agent, or NULL: not installed */
	const char *id;	   /* with the agent: names the image */
	const struct age_identity *key; /* with the agent: the image's */
	const char *root; /* the merged tree (overlay mounted in our mount namespace), writable */
	int root_fd;
	int log_fd;
	int64_t epoch; /* seconds: what "now" is in the image (shadow's last change …) */
	struct progress *progress;
};

/* Applies all rows. */
int bake_run(const struct bake *b, struct error *e);

/*
 * Removes identity and caches (machine-id emptied, host keys, seeds, logs, apt lists …), then proves
 * that none is left: an error names each file that must not ship.
 */
int seal_run(const struct bake *b, struct error *e);
