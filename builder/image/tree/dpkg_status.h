/*
 * Reading what dpkg says while it works: its status lines (--status-fd, described in dpkg(1)) mixed
 * with the output of maintainer scripts, in the order in which both were written. What scripts
 * print is foreign: any line may come.
 */
#pragma once

#include "base.h"

struct dpkg_status;
struct error;

struct dpkg_status *dpkg_status_new(void);
void dpkg_status_free(struct dpkg_status *s);
DEFINE_CLEANUP(struct dpkg_status *, dpkg_status_free);

enum dpkg_line {
	DPKG_OUTPUT, /* a script's, or dpkg's for people: for the log */
	DPKG_BEGINS, /* work on a package: *stage ("install", "configure", "trigproc" …) and *package */
	DPKG_OTHER, /* another status line */
};

/*
 * Takes a line, without its newline. stage (not NUL-terminated) and package are borrowed from the
 * line; the stage is compared with dpkg_stage_is().
 */
enum dpkg_line dpkg_status_line(
	struct dpkg_status *s, const char *line, const char **stage, const char **package);
bool dpkg_stage_is(const char *stage, const char *word);

/*
 * dpkg ended with this exit status: the error for people, from the first failure that was told:
 * "PACKAGE failed to configure (postinst, exit status 1)" and the last lines of that script.
 */
int dpkg_status_error(const struct dpkg_status *s, int exit_status, struct error *e);
