/*
 * The shapes of arguments. Every text that reaches a command line or a path passes one of these first:
 * none of them lets a leading "-", a control character or a way out of a directory through.
 */
#pragma once

#include "schema.h"

struct shape {
	const char *what; /* for messages: "must be WHAT" */
	bool (*ok)(const char *text);
};

extern const struct shape shape_project;   /* of Compose: [a-z0-9][a-z0-9_-]*, at most 63 */
extern const struct shape shape_service;   /* [A-Za-z0-9][A-Za-z0-9_.-]*, at most 128 */
extern const struct shape shape_container; /* the same, or a container's id */
extern const struct shape shape_volume;	   /* the same */
extern const struct shape shape_user;	   /* of a database: [A-Za-z_][A-Za-z0-9_.-]*, at most 63 */
extern const struct shape shape_database;  /* the same, blanks, $ and @ too, but no URL */
extern const struct shape shape_release;   /* a commit: 40 or 64 hexadecimal digits */
extern const struct shape shape_plan;	   /* 64 hexadecimal digits */
extern const struct shape shape_digest;	   /* sha256:… */
extern const struct shape shape_image;	   /* named by its digest, or an image's id */
extern const struct shape shape_path;	   /* inside a tree: no "..", no "//", not absolute */
extern const struct shape shape_registry;  /* these two as operator_secrets.h has them */
extern const struct shape shape_login;
extern const struct shape shape_line; /* at most 48 KiB */

/* Field parsers; arg: a struct shape. */
void field_shape(const struct schema *, const struct field *, const struct node *,
	void *); /* (const char *) */
void field_shapes(const struct schema *, const struct field *, const struct node *,
	void *); /* (const char **) NULL-terminated, at most 256 */
