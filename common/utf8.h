/* UTF-8, one character at a time: what may go into YAML and JSON that others must read. */
#pragma once

#include "base.h"

/*
 * Reads the character at s (len bytes follow, at least 1): its code point and how many bytes it
 * takes. 0 when the bytes are not UTF-8 (overlong forms, surrogates and cut-off ones included).
 */
size_t utf8_next(const char *s, size_t len, uint32_t *ret);

bool utf8_valid(const char *s, size_t len);

/* How many of the bytes are left without a character at their end that has only begun. */
size_t utf8_whole(const char *s, size_t len);
