/*
 * dpkg in the tree: one run a transaction. Its status lines drive the progress; when a maintainer
 * script fails, the error names package and script and shows the last lines the script wrote.
 */
#pragma once

#include "base.h"

struct chroot_bind;
struct error;
struct progress;

struct dpkg {
	const char *root;		 /* the tree */
	const struct chroot_bind *binds; /* for chroot_run() */
	int log_fd;			 /* all output, a header line for each transaction */
	struct progress *progress;
	const char *count; /* what advances the progress: "install" or "configure" */
};

/*
 * Runs dpkg with these arguments (NULL-terminated, without "dpkg" itself). title is the header
 * line in the log.
 */
int dpkg_run(const struct dpkg *d, const char *title, const char *const *args, struct error *e);
