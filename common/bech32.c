/* Bech32; see bech32.h. Generator and alphabet are those of BIP 173. */
#include "bech32.h"

#include "buf.h"

#include <string.h>

#define CHECKSUM_LEN 6
#define BYTES_MAX    64 /* far more than a key */

static const char alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/* The checksum is a remainder of polynomials over groups of 5 bits; this takes in one more. */
static uint32_t step(uint32_t sum, unsigned group)
{
	static const uint32_t generator[] = { 0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
		0x2a1462b3 };
	uint32_t top = sum >> 25;

	sum = (sum & 0x1ffffff) << 5 ^ group;
	for (unsigned i = 0; i < ARRAY_SIZE(generator); i++) {
		if (top >> i & 1)
			sum ^= generator[i];
	}
	return sum;
}

static uint32_t prefix_sum(const char *prefix)
{
	uint32_t sum = 1;

	for (const char *p = prefix; *p; p++)
		sum = step(sum, (unsigned char)*p >> 5);
	sum = step(sum, 0);
	for (const char *p = prefix; *p; p++)
		sum = step(sum, *p & 31);
	return sum;
}

/* The bits of the bytes in groups of five; zeros fill the last one up. */
static unsigned group_at(const unsigned char *p, size_t len, size_t i)
{
	unsigned group = 0;

	for (size_t bit = 5 * i; bit < 5 * i + 5; bit++)
		group = group << 1 | (bit < 8 * len ? p[bit / 8] >> (7 - bit % 8) & 1 : 0);
	return group;
}

static size_t groups_of(size_t len)
{
	return (8 * len + 4) / 5;
}

void bech32_encode(const char *prefix, const void *data, size_t len, struct buf *out)
{
	uint32_t sum = prefix_sum(prefix);

	buf_adds(out, prefix);
	buf_addc(out, '1');
	for (size_t i = 0; i < groups_of(len); i++) {
		unsigned group = group_at(data, len, i);

		sum = step(sum, group);
		buf_addc(out, alphabet[group]);
	}
	for (unsigned i = 0; i < CHECKSUM_LEN; i++)
		sum = step(sum, 0);
	sum ^= 1;
	for (unsigned i = 0; i < CHECKSUM_LEN; i++)
		buf_addc(out, alphabet[sum >> (5 * (CHECKSUM_LEN - 1 - i)) & 31]);
}

static char lower(char c, bool upper)
{
	if (upper)
		return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c >= 'a' && c <= 'z' ? '\0' : c;
	return c >= 'A' && c <= 'Z' ? '\0' : c;
}

/* The value of each character after "PREFIX1"; false when one is none, or of the other case. */
static bool read_groups(const char *text, const char *prefix, unsigned char *groups, size_t n)
{
	bool upper = text[0] >= 'A' && text[0] <= 'Z';
	size_t skip = strlen(prefix) + 1;

	if (strnlen(text, skip + n + 1) != skip + n)
		return false;
	for (size_t i = 0; i < skip + n; i++) {
		char c = lower(text[i], upper);
		const char *digit;

		if (i < skip) {
			if (c != (i < skip - 1 ? prefix[i] : '1'))
				return false;
			continue;
		}
		digit = c ? strchr(alphabet, c) : NULL;
		if (!digit)
			return false;
		groups[i - skip] = (unsigned char)(digit - alphabet);
	}
	return true;
}

bool bech32_decode(const char *text, const char *prefix, void *ret, size_t len)
{
	unsigned char groups[(8 * BYTES_MAX + 4) / 5 + CHECKSUM_LEN] = {}, bytes[BYTES_MAX] = {};
	size_t n = groups_of(len);
	uint32_t sum = prefix_sum(prefix);
	bool ok = len <= BYTES_MAX && read_groups(text, prefix, groups, n + CHECKSUM_LEN);

	for (size_t i = 0; ok && i < n + CHECKSUM_LEN; i++)
		sum = step(sum, groups[i]);
	ok = ok && sum == 1;
	for (size_t bit = 0; ok && bit < 5 * n; bit++) {
		unsigned one = groups[bit / 5] >> (4 - bit % 5) & 1;

		if (bit >= 8 * len)
			ok = !one;
		else
			bytes[bit / 8] |= (unsigned char)(one << (7 - bit % 8));
	}
	if (ok)
		memcpy(ret, bytes, len);
	explicit_bzero(groups, sizeof groups);
	explicit_bzero(bytes, sizeof bytes);
	return ok;
}
