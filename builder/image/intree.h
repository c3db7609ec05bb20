/*
 * Files of a tree by their paths in it, resolved as the image itself would: a symlink, absolute or
 * not, never leads out. Writing makes the directories above (0755) and replaces the content. No
 * durability: a tree being baked is scratch. All return -errno.
 */
#pragma once

#include "base.h"

struct buf;

/* Returns an fd. */
int intree_open(int root, const char *path, int flags, mode_t mode);
/* Reads a whole file into ret; more than max bytes: -EFBIG. */
int intree_read(int root, const char *path, size_t max, struct buf *ret);
int intree_mkdir(int root, const char *path, mode_t mode); /* with those above; existing: left */
int intree_write(int root, const char *path, const void *data, size_t len, mode_t mode);
