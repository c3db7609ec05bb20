/* What a word of a lock may be. Private to lockfile.c. */
#pragma once

#include "base.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz0123456789"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

bool all_of(const char *s, const char *set); /* "" is not */
bool is_name(const char *s);		     /* of a package */
bool is_file(const char *s);		     /* below the source's URI and nowhere else */
bool is_date(const char *s);		     /* 2026-11-29T12:00:00Z */
/* A whole number as it is written back: no sign, no leading zero. */
bool parse_size_exact(const char *text, uint64_t *ret);
