/*
 * Talking to a running QEMU: its machine protocol, as far as kbuild needs it (one command, its
 * answer). Each call connects anew; nothing waits longer than the time given.
 */
#pragma once

#include "base.h"

struct arena;
struct error;

/* Listens on NAME in the directory dirfd, so that QEMU can be given the socket. fd or -errno. */
int qmp_listen(int dirfd, const char *name);

struct qmp_peer {
	int dirfd;	    /* borrowed */
	const char *name;   /* of its socket there */
	int64_t timeout_ms; /* for all of it */
};

/* Sends a command without arguments ("system_powerdown"). 0, or the error is set. */
int qmp_command(const struct qmp_peer *p, const char *command, struct error *e);

/* query-status: "running", "io-error", "paused" …; the answer lives in the arena. */
int qmp_status(const struct qmp_peer *p, struct arena *a, const char **ret, struct error *e);
