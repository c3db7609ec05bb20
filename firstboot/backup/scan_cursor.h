/* A reader of the head of a dump in the custom format. Once it runs out, it is short, and yields zeros. */
#pragma once

#include "base.h"

#define CURSOR_STRING_MAX (16 * MIB)

struct cursor {
	const unsigned char *p, *end;
	int int_size;
	bool shortage, wrong;
};

int cursor_byte(struct cursor *c);
int64_t cursor_integer(struct cursor *c);
/* A sign byte and size bytes, least significant first. */
int64_t cursor_decode(const unsigned char *p, int size);
/* A string's bytes, not NUL-terminated; NULL for a NULL. */
const char *cursor_string(struct cursor *c, size_t *ret_len);
void cursor_skip(struct cursor *c, int n); /* so many strings */
