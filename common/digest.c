/* Digests over OpenSSL's EVP. A failure inside it is a broken installation and aborts. */
#include "digest.h"

#include "alloc.h"
#include "interrupt.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

static void must(int ok)
{
	if (ok != 1)
		abort();
}

struct sha256 *sha256_new(void)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();

	must(c != NULL);
	must(EVP_DigestInit_ex(c, EVP_sha256(), NULL));
	return (struct sha256 *)c;
}

void sha256_free(struct sha256 *h)
{
	EVP_MD_CTX_free((EVP_MD_CTX *)h);
}

void sha256_add(struct sha256 *h, const void *data, size_t len)
{
	must(EVP_DigestUpdate((EVP_MD_CTX *)h, data, len));
}

void sha256_adds(struct sha256 *h, const char *s)
{
	sha256_add(h, s, strlen(s) + 1);
}

void hex_encode(const void *data, size_t n, char *ret)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = data;

	for (size_t i = 0; i < n; i++) {
		ret[2 * i] = digits[p[i] >> 4];
		ret[2 * i + 1] = digits[p[i] & 15];
	}
	ret[2 * n] = '\0';
}

void sha256_end(struct sha256 *h, char ret_hex[SHA256_HEX])
{
	unsigned char md[SHA256_SIZE];

	must(EVP_DigestFinal_ex((EVP_MD_CTX *)h, md, NULL));
	hex_encode(md, sizeof md, ret_hex);
}

void sha256_bytes(const void *data, size_t len, char ret_hex[SHA256_HEX])
{
	_cleanup_(sha256_freep) struct sha256 *h = sha256_new();

	sha256_add(h, data, len);
	sha256_end(h, ret_hex);
}

/* Adds all that fd holds from where it stands. 0 or -errno. */
static int add_file(EVP_MD_CTX *c, int fd, uint64_t *ret_size)
{
	_free_ char *block = xmalloc(256 * KIB);

	*ret_size = 0;
	for (;;) {
		ssize_t n = read(fd, block, 256 * KIB);

		if (interrupted())
			return -ECANCELED;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		must(EVP_DigestUpdate(c, block, (size_t)n));
		*ret_size += (uint64_t)n;
	}
}

int sha256_fd(int fd, char ret_hex[SHA256_HEX], uint64_t *ret_size)
{
	_cleanup_(sha256_freep) struct sha256 *h = sha256_new();
	uint64_t size;
	int r = add_file((EVP_MD_CTX *)h, fd, &size);

	if (r < 0)
		return r;
	sha256_end(h, ret_hex);
	if (ret_size)
		*ret_size = size;
	return 0;
}

bool sha256_valid(const char *hex)
{
	return strlen(hex) == SHA256_HEX - 1 && strspn(hex, "0123456789abcdef") == SHA256_HEX - 1;
}

void sha1_bytes(const void *data, size_t len, char ret_hex[SHA1_HEX])
{
	unsigned char md[20];

	must(EVP_Digest(data, len, md, NULL, EVP_sha1(), NULL));
	hex_encode(md, sizeof md, ret_hex);
}

struct md5 *md5_new(void)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();

	must(c != NULL);
	must(EVP_DigestInit_ex(c, EVP_md5(), NULL));
	return (struct md5 *)c;
}

void md5_free(struct md5 *h)
{
	EVP_MD_CTX_free((EVP_MD_CTX *)h);
}

void md5_add(struct md5 *h, const void *data, size_t len)
{
	must(EVP_DigestUpdate((EVP_MD_CTX *)h, data, len));
}

void md5_end(struct md5 *h, char ret_hex[MD5_HEX])
{
	unsigned char md[16];

	must(EVP_DigestFinal_ex((EVP_MD_CTX *)h, md, NULL));
	hex_encode(md, sizeof md, ret_hex);
}

struct sha512 *sha512_new(void)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();

	must(c != NULL);
	must(EVP_DigestInit_ex(c, EVP_sha512(), NULL));
	return (struct sha512 *)c;
}

void sha512_free(struct sha512 *h)
{
	EVP_MD_CTX_free((EVP_MD_CTX *)h);
}

void sha512_add(struct sha512 *h, const void *data, size_t len)
{
	must(EVP_DigestUpdate((EVP_MD_CTX *)h, data, len));
}

void sha512_end(struct sha512 *h, char ret_hex[SHA512_HEX])
{
	unsigned char md[SHA512_SIZE];

	must(EVP_DigestFinal_ex((EVP_MD_CTX *)h, md, NULL));
	hex_encode(md, sizeof md, ret_hex);
}

int sha512_fd(int fd, char ret_hex[SHA512_HEX])
{
	_cleanup_(sha512_freep) struct sha512 *h = sha512_new();
	uint64_t size;
	int r = add_file((EVP_MD_CTX *)h, fd, &size);

	if (r == 0)
		sha512_end(h, ret_hex);
	return r;
}

void hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
	unsigned char ret[SHA256_SIZE])
{
	/* A NULL key of length 0 would mean "the one before" to older OpenSSL. */
	must(HMAC(EVP_sha256(), key_len ? key : "", (int)key_len, data, len, ret, NULL) != NULL);
}

void sha256_raw(const void *data, size_t len, unsigned char ret[SHA256_SIZE])
{
	must(EVP_Digest(data, len, ret, NULL, EVP_sha256(), NULL));
}

void sha512_raw(const void *data, size_t len, unsigned char ret[SHA512_SIZE])
{
	must(EVP_Digest(data, len, ret, NULL, EVP_sha512(), NULL));
}

void hmac_sha1(
	const void *key, size_t key_len, const void *data, size_t len, unsigned char ret[SHA1_SIZE])
{
	must(HMAC(EVP_sha1(), key, (int)key_len, data, len, ret, NULL) != NULL);
}
