/* Whether a server's QEMU lives, and how it is ended. See local_qemu.h for how it is recognised. */
#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "clock.h"
#include "error.h"
#include "fd.h"
#include "interrupt.h"
#include "local_qemu.h"
#include "local_state.h"
#include "qmp.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>

#define KILL_MS	     10000 /* a killed QEMU is gone when the kernel has written back its files */
#define QMP_MS	     5000
#define QMP_ASIDE_MS 1000 /* where its answer is only a detail of more */
#define PRESS_MS     3000
#define PIDFILE_MS   5000 /* it takes its lock first and writes its number a moment later */

bool qemu_alive(const struct local_dir *d)
{
	_close_ int fd = openat(d->fd, "qemu.lock", O_RDONLY | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

bool qemu_was_killed(const struct local_dir *d)
{
	return !qemu_alive(d) && faccessat(d->fd, "qemu.pid", F_OK, 0) == 0;
}

/* 0 when it ended, -ETIMEDOUT, or -ECANCELED when interrupted. */
static int wait_end(const struct local_dir *d, int64_t timeout_ms)
{
	int64_t deadline = clock_now_ms(&clock_real) + timeout_ms;

	while (qemu_alive(d)) {
		if (interrupted())
			return -ECANCELED;
		if (clock_now_ms(&clock_real) >= deadline)
			return -ETIMEDOUT;
		poll(NULL, 0, 50);
	}
	return 0;
}

static struct qmp_peer peer(const struct local_dir *d, int64_t timeout_ms)
{
	return (struct qmp_peer){ .dirfd = d->fd, .name = "qmp.sock", .timeout_ms = timeout_ms };
}

bool qemu_serves(const struct local_dir *d)
{
	struct qmp_peer p = peer(d, QMP_MS);
	struct error ignored = {};

	if (!qemu_alive(d))
		return false;
	if (qmp_command(&p, "query-status", &ignored) == 0)
		return true;
	(void)wait_end(d, QMP_MS);
	return false;
}

bool qemu_is_stuck(const struct local_dir *d)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct qmp_peer p = peer(d, QMP_ASIDE_MS);
	struct error ignored = {};
	const char *status;

	return qmp_status(&p, a, &status, &ignored) == 0 && strcmp(status, "io-error") == 0;
}

int qemu_resume(const struct local_dir *d, struct error *e)
{
	struct qmp_peer p = peer(d, QMP_MS);

	return qmp_command(&p, "cont", e);
}

int qemu_power_down(const struct local_dir *d, int64_t timeout_ms, struct error *e)
{
	int64_t deadline = clock_now_ms(&clock_real) + timeout_ms;

	for (;;) {
		int64_t left = deadline - clock_now_ms(&clock_real);
		struct qmp_peer p = peer(d, MIN(left, QMP_MS));
		struct error why = {};
		int r;

		if (left <= 0)
			return QEMU_RUNS_ON;
		r = qmp_command(&p, "system_powerdown", &why);
		if (r < 0 && qemu_alive(d)) {
			*e = why;
			return r;
		}
		r = wait_end(d, MIN(left, PRESS_MS));
		if (r == 0)
			return 0;
		if (r == -ECANCELED)
			return error_set(e, ERR_INTERRUPTED, "interrupted");
	}
}

static bool has_word(const struct buf *cmdline, const char *word)
{
	return word && memmem(cmdline->data, cmdline->len, word, strlen(word) + 1);
}

/*
 * A pidfd of the QEMU of this server, or -ESRCH. The fd is taken before its command line is read:
 * if the number was given to another process in between, that one's command line is seen, and
 * neither this server's uuid nor its pid file is in it.
 */
static int open_process(const struct local_dir *d, const char *uuid)
{
	_buf_ text = BUF_INIT;
	_buf_ cmdline = BUF_INIT;
	_free_ char *pidfile = xasprintf("%s/qemu.pid", d->path);
	_free_ char *path = NULL;
	_close_ int fd = -1;
	char *end;
	long pid;

	if (file_read(d->fd, "qemu.pid", 64, &text) < 0)
		return -ESRCH;
	pid = strtol(buf_str(&text), &end, 10);
	if (pid <= 1 || end == text.data)
		return -ESRCH;
	fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	if (fd < 0)
		return -errno;
	path = xasprintf("/proc/%ld/cmdline", pid);
	if (file_read(AT_FDCWD, path, MIB, &cmdline) < 0 || !cmdline.len)
		return -ESRCH;
	if (!has_word(&cmdline, uuid) && !has_word(&cmdline, pidfile))
		return -ESRCH;
	return TAKE_FD(fd);
}

int qemu_kill(const struct local_dir *d, const char *uuid, struct error *e)
{
	int64_t start = clock_now_ms(&clock_real);
	_close_ int fd = -1;

	while (qemu_alive(d)) {
		int64_t past = clock_now_ms(&clock_real) - start;

		if (fd < 0) {
			fd = open_process(d, uuid);
			if (fd >= 0 && syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) < 0 &&
				errno != ESRCH)
				return error_errno(e, errno, "ending QEMU of '%s'", d->path);
		}
		if (past > KILL_MS || (fd < 0 && past > PIDFILE_MS))
			return error_set(e, ERR_FAILED,
				"QEMU of '%s' does not end: find it by 'fuser %s/qemu.lock'",
				d->path, d->path);
		poll(NULL, 0, 10);
	}
	return 0;
}
