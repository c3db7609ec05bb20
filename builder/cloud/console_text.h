/*
 * What a serial console wrote, made fit for people: without escape sequences (ECMA-48) and controls, in
 * whole characters. Bytes of a console are foreign, and often a window of it: they begin and end anywhere.
 */
#pragma once

#include "base.h"

struct buf;

/* Appends a line as clean UTF-8: no escape sequences, no controls, no white space at its ends. */
void console_clean(const char *line, size_t len, struct buf *out);

/*
 * How much of a portion is whole: less than len when an escape sequence, or a character, has only begun
 * at its end. The rest of it comes with the next portion.
 */
size_t console_whole(const char *text, size_t len);
