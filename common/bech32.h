/* Bech32 (BIP 173) of whole bytes, without its limit of 90 characters: how age writes keys. */
#pragma once

#include "base.h"

struct buf;

/* Appends PREFIX1DATA+checksum in lower case; prefix is lower case, 1 to 83 of a-z and '-'. */
void bech32_encode(const char *prefix, const void *data, size_t len, struct buf *out);

/*
 * Reads text of exactly this prefix (lower case) and exactly len bytes. The text is all lower case
 * or all upper case. False otherwise, or when the checksum is wrong; ret is untouched then.
 */
bool bech32_decode(const char *text, const char *prefix, void *ret, size_t len);
