/*
 * Debian packages: an ar archive of debian-binary, control.tar and data.tar, each compressed or
 * not. Everything in one is foreign: offsets are checked against the file, names against the root.
 */
#pragma once

#include "base.h"
#include "tarball.h"

struct buf;
struct error;

struct deb {
	int fd;		  /* borrowed */
	const char *name; /* borrowed; for messages */
	struct tar_source control, data;
};

/* Finds the members. ERR_FAILED when it is no whole Debian package. */
int deb_open(struct deb *ret, int fd, const char *name, struct error *e);

/* One control file ("control", "postinst") appended to ret; at most 16 MiB. */
#define DEB_ABSENT 1 /* there is none of this name */
int deb_control(const struct deb *d, const char *file, struct buf *ret, struct error *e);

/* Calls each with every control file: its name, permission bits and bytes. */
int deb_control_each(const struct deb *d,
	void (*each)(void *arg, const char *file, mode_t mode, const void *data, size_t len),
	void *arg, struct error *e);

/* True when no member is compressed. */
bool deb_is_plain(const struct deb *d);

/* Writes the equal package with uncompressed members to fd (empty, at offset 0). */
int deb_write_plain(const struct deb *d, int to, struct error *e);
