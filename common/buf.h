/* A growable byte buffer, always NUL-terminated, so that buf.data is also a string. */
#pragma once

#include "base.h"

struct buf {
	char *data; /* NULL while empty and never written */
	size_t len; /* without the NUL */
	size_t cap;
};

#define BUF_INIT                                                                                   \
	{                                                                                          \
	}

void buf_free(struct buf *b); /* frees the bytes, leaves BUF_INIT; the form for _cleanup_ */
void buf_add(struct buf *b, const void *data, size_t len);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) _printf_(2, 3);
void buf_trim(struct buf *b);  /* takes the blanks at its end away */
void buf_reset(struct buf *b); /* empties, keeps the memory */

/* Grows so that at least n more bytes fit, returns where they go; add to len what was written. */
char *buf_reserve(struct buf *b, size_t n);

/* Returns new: the bytes as a string ("" when empty), leaving BUF_INIT behind. */
char *buf_detach(struct buf *b);

/* The bytes as a string, "" when empty; borrowed until the next change. */
const char *buf_str(const struct buf *b);

#define _buf_ _cleanup_(buf_free) struct buf
