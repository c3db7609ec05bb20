/* The words that the reader and the writer of locks share. */
#pragma once

#include "base.h"

/* Raise the number when an older kbuild would misread what a newer one writes. */
#define LOCK_FORMAT "kbuild-lock 1"
#define LOCK_HEAD                                                                                  \
	LOCK_FORMAT                                                                                \
	"\n# Written by kbuild lock: review it, commit it; kbuild lock --update looks for newer.\n"

#define LOCK_REASONS 4
extern const char *const lock_reason_words[LOCK_REASONS]; /* by enum lock_reason */
