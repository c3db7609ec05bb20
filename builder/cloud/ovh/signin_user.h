/* The OpenStack user of a project that kbuild makes for itself: at OVH, and in STATE/ovh/PROJECT.json. See signin.h. */
#pragma once

#include "base.h"

struct arena;
struct error;
struct node;
struct signin;

/* Strings in the arena; password NULL: not said, as in every answer but the one to its making. */
struct signin_user {
	int64_t id;
	const char *name, *password, *status, *description;
};

/* One of OVH's, as its API shows it. */
int signin_user_read(
	const struct node *answer, struct arena *a, struct signin_user *ret, struct error *e);
/* Where it is kept. */
const char *signin_user_path(const struct signin *s, struct arena *a);
/* True when a user with its password is kept. */
bool signin_user_kept(const struct signin *s, struct signin_user *ret, struct arena *a);
/* It is kept since some minutes only, by this run or another one. */
bool signin_user_is_new(const struct signin *s, struct arena *a);
/*
 * The one that is kept, else the one there is with another password, else a new one, waited for.
 * refused: a password that is kept but does not work; NULL: whatever is kept is right.
 */
int signin_user_get(const struct signin *s, struct arena *a, const char *refused,
	struct signin_user *ret, struct error *e);
