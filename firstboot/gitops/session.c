/*
 * A session of the deployment engine: one process at a time, over one ledger. The lock is the kernel's:
 * it is gone with whoever held it.
 */
#include "agent.h"
#include "arena.h"
#include "buf.h"
#include "clock.h"
#include "config.h"
#include "deploy.h"
#include "error.h"
#include "report.h"
#include "rotate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <time.h>

/* The longest that a run takes is a pull's hour (engine.c). */
#define PATIENCE_MS INT64_C(3600000)
#define LOOK_MS	    500

int64_t deploy_now(void)
{
	return (int64_t)time(NULL);
}

const char *short_sha(const char *sha)
{
	static char text[4][8];
	static unsigned next;
	char *p = text[next++ % 4];

	snprintf(p, sizeof text[0], "%.7s", sha ? sha : "nothing");
	return p;
}

static void say(const struct deploy *d, enum report_level level, const char *step, const char *fmt,
	va_list ap)
{
	char text[512];

	vsnprintf(text, sizeof text, fmt, ap);
	report(level, "gitops: %s", text);
	if (d->run && d->run->progress)
		d->run->progress(d->run->arg, step, text);
}

void deploy_say(const struct deploy *d, const char *step, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(d, REPORT_INFO, step, fmt, ap);
	va_end(ap);
}

void deploy_warn(const struct deploy *d, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(d, REPORT_WARNING, "warning", fmt, ap);
	va_end(ap);
}

int deploy_save(struct deploy *d, struct error *e)
{
	return ledger_save(&d->ledger, d->a, e);
}

/*
 * As agent_lock(), but for a part of a process's life: first boot comes here several times. -EWOULDBLOCK: another
 * one has it, and still has it when a person's patience is over.
 */
static int lock(const struct deploy *d, struct error *e)
{
	const struct agent *a = d->a;
	_close_ int fd =
		openat(a->state_fd, "lock-gitops", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int64_t end_ms = clock_now_ms(a->clock) + (d->run->now ? PATIENCE_MS : 0);

	if (fd < 0)
		return error_errno(e, errno, "cannot open %s/lock-gitops", a->state_dir);
	for (bool said = false; flock(fd, LOCK_EX | LOCK_NB) < 0; said = true) {
		if (errno != EWOULDBLOCK)
			return error_errno(e, errno, "cannot lock %s/lock-gitops", a->state_dir);
		if (clock_now_ms(a->clock) >= end_ms)
			return -EWOULDBLOCK;
		if (!said)
			deploy_say(d, "wait", "another run is at work: waiting for its end");
		if (clock_sleep_ms(a->clock, LOOK_MS) < 0)
			return error_set(e, ERR_INTERRUPTED, "interrupted");
	}
	return TAKE_FD(fd);
}

int deploy_open(struct deploy *d, struct agent *a, const struct gitops_run *run, struct error *e)
{
	struct error unkept = { 0 };

	if (!a->config || !a->config->has_app)
		return error_set(e, ERR_INVALID, "there is no application: %s has no kbuild.app",
			a->config_path);
	d->a = a;
	d->run = run;
	d->lock = lock(d, e);
	if (d->lock == -EWOULDBLOCK) {
		buf_adds(d->why, "another run is at work");
		return GITOPS_BUSY;
	}
	if (d->lock < 0)
		return d->lock;
	d->arena = arena_new();
	/* Nothing is rendered with a password that the database has no more; who ends the rotation says what is wrong with it. */
	if (rotation_keep(a, &unkept) < 0)
		deploy_warn(d, "%s", unkept.msg);
	return ledger_load(&d->ledger, a, d->arena, e);
}

void deploy_close(struct deploy *d)
{
	closep(&d->lock);
	if (d->arena)
		arena_free(d->arena);
}
