/* What becomes of the parts of kbuild:, for explain and docs/reference.md. */
#pragma once

#include "base.h"

struct kbuild_key {
	const char *key; /* below kbuild */
	const char
		*becomes; /* "baked", "build" (steers it), "agent" (done on the server), "launch" */
	const char *why;  /* one sentence without full stop */
};

/* NULL for a key that there is not. */
const struct kbuild_key *kbuild_key_find(const char *key);
const struct kbuild_key *kbuild_key_table(size_t *ret_n); /* in the order of the reference */
