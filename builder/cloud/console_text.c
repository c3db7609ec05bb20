/* Escape sequences by ECMA-48, as terminals read them: a sequence that makes no sense ends before what does not fit. */
#include "console_text.h"

#include "buf.h"
#include "utf8.h"

#include <string.h>

#define UNFINISHED_MAX 256 /* a sequence that has not ended after so many bytes is none */
#define REPLACEMENT    "\357\277\275" /* U+FFFD: what services make of half a character */

static bool within(const char *p, const char *end, unsigned first, unsigned last)
{
	return p < end && (unsigned char)*p >= first && (unsigned char)*p <= last;
}

/* Behind CSI: parameters, intermediates, one final byte. NULL: it has not ended. */
static const char *control_end(const char *p, const char *end)
{
	while (within(p, end, 0x20, 0x3f))
		p++;
	if (p == end)
		return NULL;
	return within(p, end, 0x40, 0x7e) ? p + 1 : p;
}

/* Behind OSC, DCS and their kind: text up to BEL or ESC \. It never goes on over the end of a line. */
static const char *string_end(const char *p, const char *end)
{
	for (; p < end; p++) {
		if (*p == '\a')
			return p + 1;
		if (*p == '\n' || *p == '\r')
			return p;
		if (*p != '\033')
			continue;
		if (p + 1 == end)
			return NULL;
		return p[1] == '\\' ? p + 2 : p;
	}
	return NULL;
}

/* The end of the sequence that the ESC at p begins; NULL: it has not ended. */
static const char *escape_end(const char *p, const char *end)
{
	p++;
	if (p == end)
		return NULL;
	if (*p == '[')
		return control_end(p + 1, end);
	if (strchr("]PX^_", *p) && *p)
		return string_end(p + 1, end);
	while (within(p, end, 0x20, 0x2f))
		p++;
	if (p == end)
		return NULL;
	return within(p, end, 0x30, 0x7e) ? p + 1 : p;
}

/* One character that begins a sequence by itself (C1), p behind it; p when it does not. */
static const char *c1_end(uint32_t c, const char *p, const char *end)
{
	const char *after = p;

	if (c == 0x9b)
		after = control_end(p, end);
	else if (c == 0x90 || c == 0x98 || (c >= 0x9d && c <= 0x9f))
		after = string_end(p, end);
	return after ? after : end;
}

/* A character as it may stand on a terminal; returns where the next one begins. */
static const char *clean_character(
	const char *line, const char *p, const char *end, struct buf *out)
{
	uint32_t c;
	size_t n = utf8_next(p, (size_t)(end - p), &c);

	if (n > 0) {
		if (!utf8_is_control(c))
			buf_add(out, p, n);
		return c1_end(c, p + n, end);
	}
	/* Half a character, where the line was cut: nobody misses it. */
	if (utf8_whole(p, (size_t)(end - p)) == 0)
		return end;
	if (p == line) {
		while (within(p, end, 0x80, 0xbf))
			p++;
		if (p > line)
			return p;
	}
	buf_addc(out, '?');
	return p + 1;
}

void console_clean(const char *line, size_t len, struct buf *out)
{
	const char *p = line, *end = line + len;
	size_t start = out->len;

	while (p < end) {
		if (*p == '\033') {
			p = escape_end(p, end);
			if (!p)
				break;
		} else if (*p == '\t' || *p == ' ') {
			if (out->len > start)
				buf_addc(out, ' ');
			p++;
		} else {
			p = clean_character(line, p, end, out);
		}
	}
	while (out->len > start && out->data[out->len - 1] == ' ')
		out->data[--out->len] = '\0';
}

size_t console_whole(const char *text, size_t len)
{
	size_t from = len > UNFINISHED_MAX ? len - UNFINISHED_MAX : 0;

	for (size_t i = from; i < len; i++) {
		const char *after;

		if (text[i] != '\033')
			continue;
		after = escape_end(text + i, text + len);
		if (!after)
			return i;
		i = (size_t)(after - text) - 1;
	}
	while (len >= strlen(REPLACEMENT) &&
		memcmp(text + len - strlen(REPLACEMENT), REPLACEMENT, strlen(REPLACEMENT)) == 0)
		len -= strlen(REPLACEMENT);
	return utf8_whole(text, len);
}
