/*
 * What sealing takes out of an image, whoever put it there: the one list for bake/seal.c, which does it, and
 * for the check of write_files, which refuses what would be written in vain.
 */
#pragma once

#include "base.h"

enum sealed_how {
	SEALED_FILES, /* files go, directories stay */
	SEALED_ALL,   /* directories, too */
	SEALED_TEXT,  /* a file stays, with its owner and mode, and is empty */
};

struct sealed_place {
	const char *dir;
	const char *pattern; /* of the whole path of what is below dir; "*" also matches "/" */
	enum sealed_how how;
};

/* In the order in which it is done; ended by {}. */
extern const struct sealed_place sealed_places[];

/* Whether sealing takes path, or its text, from a definition that writes it. */
bool sealed_loses(const char *path);
