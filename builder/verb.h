/*
 * Verbs as a table: name, arguments, options, help. Dispatch, --help, completion and the man
 * page's synopsis all read the same rows, so they cannot disagree.
 */
#pragma once

#include "base.h"

struct buf;
struct ctx;
struct error;

/* One option. Its value is text; flags have arg NULL. */
struct verb_option {
	const char *name; /* without "--" */
	const char *arg;  /* "SIZE", shown in help; NULL: a flag */
	const char *help;
	char letter; /* short form, or 0 */
};

struct verb_args;

struct verb {
	const char *name;
	const char *args;		   /* "FILE", "[NAME]", shown in help; "" for none */
	const char *summary;		   /* one line, no full stop */
	int min, max;			   /* number of arguments; max -1: any */
	const struct verb_option *options; /* ended by {}; NULL: none of its own */
	const char *examples;		   /* lines shown at the end of its --help, or NULL */
	int (*run)(struct ctx *c, const struct verb_args *a, struct error *e);
};

/* The value of an option given to this verb ("" for a flag), or NULL. The last one given wins. */
const char *verb_opt(const struct verb_args *a, const char *name);
/* All values of an option given more than once: the i-th, or NULL. */
const char *verb_opt_nth(const struct verb_args *a, const char *name, size_t i);
/* The i-th argument, or NULL. */
const char *verb_arg(const struct verb_args *a, size_t i);
size_t verb_arg_count(const struct verb_args *a);

/* The options that every verb takes; ended by {}. */
extern const struct verb_option verb_common_options[];
/* All verbs in the order of help, NULL-terminated. Stands in main.c: the table of contents. */
extern const struct verb *const verb_table[];

/*
 * Reads the command line (argv[0] is the program). ret_verb is NULL when only --help or --version
 * was asked, which ret then tells. Returns new; borrows from argv. ERR_USAGE with what to type.
 */
int verb_parse(struct verb_args **ret, const struct verb **ret_verb, int argc, char **argv,
	struct error *e);
void verb_args_free(struct verb_args *a);
DEFINE_CLEANUP(struct verb_args *, verb_args_free);

/* NULL when there is none; verb_unknown() is the error for that, with the nearest one. */
const struct verb *verb_find(const char *name);
int verb_unknown(const char *name, struct error *e);
/* The text of "kbuild --help", or of one verb's. */
void verb_help(const struct verb *v, struct buf *out);
/* The same as a section of the manual page: synopsis, options, examples (NULL: the common options). */
void verb_manual(const struct verb *v, struct buf *out);

extern const struct verb verb_help_verb, verb_version, verb_completion;
extern const struct verb verb_check, verb_explain, verb_show;
extern const struct verb verb_lock, verb_build;
extern const struct verb verb_launch, verb_list, verb_status, verb_console, verb_ssh, verb_stop,
	verb_start, verb_destroy;
