/*
 * The forms that texts of a definition have: ports, addresses, times, names, URLs. One row each:
 * an expression, a bound, a sentence. Used through the field tables of schema.h.
 */
#pragma once

#include "base.h"

struct definition;
struct field;
struct node;
struct schema;

struct shape {
	const char *wanted;	   /* "a time such as 02:00" */
	const char *pattern;	   /* POSIX extended, the whole text; NULL: only ok() decides */
	bool (*ok)(const char *s); /* asked after the pattern; may be NULL */
	const char *hint;	   /* what to do about it, or NULL */
	size_t max;		   /* bytes; 0: some thousand */
};

extern const struct shape shape_cidr, shape_clock, shape_date, shape_git_url, shape_group,
	shape_host, shape_http_url, shape_line, shape_locale, shape_mail, shape_name, shape_octal,
	shape_owner, shape_package, shape_path, shape_port, shape_relative, shape_s3_bucket,
	shape_text, shape_url, shape_user, shape_variable, shape_version, shape_zone,
	shape_dns_name, shape_record, shape_word, shape_age, shape_fingerprint;

bool shape_fits(const struct shape *shape, const char *text);

/* Complains about a scalar that does not fit, and says so (false). key is for the message. */
bool shape_check(const struct schema *s, const char *key, const struct node *node,
	const struct shape *shape);

/* Parsers for field tables; arg is a const struct shape. (const char *) stored. */
void field_shape(const struct schema *s, const struct field *f, const struct node *node, void *out);
/* A list of such texts, or one alone. (const char **) stored, NULL-terminated. */
void field_shapes(
	const struct schema *s, const struct field *f, const struct node *node, void *out);
/* A list of maps (arg: a const struct field[]), checked, not stored. */
void field_maps(const struct schema *s, const struct field *f, const struct node *node, void *out);
/* A map (arg: a const struct field[]), checked, not stored. */
void field_submap(
	const struct schema *s, const struct field *f, const struct node *node, void *out);

/* A key that others take and we do not: an error. arg: the reason, const char *. */
void field_refused(
	const struct schema *s, const struct field *f, const struct node *node, void *out);

/* Reads a map by a table only to check it: nothing is stored, whatever the offsets. */
void schema_check(const struct schema *s, const struct node *map, const struct field *fields);
