/* Whether a backup that is there is still what was written. */
#pragma once

#include "base.h"

struct age_identity;
struct arena;
struct error;
struct manifest;

struct verify {
	int dir; /* STATE/backup */
	const struct age_identity *identities;
	size_t n; /* 0: encrypted files are compared by their digest only */
};

/*
 * Every file's digest; and where it can be opened: that it is a whole dump with the tables and rows of
 * the manifest. *ret_opened says whether all were opened. ERR_LOCK names the file that is wrong.
 */
int verify_backup(
	const struct verify *v, const struct manifest *m, bool *ret_opened, struct error *e);
