/*
 * Reading tar streams (compressed or not) and writing ISO 9660, by libarchive, whose header tarball.c
 * alone includes. (Not named archive.h: libarchive's own header is.)
 *
 * Names come out clean: relative, no "." nor "..", no double slashes. What cannot be made so is an
 * error, here, so that nobody further up has to think of it. Errors do not name the file: callers do.
 */
#pragma once

#include "base.h"

struct error;
struct tar;

enum tar_type { TAR_DIR, TAR_FILE, TAR_SYMLINK, TAR_HARDLINK, TAR_FIFO, TAR_CHAR, TAR_BLOCK };

struct tar_xattr {
	const char *name;
	const void *value;
	size_t size;
};

/* Borrowed from the reader until the next tar_next(). */
struct tar_entry {
	enum tar_type type;
	const char *path;   /* clean; "" is the root itself */
	const char *target; /* symlink: its text as it is; hard link: a clean path; else NULL */
	mode_t mode;	    /* permission bits only */
	uid_t uid;
	gid_t gid;
	int64_t mtime; /* seconds */
	long mtime_nsec;
	uint64_t size; /* what the header says; files only */
	const struct tar_xattr *xattrs;
	size_t n_xattrs;
};

/* A compressed stream inside a file: size bytes from offset on. */
struct tar_source {
	int fd; /* borrowed; read with pread, its offset is left alone */
	uint64_t offset, size;
	const char *suffix; /* "" (not compressed), "gz", "xz", "zst", "bz2", "lzma" */
};

/* Opens a reader, returns new. Only the compression that the suffix names is accepted. */
int tar_open(struct tar **ret, const struct tar_source *src, struct error *e);
void tar_close(struct tar *t);
DEFINE_CLEANUP(struct tar *, tar_close);

#define TAR_END 1 /* no further entry */

int tar_next(struct tar *t, const struct tar_entry **ret, struct error *e);

/*
 * The next piece of the entry's bytes and where in the file it belongs (what lies between pieces
 * is a hole); borrowed until the next call. TAR_END after the last.
 */
int tar_block(
	struct tar *t, const void **ret, size_t *ret_len, uint64_t *ret_offset, struct error *e);

/* Decompresses the stream to fd, at its current offset. Stops when interrupted. */
int tar_decompress(const struct tar_source *src, int to, uint64_t *ret_size, struct error *e);

/* True when this suffix is one that the functions above read. */
bool tar_suffix_known(const char *suffix);

/* Cleans a path in place as described above. False when it holds "..". */
bool tar_clean_path(char *path);

struct iso_file {
	const char *path; /* "openstack/latest/user_data"; parents are made */
	const void *data;
	size_t len;
};

/*
 * Writes an ISO 9660 image with Rock Ridge and Joliet names to fd. Files of one directory stand
 * together. Needs room in $TMPDIR. The time of writing is in it, so no two are the same.
 */
int iso_write(int fd, const char *label, const struct iso_file *files, size_t n, int64_t epoch,
	struct error *e);
