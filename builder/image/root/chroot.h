/*
 * Running a program inside a tree: own mount, pid, ipc, uts and net namespaces, no network, /proc
 * /dev /tmp /run of its own, no service started, syncs answered "done" by a seccomp filter. When
 * the program ends, all that it started ends; when kbuild dies, all of it dies and nothing stays
 * mounted.
 */
#pragma once

#include "base.h"

struct buf;
struct error;

/*
 * For chroot_run.env: what "now" is in that which is made in a tree. Images clamp times to their own,
 * later date. 2024-01-01.
 */
#define CHROOT_DATE "SOURCE_DATE_EPOCH=1704067200"

struct chroot_bind {
	const char *from; /* a host path, absolute */
	/*
	 * Where in the tree. Below /run, which is private, it is made; elsewhere it must be there
	 * already, a file for a file: "/usr/bin/ssh-keygen". Such a file cannot be replaced during
	 * the run, so never cover what dpkg is about to unpack.
	 */
	const char *to;
	bool writable;
};

struct chroot_run {
	const char *root; /* the tree, absolute */
	/* When lower is set: root is where overlayfs of these three is mounted for the run. */
	const char *lower, *upper, *work;
	const char *const *argv; /* argv[0] is looked up in the tree */
	/*
	 * More "K=V"; "K" alone takes K out of the base environment, which is PATH, HOME, LC_ALL,
	 * DEBIAN_FRONTEND, DEBCONF_NONINTERACTIVE_SEEN, INITRD=No, SYSTEMD_OFFLINE. Nothing of the
	 * host's environment passes.
	 */
	const char *const *env;
	const struct chroot_bind *binds; /* ended by {}; NULL: none */
	const void *input;
	size_t input_len;
	struct buf *out; /* standard output; NULL: the log */
	/*
	 * > 0: the program finds its standard output under this number too (dpkg --status-fd: it
	 * keeps that fd from its scripts, so it must not be 1). Well above any fd in use here.
	 */
	int out_again;
	int log_fd; /* > 0: gets a copy of all output */
	void (*line)(void *arg, const char *line);
	void *line_arg;
};

/* The program's exit status, or negative when it could not be run. */
int chroot_run(const struct chroot_run *r, struct error *e);
/* As chroot_run(); a failure of the program is an error with its last 20 lines. */
int chroot_check(const struct chroot_run *r, struct error *e);

/* 0 when this machine allows what chroot_run() needs, else an error saying how to allow it. */
int chroot_possible(struct error *e);
