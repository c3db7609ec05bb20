/* See scan_cursor.h. */
#include "scan_cursor.h"

int cursor_byte(struct cursor *c)
{
	if (c->p < c->end)
		return *c->p++;
	c->shortage = true;
	return 0;
}

int64_t cursor_decode(const unsigned char *p, int size)
{
	uint64_t n = 0;

	for (int i = 0; i < size; i++)
		n |= (uint64_t)p[1 + i] << (8 * i);
	n &= INT64_MAX;
	return p[0] ? -(int64_t)n : (int64_t)n;
}

int64_t cursor_integer(struct cursor *c)
{
	const unsigned char *p = c->p;

	if (c->end - c->p < c->int_size + 1) {
		c->shortage = true;
		return 0;
	}
	c->p += c->int_size + 1;
	return cursor_decode(p, c->int_size);
}

const char *cursor_string(struct cursor *c, size_t *ret_len)
{
	int64_t len = cursor_integer(c);
	const char *s = (const char *)c->p;

	*ret_len = 0;
	if (len < 0 || c->shortage)
		return NULL;
	if (len > (int64_t)CURSOR_STRING_MAX)
		c->wrong = true;
	if (c->wrong || c->end - c->p < len) {
		c->shortage = true;
		return NULL;
	}
	c->p += len;
	*ret_len = (size_t)len;
	return s;
}

void cursor_skip(struct cursor *c, int n)
{
	size_t len;

	for (int i = 0; i < n; i++)
		cursor_string(c, &len);
}
