/*
 * Lines of an allowed_signers file: PRINCIPALS [OPTIONS] TYPE KEY. Read as ssh-keygen does: a line that cannot be
 * read, options and all, allows nobody.
 */
#pragma once

#include "base.h"
#include "sshsig.h"

struct signer_query {
	const void *key; /* as in a signature: type and all */
	size_t len;
	const char *name; /* the namespace */
	int64_t now;
	const char *fingerprint; /* for messages */
};

/* True: who is the principals of the line that allows it. False: who is why none does. */
bool signers_find(const char *const *lines, const struct signer_query *q, char who[SSHSIG_WHO]);
