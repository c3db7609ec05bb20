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
 * From a file that nobody but its owner may read, as age-keygen writes it; "-": standard input. NULL:
 * none. ERR_INVALID says what is wrong, never what is in there.
 */
int identities_load(struct identities *ret, const char *path, struct error *e);
