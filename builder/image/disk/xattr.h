/*
 * Extended attributes from the tree into ext4: those that packages mean (user.*, capabilities,
 * ACLs), never those that the build machine added (SELinux labels, overlayfs marks).
 */
#pragma once

#include "base.h"

struct error;
struct ext4;

/* Of fd itself (name NULL), or of what name, a symlink not followed, is in the directory fd. */
int xattr_copy(int fd, const char *name, struct ext4 *fs, uint32_t ino, struct error *e);
/* True for the names that are copied. */
bool xattr_wanted(const char *name);
