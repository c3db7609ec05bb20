/*
 * Work that maintainer scripts ask for and nobody waits for: byte code of Python, the bundle of
 * certificates. While dpkg configures, a script of ours stands over such programs (in the mount
 * namespace of that run only) and notes how they were called; the real ones run on other cores
 * meanwhile. The result is the same: they read what packages brought and write what only later
 * programs read.
 */
#pragma once

#include "base.h"
#include "chroot.h"

struct deferred;
struct error;

/*
 * Begins. root: the tree, its packages unpacked. dir: a scratch directory of our own, made. Both
 * are borrowed. Returns new; never fails, at worst nothing is put off.
 */
struct deferred *deferred_start(const char *root, const char *dir, int log_fd);

/* What the run of dpkg needs for it, ended by {}; borrowed. */
const struct chroot_bind *deferred_binds(const struct deferred *d);

/* After dpkg: waits for all that was put off. An error names the program and shows its output. */
int deferred_finish(struct deferred *d, struct error *e);

/* Stops what is not yet begun, waits for what is. */
void deferred_free(struct deferred *d);
DEFINE_CLEANUP(struct deferred *, deferred_free);
