/*
 * Transactions. dpkg's machine-readable status goes to the same pipe as the output of the scripts
 * (--status-fd), so that both come in the order in which they happened and "the last lines of this
 * script" can be known. What is status is kept out of the log.
 */
#include "dpkg.h"

#include "alloc.h"
#include "chroot.h"
#include "dpkg_status.h"
#include "error.h"
#include "fd.h"
#include "progress.h"

#include <stdio.h>
#include <string.h>

#define STATUS_FD 500 /* as in make_argv(); far above what kbuild has open */

struct reader {
	const struct dpkg *d;
	struct dpkg_status *status;
};

static void on_line(void *arg, const char *line)
{
	const struct reader *r = arg;
	const char *stage, *package;

	switch (dpkg_status_line(r->status, line, &stage, &package)) {
	case DPKG_BEGINS:
		progress_detail(r->d->progress, "%s", package);
		if (dpkg_stage_is(stage, r->d->count))
			progress_advance(r->d->progress, 1);
		break;
	case DPKG_OUTPUT:
		if (r->d->log_fd > 0) {
			(void)fd_write(r->d->log_fd, line, strlen(line));
			(void)fd_write(r->d->log_fd, "\n", 1);
		}
		break;
	case DPKG_OTHER:
		break;
	}
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
	_cleanup_(dpkg_status_freep) struct dpkg_status *status = dpkg_status_new();
	struct reader reader = { .d = d, .status = status };
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
	return r > 0 ? dpkg_status_error(status, r, e) : r;
}
