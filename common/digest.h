/* Digests by OpenSSL: SHA-256 for everything of ours; SHA-1 and HMAC where a server wants them. */
#pragma once

#include "base.h"

#define SHA256_SIZE 32
#define SHA256_HEX  65 /* with the NUL */
#define SHA1_HEX    41

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

/* SHA-1 is broken as a hash; OVH's signatures are made with it. For nothing else. */
void sha1_bytes(const void *data, size_t len, char ret_hex[SHA1_HEX]);

/* What Glance names the bytes of an image by. */
#define SHA512_SIZE 64
#define SHA512_HEX  129
struct sha512;
struct sha512 *sha512_new(void);
void sha512_free(struct sha512 *h);
DEFINE_CLEANUP(struct sha512 *, sha512_free);
void sha512_add(struct sha512 *h, const void *data, size_t len);
/* Ends it; h can only be freed afterwards. */
void sha512_end(struct sha512 *h, char ret_hex[SHA512_HEX]);
/* As sha256_fd(). */
int sha512_fd(int fd, char ret_hex[SHA512_HEX]);

/* As bytes, for signatures and hashed names that are made of them. */
#define SHA1_SIZE 20
void sha256_raw(const void *data, size_t len, unsigned char ret[SHA256_SIZE]);
void sha512_raw(const void *data, size_t len, unsigned char ret[SHA512_SIZE]);
/* For the hashed names in known_hosts files. */
void hmac_sha1(const void *key, size_t key_len, const void *data, size_t len,
	unsigned char ret[SHA1_SIZE]);

/* MD5 proves nothing against an attacker; S3 names what it has received by it. 32 digits and a NUL. */
#define MD5_HEX 33
struct md5;
struct md5 *md5_new(void);
void md5_free(struct md5 *h);
DEFINE_CLEANUP(struct md5 *, md5_free);
void md5_add(struct md5 *h, const void *data, size_t len);
void md5_end(struct md5 *h, char ret_hex[MD5_HEX]);

/* HMAC-SHA-256 of data, as bytes: it is the key of the next one in AWS's signatures. */
void hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
	unsigned char ret[SHA256_SIZE]);
/* n bytes as 2n lower-case hexadecimal digits and a NUL. */
void hex_encode(const void *data, size_t n, char *ret);
