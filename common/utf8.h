/* UTF-8, one character at a time: what may go into YAML and JSON that others must read. */
#pragma once

#include "base.h"

/*
 * Reads the character at s (len bytes follow, at least 1): its code point and how many bytes it
 * takes. 0 when the bytes are not UTF-8 (overlong forms, surrogates and cut-off ones included).
 */
size_t utf8_next(const char *s, size_t len, uint32_t *ret);

/* Whether it steers a terminal instead of being shown: C0, DEL, C1. */
static inline bool utf8_is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0);
}
/* As utf8_next(), for text that may come to a terminal: 0 at a control, too. */
size_t utf8_shown(const char *s, size_t len);

bool utf8_valid(const char *s, size_t len);

/* How many of the bytes are left without a character at their end that has only begun. */
size_t utf8_whole(const char *s, size_t len);
