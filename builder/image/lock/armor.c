/*
 * RFC 4880, 6.2: a header line, armor headers, a blank line, base64, an optional checksum, a tail
 * line. The checksum is not looked at: what these bytes verify is what counts.
 */
#include "armor.h"

#include "base64.h"
#include "buf.h"

#include <string.h>

#define HEAD "-----BEGIN PGP PUBLIC KEY BLOCK-----"
#define TAIL "-----END PGP PUBLIC KEY BLOCK-----"

struct lines {
	const char *p, *end;
};

/* The next line, without blanks on either side. */
static bool next_line(struct lines *l, const char **ret, size_t *ret_len)
{
	const char *start = l->p, *nl;

	if (start >= l->end)
		return false;
	nl = memchr(start, '\n', (size_t)(l->end - start));
	l->p = nl ? nl + 1 : l->end;
	if (!nl)
		nl = l->end;
	while (start < nl && strchr(" \t\r", *start) && *start)
		start++;
	while (nl > start && nl[-1] && strchr(" \t\r", nl[-1]))
		nl--;
	*ret = start;
	*ret_len = (size_t)(nl - start);
	return true;
}

static bool line_is(const char *line, size_t len, const char *text)
{
	return len == strlen(text) && memcmp(line, text, len) == 0;
}

static bool decode_block(struct lines *l, struct buf *out)
{
	_buf_ body = BUF_INIT;
	const char *line;
	size_t n;

	do {
		if (!next_line(l, &line, &n))
			return false;
	} while (n > 0);
	while (next_line(l, &line, &n)) {
		if (line_is(line, n, TAIL))
			return body.len > 0 && base64_decode(buf_str(&body), body.len, out);
		if (n != 5 || line[0] != '=') /* the checksum */
			buf_add(&body, line, n);
	}
	return false;
}

bool armor_decode(const char *text, size_t len, struct buf *out)
{
	struct lines l = { text, text + len };
	const char *line;
	bool any = false;
	size_t n;

	while (next_line(&l, &line, &n)) {
		if (!line_is(line, n, HEAD))
			continue;
		if (!decode_block(&l, out))
			return false;
		any = true;
	}
	return any;
}
