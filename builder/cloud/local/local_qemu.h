/*
 * QEMU as a process: which one is installed, its command line, whether it lives, how it ends.
 *
 * Whether it lives is asked of a lock that it inherited, never of a process number: numbers are
 * used again. To end it, its number is checked against its command line through a pidfd.
 */
#pragma once

#include "base.h"

struct arena;
struct error;
struct local_dir;
struct local_record;

#define QEMU_SYSTEM "qemu-system-x86_64"
#define QEMU_IMG    "qemu-img"

/* The major version of "QEMU emulator version 7.2.22 (…)"; 0 when it is not that. */
unsigned qemu_version_parse(const char *text);
/* Asks the installed one; an error that names the package when there is none. */
int qemu_version(unsigned *ret, struct error *e);

/* The -cpu for an accelerator ("kvm", "tcg") of a QEMU of this major version. */
const char *qemu_cpu(const char *accel, unsigned version);

/*
 * The command line of a server; in the arena, NULL-terminated. Files are relative to the server's
 * directory, its working directory; qmp_fd is a listening socket that it inherits.
 */
const char **qemu_argv(const char *name, const struct local_record *r, const char *pidfile,
	int qmp_fd, struct arena *a);

/* Starts it, detached; it is running when this returns. */
int qemu_start(
	const struct local_dir *d, const char *name, const struct local_record *r, struct error *e);

/* Lives, or is being started. */
bool qemu_alive(const struct local_dir *d);
/*
 * Lives and serves. One that lives and does not (its start was cut off, so it is about to end) is
 * waited for, bounded.
 */
bool qemu_serves(const struct local_dir *d);
/* It was paused by QEMU, because what it wrote to a disk could not be kept: no space left here. */
bool qemu_is_stuck(const struct local_dir *d);
/* Lets it write that again. */
int qemu_resume(const struct local_dir *d, struct error *e);
/* Presses the power button again and again (a system that boots does not see it) until it ends. */
#define QEMU_RUNS_ON 1 /* it had not ended in that time */
int qemu_power_down(const struct local_dir *d, int64_t timeout_ms, struct error *e);
/* It was ended by force (it removes its pid file when it ends by itself). */
bool qemu_was_killed(const struct local_dir *d);
/*
 * Ends it at once and waits until it is gone; 0 also when there is none. Works when interrupted.
 * uuid: as in its record; NULL when that cannot be read.
 */
int qemu_kill(const struct local_dir *d, const char *uuid, struct error *e);
