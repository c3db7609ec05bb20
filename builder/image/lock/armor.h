/* OpenPGP ASCII armor to bytes: apt reads armored keys, gpgv does not. */
#pragma once

#include "base.h"

struct buf;

/* Appends the bytes of all public key blocks in text. False when there is none, or one is broken. */
bool armor_decode(const char *text, size_t len, struct buf *out);
