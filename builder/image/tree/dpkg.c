/*
 * Reading what dpkg says. Its machine-readable status goes to the same pipe as the output of the
 * scripts (--status-fd), so that both come in the order in which they happened and "the last lines
 * of this script" can be known. What is status is kept out of the log.
 */
#include "dpkg.h"

#include "alloc.h"
#include "buf.h"
#include "chroot.h"
#include "error.h"
#include "fd.h"
#include "progress.h"

#include <stdio.h>
#include <string.h>

#define TAIL_LINES 20
#define STATUS_FD  500 /* as in make_argv(); far above what kbuild has open */

/* The last lines of the package that is being worked on. */
struct tail {
	char *lines[TAIL_LINES];
	size_t n; /* lines seen; the last stands at (n - 1) % TAIL_LINES */
};

struct reader {
	const struct dpkg *d;
	struct tail tail;
	char *failed;	/* the first failure: its package or file */
	char *why;	/* what dpkg says of it */
	struct buf say; /* the lines that came before it */
};

static void tail_reset(struct tail *t)
{
	for (size_t i = 0; i < TAIL_LINES; i++)
		free(t->lines[i]);
	*t = (struct tail){};
}

static void tail_add(struct tail *t, const char *line)
{
	char **slot = &t->lines[t->n++ % TAIL_LINES];

	free(*slot);
	*slot = xstrdup(line);
}

static void tail_write(const struct tail *t, struct buf *out)
{
	for (size_t i = t->n > TAIL_LINES ? t->n - TAIL_LINES : 0; i < t->n; i++)
		buf_printf(out, "\n  %s", t->lines[i % TAIL_LINES]);
}

static void reader_free(struct reader *r)
{
	tail_reset(&r->tail);
	free(r->failed);
	free(r->why);
	buf_free(&r->say);
}

static const char *after(const char *s, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

/* "processing: STAGE: PACKAGE" */
static void on_processing(struct reader *r, const char *stage)
{
	const char *package = strstr(stage, ": ");

	if (!package)
		return;
	tail_reset(&r->tail);
	progress_detail(r->d->progress, "%s", package + 2);
	if (strncmp(stage, r->d->count, strlen(r->d->count)) == 0 &&
		stage[strlen(r->d->count)] == ':')
		progress_advance(r->d->progress, 1);
}

/* "status: PACKAGE: STATE", or "status: PACKAGE : error : WHY" */
static void on_status(struct reader *r, const char *text)
{
	const char *error = strstr(text, " : error : ");

	if (!error || r->failed)
		return;
	r->failed = xstrndup(text, (size_t)(error - text));
	r->why = xstrdup(error + strlen(" : error : "));
	tail_write(&r->tail, &r->say);
}

static void on_line(void *arg, const char *line)
{
	struct reader *r = arg;
	const char *rest;

	if ((rest = after(line, "processing: "))) {
		on_processing(r, rest);
		return;
	}
	if ((rest = after(line, "status: "))) {
		on_status(r, rest);
		return;
	}
	tail_add(&r->tail, line);
	if (r->d->log_fd > 0) {
		(void)fd_write(r->d->log_fd, line, strlen(line));
		(void)fd_write(r->d->log_fd, "\n", 1);
	}
}

/* dpkg's words for the scripts, in what it says when one fails. */
static const struct {
	const char *words, *script, *doing;
} scripts[] = {
	{ "pre-installation script", "preinst", "unpack" },
	{ "post-installation script", "postinst", "configure" },
	{ "pre-removal script", "prerm", "unpack" },
	{ "post-removal script", "postrm", "unpack" },
};

/* "PACKAGE failed to configure (postinst, exit status 1)" and the script's last lines. */
static int explain(struct reader *r, int status, struct error *e)
{
	const char *slash;

	if (!r->failed) {
		error_set(e, ERR_FAILED, "dpkg failed in the tree (exit status %d)", status);
		tail_write(&r->tail, &r->say);
		return r->say.len > 0 ? error_append(e, ":%s", buf_str(&r->say)) : -e->code;
	}
	slash = strrchr(r->failed, '/');
	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
		const char *how = strstr(r->why, "error exit status ");

		if (!strstr(r->why, scripts[i].words))
			continue;
		error_set(e, ERR_FAILED, "%s failed to %s (%s, %s)", slash ? slash + 1 : r->failed,
			scripts[i].doing, scripts[i].script, how ? how + strlen("error ") : r->why);
		return r->say.len > 0 ? error_append(e, ":%s", buf_str(&r->say)) : -e->code;
	}
	error_set(e, ERR_FAILED, "%s: %s", slash ? slash + 1 : r->failed, r->why);
	return r->say.len > 0 ? error_append(e, ":%s", buf_str(&r->say)) : -e->code;
}

static const char **make_argv(const char *const *args)
{
	static const char *const head[] = { "dpkg", "--status-fd", "500", "--force-unsafe-io" };
	const char **argv;
	size_t n = 0;

	while (args[n])
		n++;
	argv = xcalloc(ARRAY_SIZE(head) + n + 1, sizeof *argv);
	for (size_t i = 0; i < ARRAY_SIZE(head); i++)
		argv[i] = head[i];
	memcpy(argv + ARRAY_SIZE(head), args, n * sizeof *argv);
	return argv;
}

int dpkg_run(const struct dpkg *d, const char *title, const char *const *args, struct error *e)
{
	_cleanup_(reader_free) struct reader reader = { .d = d };
	_free_ const char **argv = make_argv(args);
	_free_ char *header = xasprintf("\n==== %s\n", title);
	struct chroot_run run = {
		.root = d->root,
		.argv = argv,
		.binds = d->binds,
		.out_again = STATUS_FD,
		.line = on_line,
		.line_arg = &reader,
	};
	int r;

	if (d->log_fd > 0)
		(void)fd_write(d->log_fd, header, strlen(header));
	r = chroot_run(&run, e);
	return r > 0 ? explain(&reader, r, e) : r;
}
