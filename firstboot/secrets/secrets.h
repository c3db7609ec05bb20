/*
 * kbuild.secrets on the server: made once, kept in one document, given to Compose as an .env file, which is
 * there only while the broker has Compose read it (broker/jail.c). All values stand in STATE/secrets/values.json (0600, in a directory of 0700), which is replaced as
 * a whole, so that there are either all of them or none.
 *
 * The directory lives and dies with the database: where there is a data volume, it is part of that
 * (volume-mount binds it to STATE/secrets). A password that PostgreSQL took from .env when it made its
 * database is not asked for again later, so it is never made anew while that database exists.
 */
#pragma once

#include "base.h"

struct agent;
struct arena;
struct buf;
struct error;
struct node;

#define SECRETS_DIR  "secrets"
#define SECRETS_FILE SECRETS_DIR "/values.json"

#define SECRETS_NONE 1 /* the definition names none */

enum secrets_flags {
	SECRETS_DATABASE = 1, /* a database is there that was made with the values of before */
	SECRETS_RENEW = 2, /* this server is a clone: values of its own, unless SECRETS_DATABASE */
};

/*
 * Makes what is missing and takes what the operator gave (the credential "app"). ERR_INVALID, with
 * nothing changed: values are lost that a database depends on, or an operator's secret is missing.
 * May be repeated: what is there stays.
 */
int secrets_make(struct agent *a, unsigned flags, struct error *e);

/*
 * Takes from values of then those that were made here and that no database knows, where they differ; names of them in
 * the arena, NULL-terminated. What is there now is kept, as *ret_kept below
 * the state (in the arena; NULL: nothing differs). ERR_USAGE: a rotation is under way.
 */
int secrets_put_back(struct agent *a, const struct node *then, struct arena *arena,
	const char ***ret, const char **ret_kept, struct error *e);

/*
 * The text of the .env file: all values, templates filled in, sorted as in the definition, quoted so
 * that Compose reads back exactly them. Wipe it. 0 or SECRETS_NONE.
 */
int secrets_env(const struct agent *a, struct buf *ret, struct error *e);

/* Each value by itself, templates filled in; borrowed for the call. 0 or SECRETS_NONE. */
int secrets_each(const struct agent *a,
	void (*each)(void *arg, const char *name, const char *value), void *arg, struct error *e);

/* The digest of the text of the .env file, 65 bytes with the NUL; "" when the definition names no file. */
int secrets_digest(const struct agent *a, char ret_hex[65], struct error *e);
