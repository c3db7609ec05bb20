/*
 * How to sign in, as openstacksdk reads it: entries of clouds.yaml, and OS_* variables. For os_read.c, which
 * finds the files, and for tests.
 */
#pragma once

#include "os.h"

#include "schema.h"

struct arena;
struct diags;
struct error;
struct node;

/* The documents; secure and profiles (clouds-public.yaml) may be NULL. */
struct os_clouds {
	const char *path; /* of the first, for messages */
	const struct node *clouds, *secure, *profiles;
};

/*
 * Reads the entry of that name; NULL: the only one. What is wrong goes to diags, with its place. ret:
 * strings in the arena; ret->region: region_name, else the first of regions. ERR_INVALID.
 */
int os_clouds_entry(struct os_access *ret, const struct os_clouds *from, const char *name,
	struct arena *a, struct diags *d, struct error *e);

/* The same out of OS_* variables. ERR_INVALID. */
int os_environment(struct os_access *ret, struct arena *a, struct error *e);

/* The first complaint as an error, with its place and hint. ERR_INVALID; 0 when there is none. */
int os_first_diag(const struct diags *d, struct error *e);

/* ------------------------------------------------------------------ os_members.c, for os_clouds.c */
struct os_entry {
	struct os_access k;
	const char *tenant_id, *tenant_name, *user_name, *default_domain;
	const char *auth_type, *endpoint_type;
	const struct node *regions;
};
extern const struct field os_auth_fields[]; /* of "auth", into a struct os_entry */
extern const char *const os_auth_types[];   /* NULL-terminated */
/* A parser: text; nothing is as good as absent. */
void os_take_text(const struct schema *s, const struct field *f, const struct node *n, void *out);
/* Merges older names into newer ones, and keeps of the ways to sign in what auth_type names. ERR_INVALID. */
int os_settle(struct os_entry *x, struct arena *a, struct error *e);
/* a, or b where a is not given. */
const char *os_either(const char *a, const char *b);
