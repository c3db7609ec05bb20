/*
 * Reading the control files of Debian: stanzas of "Field: value" lines, separated by blank lines.
 * Streams, because an index has 50 MB and we want a hundred of its 70,000 stanzas; nothing is
 * copied until asked for.
 */
#pragma once

#include "base.h"

struct arena;
struct deb822;

/* A stanza of an index has at most some 10 KB; longer than this is no index. */
#define STANZA_MAX (4 * MIB)

struct stanza {
	const char *text; /* borrowed until the next deb822_next(); not NUL-terminated */
	size_t len;
};

/* 0 or -errno. */
int deb822_open(struct deb822 **ret, const char *path);
/* As deb822_open(); takes fd. */
struct deb822 *deb822_new(int fd);
void deb822_free(struct deb822 *d);
DEFINE_CLEANUP(struct deb822 *, deb822_free);

/* 1: a stanza; 0: the end; negative: -errno (-EFBIG when a stanza exceeds STANZA_MAX). */
int deb822_next(struct deb822 *d, struct stanza *ret);

/*
 * The value of a field, its name in any case: without blanks around it, further lines as they
 * stand in the file. False when the stanza has no such field.
 */
bool stanza_get(const struct stanza *s, const char *field, const char **ret, size_t *ret_len);

/* The same as a string in the arena, or NULL. */
const char *stanza_dup(const struct stanza *s, const char *field, struct arena *a);

/* True when the field is there and is exactly this text. */
bool stanza_is(const struct stanza *s, const char *field, const char *text);
