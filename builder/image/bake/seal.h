/* The proof that an image carries nobody's identity, apart from the sealing it proves. */
#pragma once

#include "base.h"

struct buf;

/*
 * Appends one line "PATH: what it is" for each file of the tree that must not ship. allowed: paths
 * (NULL-terminated, or NULL) that may hold a private key, or be a script of cloud-init's, because the
 * definition itself put it there.
 * 0 or -errno.
 */
int seal_scan(int root, const char *const *allowed, struct buf *ret);

/* /etc/shadow with every "last changed" that is not 0 set to this day since 1970. */
void shadow_set_day(const char *text, long day, struct buf *out);
