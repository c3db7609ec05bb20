/*
 * Files and directories, relative to directory fds (AT_FDCWD where a plain path is meant).
 * Lowest layer: every int function returns 0 or -errno and says nothing to people.
 */
#pragma once

#include "base.h"

struct buf;
struct stat;

/* Reads a whole file into ret (appended). More than max bytes: -EFBIG, ret untouched. */
int file_read(int dirfd, const char *path, size_t max, struct buf *ret);

/* Reads fd to its end into ret (appended), as file_read(). */
int fd_read(int fd, size_t max, struct buf *ret);

/* Writes all bytes, continuing after short writes and EINTR. */
int fd_write(int fd, const void *data, size_t len);
/* The same at an offset, leaving the fd's own where it is. */
int fd_write_at(int fd, const void *data, size_t len, uint64_t offset);

/*
 * Replaces a file durably: a temporary name beside it, written, fsynced, renamed over it, the
 * directory fsynced. A kill at any instant leaves the old file or the new one.
 */
int file_replace(int dirfd, const char *path, const void *data, size_t len, mode_t mode);

/*
 * The same in parts, for files too large for memory. Open, write to f->fd, then commit.
 * atomic_abort() removes the temporary file; after a commit it does nothing, so it is the
 * cleanup form: "_cleanup_(atomic_abort) struct atomic f = ATOMIC_INIT;".
 */
struct atomic {
	int fd;	   /* the temporary file, read and write, offset 0 */
	int dirfd; /* borrowed from the caller: must outlive this */
	char *name, *tmp;
};
#define ATOMIC_INIT                                                                                \
	{                                                                                          \
		.fd = -1, .dirfd = -1                                                              \
	}
int atomic_open(struct atomic *f, int dirfd, const char *path, mode_t mode);
int atomic_commit(struct atomic *f);
void atomic_abort(struct atomic *f);

/* Makes a directory and its parents; those that exist are left as they are. */
int mkdir_all(int dirfd, const char *path, mode_t mode);

/*
 * Removes a file or a whole tree, never following a symlink nor entering a mount (-EXDEV, bind mounts
 * too; what was met before is gone). Absent: 0.
 */
int remove_all(int dirfd, const char *path);

/* Whether two looks saw the same file, and nobody has written to it in between. */
bool stat_same(const struct stat *a, const struct stat *b);

/* fsyncs the directory that holds path. */
int fsync_parent(int dirfd, const char *path);

/*
 * Makes to an equal of the file from, whatever it held: by reflink or in the kernel, keeping holes.
 * -ECANCELED when interrupted. Offsets do not matter and are not kept.
 */
int fd_copy(int from, int to);
