/*
 * Files of a tree, reached through the fd of its root. Every path is resolved as if that directory
 * were "/" (openat2 with RESOLVE_IN_ROOT): a symlink or ".." in the tree can lead anywhere inside,
 * and nowhere outside. Absolute and relative paths mean the same. Nothing is durable: trees are scratch.
 * All int functions return 0 (or what is named) or -errno.
 */
#pragma once

#include "base.h"

struct buf;
struct stat;

/* As open(2), O_CLOEXEC added. Returns the fd. Never a fifo or device: those are -EINVAL unless O_PATH. */
int rootfd_open(int root, const char *path, int flags, mode_t mode);

/* The directory that holds path (made when absent, 0755) and path's last component, borrowed from path. */
int rootfd_parent(int root, const char *path, bool make, int *ret_fd, const char **ret_name);

/* Makes a directory and its parents. Those that exist stay as they are; the last one, if new, gets mode. */
int rootfd_mkdir(int root, const char *path, mode_t mode);

/* Writes a whole file, following a symlink; parents are made (0755). The mode is exact, whatever the umask. */
int rootfd_write(int root, const char *path, const void *data, size_t len, mode_t mode);
int rootfd_puts(int root, const char *path, const char *text, mode_t mode);
int rootfd_append(int root, const char *path, const void *data, size_t len, mode_t mode);

/* Reads a regular file (appended to ret). More than max bytes: -EFBIG. */
int rootfd_read(int root, const char *path, size_t max, struct buf *ret);

/* Makes path a symlink to target, replacing whatever file or link was there. */
int rootfd_symlink(int root, const char *target, const char *path);

/* Removes a file, a symlink or a whole directory. Absent: 0. */
int rootfd_remove(int root, const char *path);

/* Follows symlinks. Uids and gids of -1 stay. */
int rootfd_chown(int root, const char *path, uid_t uid, gid_t gid);
int rootfd_chmod(int root, const char *path, mode_t mode);
int rootfd_stat(int root, const char *path, struct stat *ret);

/* Follows symlinks; a link whose target is missing does not exist. */
bool rootfd_exists(int root, const char *path);
