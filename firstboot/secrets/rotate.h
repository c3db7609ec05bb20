/*
 * Giving a secret another value, in steps that may each be cut off and done again. What is under way is
 * STATE/secrets/rotation.json (0600), which holds the new value from before anything else knows it:
 *
 *   begun    the new value is on disk
 *   altered  the database takes it (for passwords of PostgreSQL only)
 *   kept     it is the value of values.json
 *   -        the application was made anew with it, and the file is gone
 *
 * From "begun" on there is only forward: whether a database took a password cannot be asked afterwards.
 * Where that is known, or nobody's, another value can take the place of one that the application rejects.
 */
#pragma once

#include "base.h"

struct agent;
struct arena;
struct error;

#define ROTATION_FILE "secrets/rotation.json"
#define ROTATION_NONE 1 /* nothing is under way */

/* What is under way: the secret's name, in the arena. 0 or ROTATION_NONE. */
int rotation_pending(const struct agent *a, struct arena *arena, const char **ret, struct error *e);

/*
 * Begins one. value: what an operator gives, for secrets of {operator: …}; NULL: made here. ERR_USAGE:
 * there is no such secret (with the nearest one), it is a template, or another one is under way. One of
 * the same name is replaced when it has come to "kept", or no database has it.
 */
int rotation_begin(const struct agent *a, const char *name, const char *value, struct error *e);

/*
 * Whether the one that is under way has come to "kept": values.json has its value. One that cannot be read has not: who
 * ends it says so.
 */
bool rotation_is_kept(const struct agent *a);
/* And its database takes no other one any more. */
bool rotation_binds(const struct agent *a);

/* Where the database has taken the new value: up to "kept", for which no database is needed. 0. */
int rotation_keep(const struct agent *a, struct error *e);

/* From wherever it is up to "kept". Transient while the database does not answer. 0 or ROTATION_NONE. */
int rotation_advance(const struct agent *a, struct error *e);

/* The application has it. */
int rotation_end(const struct agent *a, struct error *e);
