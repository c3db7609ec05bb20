/*
 * The primitives that formats are made of: X25519, Ed25519, HKDF, ChaCha20-Poly1305, random bytes; all by
 * OpenSSL but the last (HMAC: digest.h). A failure that data cannot cause is a broken installation and aborts.
 */
#pragma once

#include "base.h"

#define CRYPT_KEY_SIZE	 32 /* of X25519, of ChaCha20-Poly1305, of SHA-256's output */
#define CRYPT_NONCE_SIZE 12
#define CRYPT_TAG_SIZE	 16

/* From the kernel's random source, waiting until it is seeded. */
void crypt_random(void *ret, size_t len);

/* Overwrites, in a way that is not optimised away. */
void crypt_wipe(void *p, size_t len);

/* True when equal; takes the same time wherever they differ. */
bool crypt_equal(const void *a, const void *b, size_t len);

void crypt_x25519_public(
	const unsigned char secret[CRYPT_KEY_SIZE], unsigned char ret[CRYPT_KEY_SIZE]);
/* False when the other's key is one of those with a known result (RFC 7748, section 6.1). */
bool crypt_x25519(const unsigned char secret[CRYPT_KEY_SIZE],
	const unsigned char public[CRYPT_KEY_SIZE], unsigned char ret[CRYPT_KEY_SIZE]);

/* Whether signature (64 bytes) is this key's over data (RFC 8032). */
#define CRYPT_SIGNATURE_SIZE 64
bool crypt_ed25519_verify(const unsigned char public[CRYPT_KEY_SIZE],
	const unsigned char signature[CRYPT_SIGNATURE_SIZE], const void *data, size_t len);

/* HKDF-SHA256 of RFC 5869, one block of output. */
struct crypt_hkdf {
	const void *secret, *salt; /* salt: NULL with length 0 for none */
	size_t secret_len, salt_len;
	const char *info;
};
void crypt_hkdf(const struct crypt_hkdf *h, unsigned char ret[CRYPT_KEY_SIZE]);

/* ChaCha20-Poly1305 of RFC 8439 without additional data, under one key. */
struct crypt_aead;
struct crypt_aead *crypt_aead_new(const unsigned char key[CRYPT_KEY_SIZE]);
void crypt_aead_free(struct crypt_aead *a);
DEFINE_CLEANUP(struct crypt_aead *, crypt_aead_free);
/* Writes len + CRYPT_TAG_SIZE bytes. The buffers may be equal, not overlap otherwise. */
void crypt_aead_seal(struct crypt_aead *a, const unsigned char nonce[CRYPT_NONCE_SIZE],
	const void *data, size_t len, void *ret);
/*
 * Writes len - CRYPT_TAG_SIZE bytes. False when they are not what was sealed under this key and
 * nonce; then ret holds nothing that may be used.
 */
bool crypt_aead_open(struct crypt_aead *a, const unsigned char nonce[CRYPT_NONCE_SIZE],
	const void *data, size_t len, void *ret);
