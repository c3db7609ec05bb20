/*
 * Verbs as a table: name, arguments, options, help. Dispatch, --help, completion and the man
 * page's synopsis all read the same rows, so they cannot disagree.
 */
#pragma once

#include "base.h"

struct ctx;
struct error;

/* One option of a verb. Values are text; flags have arg NULL. */
struct verb_option {
	const char *name; /* without "--" */
	const char *arg;  /* "SIZE", shown in help; NULL: a flag */
	const char *help;
};

struct verb_args;

struct verb {
	const char *name;
	const char *args;    /* "FILE", "[NAME]", shown in help */
	const char *summary; /* one line, no full stop */
	int min, max;	     /* number of arguments; max -1: any */
	const struct verb_option *options; /* ended by {}; NULL: none of its own */
	const char *examples;		   /* lines shown at the end of its --help */
	int (*run)(struct ctx *c, const struct verb_args *a, struct error *e);
};

/* The value of an option given to this verb ("" for a flag), or NULL. The last one given wins. */
const char *verb_opt(const struct verb_args *a, const char *name);
/* All values of an option given more than once: the i-th, or NULL. */
const char *verb_opt_nth(const struct verb_args *a, const char *name, size_t i);
/* The i-th argument, or NULL. */
const char *verb_arg(const struct verb_args *a, size_t i);

/* The verbs, each in its own verb_NAME.c; the table itself stands in main.c. */
extern const struct verb verb_check, verb_explain, verb_show;
extern const struct verb verb_lock, verb_build;
extern const struct verb verb_launch, verb_list, verb_status, verb_console, verb_ssh, verb_stop,
	verb_start, verb_destroy;
