/*
 * What cloud-init says of this boot, read from the files that all its versions since 22 leave in
 * /run/cloud-init; `cloud-init status` would be seconds of Python, waits without limit, and its exit
 * status differs from version to version. Members that are missing are as if empty.
 */
#pragma once

#include "base.h"

struct arena;

enum cloudinit_state {
	CLOUDINIT_ABSENT,     /* not installed */
	CLOUDINIT_DISABLED,   /* by its configuration, or no data source was found */
	CLOUDINIT_UNFINISHED, /* still at work */
	CLOUDINIT_DONE,
	CLOUDINIT_DEGRADED, /* done, with warnings */
	CLOUDINIT_ERROR,    /* done, and something failed */
};

struct cloudinit {
	enum cloudinit_state state;
	const char *instance; /* id; NULL: it says none */
	const char *stage;    /* that is at work: "modules-final"; NULL: not known */
	size_t errors, warnings;
	const char *where; /* the stage of the first error or warning; NULL */
};

/* "done", "degraded", … as in status lines. */
const char *cloudinit_word(enum cloudinit_state state);

/* Reads RUN/cloud-init; never fails: what cannot be read is not there. Strings live in the arena. */
void cloudinit_read(struct cloudinit *ret, struct arena *a, const char *run_dir);
