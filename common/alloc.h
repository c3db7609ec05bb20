/*
 * Allocation that does not fail: out of memory aborts, here and nowhere else. kbuild is
 * programs, not a library, and the branches removed are the ones no test would reach.
 */
#pragma once

#include "base.h"

#include <stdarg.h>

/* All return new memory (caller frees); sizes that overflow abort as well. */
void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) _printf_(1, 2);
char *xvasprintf(const char *fmt, va_list ap) _printf_(1, 0);

/*
 * Makes room for one more element in a growable array: "p = grow(p, n, &cap, sizeof *p)" before
 * writing p[n]. Doubles the capacity, starting at 16.
 */
void *grow(void *p, size_t n, size_t *cap, size_t size);
