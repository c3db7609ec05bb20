/*
 * The seccomp filter for everything that runs in a tree: calls that wait for a disk answer
 * "done". A tree under construction is thrown away when anything goes wrong, so it needs no
 * durability; what is kept is synced once, by us, at the end.
 */
#pragma once

#include "base.h"

struct buf;
struct error;

/*
 * Appends the filter, an array of struct sock_filter, ready to be loaded by a child that has
 * CAP_SYS_ADMIN (no_new_privs is not wanted: maintainer scripts use setuid programs). Made in the
 * parent because the child of a threaded program must not allocate.
 */
int suppress_sync_filter(struct buf *ret, struct error *e);
