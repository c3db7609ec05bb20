/*
 * Ids that are the same in every build of the same image: each is the SHA-256 of the seed and of
 * a word that says what it is for, cut to length.
 */
#pragma once

#include "base.h"

#define UUID_SIZE 16
#define UUID_TEXT 37 /* with the NUL */

/* The first bytes of the digest of seed and what; len at most 32. */
void ids_bytes(const char *seed, const char *what, void *ret, size_t len);

/* A UUID (RFC 9562, version 8: made by our own rule) in its bytes, as file systems store it. */
void ids_uuid(const char *seed, const char *what, uint8_t ret[UUID_SIZE]);

/* Lower-case text of a UUID. */
void ids_text(const uint8_t uuid[UUID_SIZE], char ret[UUID_TEXT]);
