/* UTF-8 by the table of RFC 3629. */
#include "utf8.h"

size_t utf8_next(const char *s, size_t len, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char c = (unsigned char)*s;
	size_t n = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
	uint32_t code = n == 1 ? c : c & (0x7fu >> n);

	if ((c >= 0x80 && c < 0xc2) || c > 0xf4 || n > len)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if (((unsigned char)s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | ((unsigned char)s[i] & 0x3f);
	}
	if (code < least[n] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret = code;
	return n;
}

size_t utf8_shown(const char *s, size_t len)
{
	uint32_t code;
	size_t n = utf8_next(s, len, &code);

	return n > 0 && !utf8_is_control(code) ? n : 0;
}

bool utf8_valid(const char *s, size_t len)
{
	uint32_t code;

	for (size_t n; len > 0; s += n, len -= n) {
		n = utf8_next(s, len, &code);
		if (n == 0)
			return false;
	}
	return true;
}

size_t utf8_whole(const char *s, size_t len)
{
	for (size_t back = 1; back <= 3 && back <= len; back++) {
		unsigned char c = (unsigned char)s[len - back];
		size_t needs = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;

		if ((c & 0xc0) == 0x80)
			continue;
		return c >= 0xc2 && c <= 0xf4 && needs > back ? len - back : len;
	}
	return len;
}
