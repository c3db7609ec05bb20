/*
 * X25519, Ed25519, HKDF and ChaCha20-Poly1305 over OpenSSL's EVP, by what 3.0.2 has. Keys pass through
 * the stack only and are wiped; OpenSSL wipes its own contexts.
 */
#include "crypt.h"

#include "alloc.h"
#include "digest.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/random.h>

static void must(int ok)
{
	if (ok != 1)
		abort();
}

void crypt_random(void *ret, size_t len)
{
	for (char *p = ret; len > 0;) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		must(n > 0);
		p += n;
		len -= (size_t)n;
	}
}

void crypt_wipe(void *p, size_t len)
{
	explicit_bzero(p, len);
}

bool crypt_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

void crypt_x25519_public(
	const unsigned char secret[CRYPT_KEY_SIZE], unsigned char ret[CRYPT_KEY_SIZE])
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret, CRYPT_KEY_SIZE);
	size_t len = CRYPT_KEY_SIZE;

	must(key != NULL);
	must(EVP_PKEY_get_raw_public_key(key, ret, &len));
	EVP_PKEY_free(key);
}

bool crypt_x25519(const unsigned char secret[CRYPT_KEY_SIZE],
	const unsigned char public[CRYPT_KEY_SIZE], unsigned char ret[CRYPT_KEY_SIZE])
{
	EVP_PKEY *own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret, CRYPT_KEY_SIZE);
	EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, public, CRYPT_KEY_SIZE);
	EVP_PKEY_CTX *c;
	size_t len = CRYPT_KEY_SIZE;
	bool ok;

	must(own && peer);
	c = EVP_PKEY_CTX_new(own, NULL);
	must(c != NULL);
	must(EVP_PKEY_derive_init(c));
	/* OpenSSL answers an all-zero result, which such keys give, with failure. */
	ok = EVP_PKEY_derive_set_peer(c, peer) == 1 && EVP_PKEY_derive(c, ret, &len) == 1;
	EVP_PKEY_CTX_free(c);
	EVP_PKEY_free(peer);
	EVP_PKEY_free(own);
	return ok;
}

bool crypt_ed25519_verify(const unsigned char public[CRYPT_KEY_SIZE],
	const unsigned char signature[CRYPT_SIGNATURE_SIZE], const void *data, size_t len)
{
	EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public, CRYPT_KEY_SIZE);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool ok;

	must(key && c);
	must(EVP_DigestVerifyInit(c, NULL, NULL, NULL, key));
	ok = EVP_DigestVerify(c, signature, CRYPT_SIGNATURE_SIZE, data, len) == 1;
	EVP_MD_CTX_free(c);
	EVP_PKEY_free(key);
	return ok;
}

void crypt_hkdf(const struct crypt_hkdf *h, unsigned char ret[CRYPT_KEY_SIZE])
{
	static const unsigned char no_salt[CRYPT_KEY_SIZE]; /* what RFC 5869 takes instead */
	unsigned char extracted[CRYPT_KEY_SIZE], block[64];
	size_t len = strlen(h->info);

	must(len < sizeof block);
	memcpy(block, h->info, len);
	block[len] = 1; /* the first block of output, and the only one */
	hmac_sha256(h->salt_len ? h->salt : no_salt, h->salt_len ? h->salt_len : sizeof no_salt,
		h->secret, h->secret_len, extracted);
	hmac_sha256(extracted, sizeof extracted, block, len + 1, ret);
	crypt_wipe(extracted, sizeof extracted);
}

struct crypt_aead {
	EVP_CIPHER_CTX *seal, *open;
};

static EVP_CIPHER_CTX *context_new(const unsigned char *key, int encrypt)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();

	must(c != NULL);
	must(EVP_CipherInit_ex(c, EVP_chacha20_poly1305(), NULL, key, NULL, encrypt));
	return c;
}

struct crypt_aead *crypt_aead_new(const unsigned char key[CRYPT_KEY_SIZE])
{
	struct crypt_aead *a = xcalloc(1, sizeof *a);

	a->seal = context_new(key, 1);
	a->open = context_new(key, 0);
	return a;
}

void crypt_aead_free(struct crypt_aead *a)
{
	if (!a)
		return;
	EVP_CIPHER_CTX_free(a->seal);
	EVP_CIPHER_CTX_free(a->open);
	free(a);
}

void crypt_aead_seal(struct crypt_aead *a, const unsigned char nonce[CRYPT_NONCE_SIZE],
	const void *data, size_t len, void *ret)
{
	unsigned char *out = ret;
	int n = 0, last = 0;

	must(len <= INT32_MAX);
	must(EVP_CipherInit_ex(a->seal, NULL, NULL, NULL, nonce, 1));
	must(EVP_CipherUpdate(a->seal, out, &n, data, (int)len));
	must(EVP_CipherFinal_ex(a->seal, out + n, &last));
	must(EVP_CIPHER_CTX_ctrl(a->seal, EVP_CTRL_AEAD_GET_TAG, CRYPT_TAG_SIZE, out + n + last));
}

bool crypt_aead_open(struct crypt_aead *a, const unsigned char nonce[CRYPT_NONCE_SIZE],
	const void *data, size_t len, void *ret)
{
	unsigned char tag[CRYPT_TAG_SIZE], *out = ret;
	int n = 0, last = 0;

	if (len < sizeof tag || len > INT32_MAX)
		return false;
	len -= sizeof tag;
	memcpy(tag, (const char *)data + len, sizeof tag);
	must(EVP_CipherInit_ex(a->open, NULL, NULL, NULL, nonce, 0));
	must(EVP_CIPHER_CTX_ctrl(a->open, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag));
	must(EVP_CipherUpdate(a->open, out, &n, data, (int)len));
	return EVP_CipherFinal_ex(a->open, out + n, &last) == 1;
}
