/*
 * kbuild.secrets on the server: made once, kept in one document, given to the application as an .env
 * file. All values stand in STATE/secrets/values.json (0600, in a directory of 0700), which is replaced as
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
 * The text of the .env file: all values, templates filled in, sorted as in the definition, quoted so
 * that Compose reads back exactly them. Wipe it. 0 or SECRETS_NONE.
 */
int secrets_env(const struct agent *a, struct buf *ret, struct error *e);

/* Each value by itself, templates filled in; borrowed for the call. 0 or SECRETS_NONE. */
int secrets_each(const struct agent *a,
	void (*each)(void *arg, const char *name, const char *value), void *arg, struct error *e);

/*
 * Writes the text of the .env file to kbuild.secrets.env inside a release's directory: 0600, durably, never through a symlink
 * of the repository. 0, or SECRETS_NONE (also when the definition names no file). ERR_INVALID when a
 * value is missing: secrets_make() has not been.
 */
int secrets_install(const struct agent *a, int release_fd, struct error *e);

/* The digest of what secrets_install() would write, 65 bytes with the NUL; "" when nothing. */
int secrets_digest(const struct agent *a, char ret_hex[65], struct error *e);
