/* Base64; see base64.h. Strict about padding, because a cut-off file content must not pass. */
#include "base64.h"

#include "buf.h"

#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static bool decode(const char *text, size_t len, struct buf *out)
{
	size_t digits = 0, pads = 0;
	uint32_t bits = 0;

	for (size_t i = 0; i < len; i++) {
		const char *digit;

		if (text[i] != '\0' && strchr(" \t\r\n", text[i]))
			continue;
		digit = text[i] == '=' ? alphabet : memchr(alphabet, text[i], 64);
		if (!digit || (pads > 0 && text[i] != '='))
			return false;
		pads += text[i] == '=';
		bits = bits << 6 | (uint32_t)(digit - alphabet);
		if (++digits % 4 == 0) {
			const char bytes[] = { (char)(bits >> 16), (char)(bits >> 8), (char)bits };

			buf_add(out, bytes, pads > 3 ? 0 : 3 - pads);
		}
	}
	return digits % 4 == 0 && pads <= 2;
}

bool base64_decode(const char *text, size_t len, struct buf *out)
{
	size_t start = out->len;
	bool ok = decode(text, len, out);

	if (!ok)
		out->len = start;
	return ok;
}

void base64_encode(const void *data, size_t len, struct buf *out)
{
	const unsigned char *p = data;

	for (; len > 0; p += 3, len -= MIN(len, 3)) {
		uint32_t bits = (uint32_t)p[0] << 16 | (len > 1 ? (uint32_t)p[1] << 8 : 0) |
				(len > 2 ? p[2] : 0);

		buf_addc(out, alphabet[bits >> 18]);
		buf_addc(out, alphabet[bits >> 12 & 63]);
		buf_addc(out, len > 1 ? alphabet[bits >> 6 & 63] : '=');
		buf_addc(out, len > 2 ? alphabet[bits & 63] : '=');
	}
}
