/* SHA-256, by OpenSSL. */
#pragma once

#include "base.h"

#define SHA256_SIZE 32
#define SHA256_HEX  65 /* with the NUL */

struct error;
struct sha256;

struct sha256 *sha256_new(void);
void sha256_free(struct sha256 *h);
DEFINE_CLEANUP(struct sha256 *, sha256_free);
void sha256_add(struct sha256 *h, const void *data, size_t len);
/* As sha256_add() for a string with its NUL, so that ("ab","c") and ("a","bc") differ. */
void sha256_adds(struct sha256 *h, const char *s);
/* Ends it; h can only be freed afterwards. */
void sha256_end(struct sha256 *h, char ret_hex[SHA256_HEX]);

void sha256_bytes(const void *data, size_t len, char ret_hex[SHA256_HEX]);
/* Reads fd from its current offset to its end. 0 or -errno; -ECANCELED when interrupted. */
int sha256_fd(int fd, char ret_hex[SHA256_HEX], uint64_t *ret_size);
/* True for exactly 64 lower-case hexadecimal digits. */
bool sha256_valid(const char *hex);
