/*
 * ovh.conf as OVH's clients in Go, Python and JavaScript read it: sections in brackets (a name or a
 * URL), "key = value" or "key: value", comments from ';' or '#' on, quotes around a value taken off,
 * keys in any case. A key given twice: the last one. Reading keeps the line of each value, writing
 * changes one value and leaves every other byte as it was.
 */
#pragma once

#include "base.h"

struct arena;
struct buf;
struct error;

#define INI_SIZE_MAX  (256 * KIB)
#define INI_LINES_MAX 10000

struct ini_value {
	const char *section, *key; /* key in lower case; section "" before the first header */
	const char *value;	   /* never NULL */
	const char *file;
	unsigned line; /* from 1 */
};

struct ini {
	struct ini_value *v;
	size_t n, cap;
};
#define INI_INIT                                                                                   \
	{                                                                                          \
	}
void ini_free(struct ini *i); /* leaves INI_INIT; for _cleanup_ */

/*
 * Adds what a file says to ret; what is added later wins. file is for messages, borrowed; texts go to the
 * arena. ERR_INVALID with file:line: a line that is neither, a NUL byte, too long. ret is then unchanged.
 */
int ini_add(struct ini *ret, struct arena *a, const char *file, const char *text, size_t len,
	struct error *e);

/* The last value of that key, or NULL. */
const struct ini_value *ini_get(const struct ini *i, const char *section, const char *key);

/*
 * Appends text to out with section's key set to value: in the place of the last one of that name, or at the
 * end of the section, or in a new section at the end. value must hold no line break and no quote.
 */
void ini_set(const char *text, size_t len, const char *section, const char *key, const char *value,
	struct buf *out);
