/*
 * The part of Jinja that cloud-init's templates for chrony use: lists as variables, "if NAME [or NAME]",
 * "for X in NAME", "{{ X }}", comments, and the trimming of blanks ("{%-", "-%}", trim_blocks).
 * Anything else is an error, never a guess.
 */
#pragma once

#include "base.h"

struct buf;
struct error;

struct jinja_list {
	const char *name;
	const char *const *items; /* NULL-terminated */
};

/* Renders text (without cloud-init's first line "## template:jinja"). lists ends with {}. */
int jinja_render(
	const char *text, const struct jinja_list *lists, struct buf *out, struct error *e);
