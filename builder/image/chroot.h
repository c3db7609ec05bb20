/*
 * Running a program inside a tree: own mount, pid, ipc, uts and net namespaces, no network, /proc
 * /dev /tmp /run of its own, no service started, syncs answered "done" by a seccomp filter. When
 * kbuild dies, all of it dies and nothing stays mounted.
 */
#pragma once

#include "base.h"

struct buf;
struct error;

struct chroot_bind {
	const char *from; /* a host path */
	const char
		*to; /* where in the tree, "/run/kbuild/store"; made in the tree's private /run */
	bool writable;
};

struct chroot_run {
	const char *root; /* the tree, absolute */
	const char *lower, *upper,
		*work; /* when lower is set: root is where overlayfs is mounted for the run */
	const char *const *argv;
	const char *const *
		env; /* more "K=V"; the base environment is PATH, LC_ALL=C.UTF-8, HOME, DEBIAN_FRONTEND … */
	const struct chroot_bind *binds; /* ended by {} ; NULL: none. Only below /run */
	const void *input;
	size_t input_len;
	struct buf *out; /* standard output; NULL: the log */
	int log_fd;
	void (*line)(void *arg, const char *line);
	void *line_arg;
};

/* The program's exit status, or negative when it could not be run. */
int chroot_run(const struct chroot_run *r, struct error *e);
/* As chroot_run(); a failure of the program is an error with its last 20 lines. */
int chroot_check(const struct chroot_run *r, struct error *e);

/* 0 when this machine allows what chroot_run() needs, else an error saying how to allow it. */
int chroot_possible(struct error *e);
