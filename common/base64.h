/* Base64 of RFC 4648 with padding, as cloud-init and YAML's "!!binary" use it. */
#pragma once

#include "base.h"

struct buf;

/* Appends the bytes that text encodes; blanks and line ends are skipped. False when it is not base64. */
bool base64_decode(const char *text, size_t len, struct buf *out);

/* Appends the encoded form, in one line. */
void base64_encode(const void *data, size_t len, struct buf *out);
