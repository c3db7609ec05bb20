/*
 * Places in source files, and complaints about them: several in one run, each shown with its
 * line and a caret.
 *
 *   images/web.yaml:4:3: error: unknown key 'pakages'
 *     4 |   pakages: [htop]
 *       |   ^
 *       = did you mean 'packages'?
 */
#pragma once

#include "base.h"

struct buf;
struct error;

struct mark {
	const char *file;   /* as the user named it; borrowed, outlives the mark */
	unsigned line, col; /* from 1; col counts characters; line 0: no place */
};

enum diag_level { DIAG_ERROR, DIAG_WARNING };

struct diag {
	enum diag_level level;
	struct mark at;
	char *file;    /* own copy of at.file */
	char *id;      /* stable word for machines: "unknown-key" */
	char *message; /* one line */
	char *hint;    /* what to do next, or NULL */
};

struct diags {
	struct diag *v;
	size_t n, cap, errors; /* n: kept, at most DIAGS_MAX; errors: all of them */
	size_t dropped;
	bool hide_lines; /* render without source lines: they hold secrets */
};

#define DIAGS_MAX 200 /* nobody reads more, and a hostile file could have a hundred thousand */

#define DIAGS_INIT                                                                                 \
	{                                                                                          \
	}
void diags_free(struct diags *d);

/* Adds an error (or warning). id is borrowed until the call returns, as is everything. hint may be NULL. */
void diag_add(struct diags *d, enum diag_level level, const struct mark *at, const char *id,
	const char *hint, const char *fmt, ...) _printf_(6, 7);

/* Whether more complaints would only be counted: then they need no hints. */
bool diags_full(const struct diags *d);

/* 0 when there were no errors, else sets ERR_INVALID "FILE has N errors" and returns negative. */
int diags_result(const struct diags *d, const char *file, struct error *e);

/* Renders all, in order of file, line and column, with source lines read from the files. */
void diags_render(const struct diags *d, bool color, struct buf *out);

/* The nearest of candidates (NULL-terminated) by edit distance, or NULL when none is near. */
const char *nearest_word(const char *word, const char *const *candidates);
