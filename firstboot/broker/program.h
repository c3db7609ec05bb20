/*
 * Running programs for the broker: by absolute path from a table, in an environment made anew, without a
 * shell. What docker says when it fails is told apart here: what may pass by itself, and what will not.
 */
#pragma once

#include "base.h"

struct arena;
struct broker;
struct buf;
struct call;
struct error;
struct node;
struct process;

#define ARGS_MAX 600

/* Our own containers: test restores. Their names begin so, and they have the label. */
#define THROWAWAY	"kbuild-restore-"
#define THROWAWAY_LABEL "kbuild.throwaway"

struct args {
	const char *v[ARGS_MAX + 1]; /* v[0]: a name of the table; the rest borrowed */
	size_t n;
};

/* Replaces what is there; NULL ends the words. More than ARGS_MAX: aborts, callers bound their lists. */
void args_set(struct args *a, const char *program, ...) __attribute__((sentinel));
void args_add(struct args *a, const char *word);
void args_adds(struct args *a, const char *const *words); /* NULL-terminated; NULL: nothing */

/* Returns new: the absolute path of a program. ERR_FAILED when it is not installed. */
int program_path(const struct broker *b, const char *name, char **ret, struct error *e);

/*
 * Runs it: p says what is done with input and output (its argv and env are set here). Returns the exit
 * status, or negative as process_run().
 */
int program_run(const struct broker *b, const struct args *a, struct process *p, struct error *e);

/*
 * docker, with its outcome judged. what: "cannot pull IMAGE", the message's beginning. out may be NULL.
 * timeout in seconds.
 */
int docker_run(const struct broker *b, const struct args *a, const char *what, unsigned timeout,
	struct buf *out, struct error *e);
/* The same, its output read as JSON. */
int docker_json(const struct broker *b, const struct args *a, const char *what, struct arena *arena,
	struct node **ret, struct error *e);
/* The directory in which the engine keeps what it has. *ret: caller frees. */
int docker_root(const struct broker *b, char **ret, struct error *e);

/* Whether a container is the application's, or one of ours: whatever else there is stays untouched. */
int docker_ours(struct call *c, const char *container, struct error *e);

/*
 * Sets e by what docker wrote: "WHAT: its last line", transient or not. Always negative. Pure.
 */
int docker_failed(const char *what, const char *text, struct error *e);
