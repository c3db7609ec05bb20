/*
 * The header of an age file: who can open it, and the file key wrapped for each of them. Only age.c
 * uses this.
 *
 *   age-encryption.org/v1
 *   -> X25519 EPHEMERAL-SHARE
 *   WRAPPED-FILE-KEY
 *   --- MAC
 */
#pragma once

#include "age.h"

#define AGE_FILE_KEY_SIZE 16
#define AGE_HEADER_MAX	  (64 * KIB) /* some 600 recipients; more is not honest */

/* Appends the header. */
void age_header_write(const struct age_recipient *v, size_t n,
	const unsigned char file_key[AGE_FILE_KEY_SIZE], struct buf *out);

/*
 * The length of the header that data begins with, its last newline included; 0 while more bytes are
 * needed. Negative: this is no age file, or its header is too long.
 */
ssize_t age_header_length(const char *data, size_t len, struct error *e);

/* Reads a header of exactly this length: the file key, by the first identity that opens it. */
int age_header_open(const char *data, size_t len, const struct age_identity *v, size_t n,
	unsigned char ret_file_key[AGE_FILE_KEY_SIZE], struct error *e);
