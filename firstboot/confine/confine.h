/*
 * Giving up rights, once and for all, by kind of process: no new privileges, no core dumps, Landlock at
 * whatever ABI the kernel has, a seccomp filter. Called when everything that needs more is open.
 */
#pragma once

#include "base.h"

struct error;

enum confine_kind {
	CONFINE_CONDUCTOR, /* files of its state, the broker's socket; no network, no exec */
	CONFINE_NET,	   /* the network; no files but certificates; no exec */
	CONFINE_GIT,	   /* the network, its own directories; no exec */
	CONFINE_PARSE,	   /* memory and its socket */
	CONFINE_RESOLVE,   /* what name lookups need */
};

/*
 * The directories a process may go on using; NULL-terminated lists, NULL: none. What is not there is
 * skipped: it may appear later only inside a directory that is.
 */
struct confine_files {
	const char *const *read, *const *write;
};

/* Confines the calling process (all of it: it has one thread). A failure is fatal for the caller. */
int confine_enter(enum confine_kind kind, const struct confine_files *files, struct error *e);
