/* SHA-256 over OpenSSL's EVP. A failure inside it is a broken installation and aborts. */
#include "digest.h"

#include "alloc.h"
#include "interrupt.h"

#include <errno.h>
#include <openssl/evp.h>
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

void sha256_end(struct sha256 *h, char ret_hex[SHA256_HEX])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char md[SHA256_SIZE];

	must(EVP_DigestFinal_ex((EVP_MD_CTX *)h, md, NULL));
	for (size_t i = 0; i < sizeof md; i++) {
		ret_hex[2 * i] = digits[md[i] >> 4];
		ret_hex[2 * i + 1] = digits[md[i] & 15];
	}
	ret_hex[2 * sizeof md] = '\0';
}

void sha256_bytes(const void *data, size_t len, char ret_hex[SHA256_HEX])
{
	_cleanup_(sha256_freep) struct sha256 *h = sha256_new();

	sha256_add(h, data, len);
	sha256_end(h, ret_hex);
}

int sha256_fd(int fd, char ret_hex[SHA256_HEX], uint64_t *ret_size)
{
	_cleanup_(sha256_freep) struct sha256 *h = sha256_new();
	_free_ char *block = xmalloc(256 * KIB);
	uint64_t size = 0;

	for (;;) {
		ssize_t n = read(fd, block, 256 * KIB);

		if (interrupted())
			return -ECANCELED;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		sha256_add(h, block, (size_t)n);
		size += (uint64_t)n;
	}
	sha256_end(h, ret_hex);
	if (ret_size)
		*ret_size = size;
	return 0;
}

bool sha256_valid(const char *hex)
{
	return strlen(hex) == SHA256_HEX - 1 && strspn(hex, "0123456789abcdef") == SHA256_HEX - 1;
}
