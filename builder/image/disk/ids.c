/* Ids from a seed. The seed and the word are hashed with their NULs, so no two pairs run together. */
#include "ids.h"

#include "digest.h"

#include <assert.h>
#include <stdio.h>

static uint8_t nibble(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

void ids_bytes(const char *seed, const char *what, void *ret, size_t len)
{
	_cleanup_(sha256_freep) struct sha256 *h = sha256_new();
	char hex[SHA256_HEX];
	uint8_t *out = ret;

	assert(len <= SHA256_SIZE);
	sha256_adds(h, seed);
	sha256_adds(h, what);
	sha256_end(h, hex);
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
}

void ids_uuid(const char *seed, const char *what, uint8_t ret[UUID_SIZE])
{
	ids_bytes(seed, what, ret, UUID_SIZE);
	ret[6] = (uint8_t)((ret[6] & 0x0f) | 0x80); /* version 8 */
	ret[8] = (uint8_t)((ret[8] & 0x3f) | 0x80); /* the RFC's variant */
}

void ids_text(const uint8_t uuid[UUID_SIZE], char ret[UUID_TEXT])
{
	char *p = ret;

	for (size_t i = 0; i < UUID_SIZE; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		p += snprintf(p, 3, "%02x", uuid[i]);
	}
}
