/* The operator's private keys, which are never on the server but while he restores. */
#pragma once

#include "age.h"

struct error;

#define IDENTITIES_MAX 20

struct identities {
	struct age_identity v[IDENTITIES_MAX];
	size_t n;
};
#define IDENTITIES_INIT                                                                            \
	{                                                                                          \
	}
void identities_wipe(struct identities *ids); /* for _cleanup_ */

/*
 * In two steps, because the helpers must not inherit the key and a confined process cannot open its
 * file. Open, before the helpers are started: an fd of a file that nobody but its owner may read; "-":
 * standard input; NULL: IDENTITIES_NONE. Read, after that, closes it: text as age-keygen writes it.
 * ERR_INVALID says what is wrong, never what is in there.
 */
#define IDENTITIES_NONE -1
int identities_open(const char *path, int *ret_fd, struct error *e);
int identities_read(struct identities *ret, int fd, struct error *e);
