/*
 * Talking to a running QEMU: its machine protocol, as far as kbuild needs it (one command, its
 * answer). Each call connects anew; nothing waits longer than the time given.
 */
#pragma once

#include "base.h"

struct error;

/* Listens on NAME in the directory dirfd, so that QEMU can be given the socket. fd or -errno. */
int qmp_listen(int dirfd, const char *name);

/* Sends a command without arguments ("system_powerdown"). 0, or the error is set. */
int qmp_command(
	int dirfd, const char *name, const char *command, int64_t timeout_ms, struct error *e);
