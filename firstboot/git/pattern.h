/* Patterns as OpenSSH has them, in known_hosts and allowed_signers: "*" and "?", lists with "," and "!". */
#pragma once

#include "base.h"

bool pattern_match(const char *pattern, size_t len, const char *text);

/* Whether one of the list matches and none of those with "!" does. */
bool pattern_list_match(const char *list, const char *text);
