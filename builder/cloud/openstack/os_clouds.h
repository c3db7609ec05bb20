/*
 * One entry of a clouds.yaml, as openstacksdk reads it. For os_read.c, which finds the files, and for tests.
 */
#pragma once

#include "os.h"

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
