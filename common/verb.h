/*
 * The command line of a program as a table of verbs: name, arguments, options, help. Dispatch, --help, completion and the man
 * page's synopsis all read the same rows, so they cannot disagree.
 */
#pragma once

#include "base.h"

struct buf;
struct ctx; /* what every verb gets; each program defines its own */
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

/* What one program is, to all of the functions below. Stands in its main.c: the table of contents. */
struct program {
	const char *name;		   /* as typed */
	const char *about;		   /* the first line of its help */
	const struct verb *const *verbs;   /* in the order of help, NULL-terminated */
	const struct verb_option *options; /* those that every verb takes; ended by {} */
	const char *footer;		   /* the end of its help */
};
extern const struct program program;

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
/* The text of --help: of the program (NULL), or of one verb. */
void verb_help(const struct verb *v, struct buf *out);
/* The same as a section of the manual page: synopsis, options, examples (NULL: the common options). */
void verb_manual(const struct verb *v, struct buf *out);

/* The verbs "help" and "version", for the table of either program. */
extern const struct verb verb_help_verb, verb_version;
/* Prints what --help or --version ask for; false when neither was given. v: NULL, or of which help is wanted. */
bool verb_answer_common(const struct verb *v, const struct verb_args *a);
