/* The stanza reader: one buffer, moved to its front when a stanza runs over the end. */
#include "deb822.h"

#include "alloc.h"
#include "arena.h"
#include "interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>

#define BLOCK (256 * KIB)

struct deb822 {
	int fd;
	char *data;
	size_t begin, end, cap; /* the bytes not yet given out: data[begin..end) */
	bool eof;
};

struct deb822 *deb822_new(int fd)
{
	struct deb822 *d = xcalloc(1, sizeof *d);

	d->fd = fd;
	return d;
}

int deb822_open(struct deb822 **ret, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	*ret = deb822_new(fd);
	return 0;
}

void deb822_free(struct deb822 *d)
{
	if (!d)
		return;
	closep(&d->fd);
	free(d->data);
	free(d);
}

/* Reads one block more. */
static int fill(struct deb822 *d)
{
	ssize_t n;

	if (interrupted())
		return -ECANCELED;
	if (d->begin > 0) {
		memmove(d->data, d->data + d->begin, d->end - d->begin);
		d->end -= d->begin;
		d->begin = 0;
	}
	if (d->end > STANZA_MAX)
		return -EFBIG;
	if (d->cap - d->end < BLOCK) {
		d->cap = d->cap * 2 + BLOCK;
		d->data = xrealloc(d->data, d->cap, 1);
	}
	do
		n = read(d->fd, d->data + d->end, d->cap - d->end);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	d->end += (size_t)n;
	d->eof = n == 0;
	return 0;
}

/* Nothing but blanks: a line that separates stanzas. */
static bool line_is_blank(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r'))
		p++;
	return p == end;
}

/*
 * Looks for a whole stanza in what is buffered. Positions are relative to d->begin; *scanned is
 * where to go on when more bytes are needed.
 */
static bool find(struct deb822 *d, size_t *start, size_t *scanned, struct stanza *ret)
{
	const char *base = d->data ? d->data + d->begin : "";
	size_t have = d->end - d->begin;

	while (*scanned < have) {
		const char *line = base + *scanned;
		const char *nl = memchr(line, '\n', have - *scanned);
		size_t next;

		if (!nl && !d->eof)
			return false;
		if (!nl)
			nl = base + have;
		next = MIN((size_t)(nl - base) + 1, have);
		if (!line_is_blank(line, nl)) {
			*scanned = next;
			continue;
		}
		if (*scanned > *start) {
			*ret = (struct stanza){ base + *start, *scanned - *start };
			d->begin += next;
			return true;
		}
		*start = *scanned = next;
	}
	if (!d->eof || have == *start)
		return false;
	*ret = (struct stanza){ base + *start, have - *start };
	d->begin = d->end;
	return true;
}

int deb822_next(struct deb822 *d, struct stanza *ret)
{
	size_t start = 0, scanned = 0;

	for (;;) {
		int r;

		if (find(d, &start, &scanned, ret))
			return ret->len > STANZA_MAX ? -EFBIG : 1;
		if (d->eof)
			return 0;
		/* What was skipped is no part of a stanza: do not carry it along. */
		d->begin += start;
		scanned -= start;
		start = 0;
		r = fill(d);
		if (r < 0)
			return r;
	}
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool stanza_get(const struct stanza *s, const char *field, const char **ret, size_t *ret_len)
{
	const char *p = s->text, *end = s->text + s->len, *v, *stop;
	size_t n = strlen(field);

	for (;;) {
		if (p >= end)
			return false;
		if ((size_t)(end - p) > n && p[n] == ':' && strncasecmp(p, field, n) == 0)
			break;
		p = memchr(p, '\n', (size_t)(end - p));
		if (!p)
			return false;
		p++;
	}
	v = p + n + 1;
	stop = v;
	for (;;) {
		stop = memchr(stop, '\n', (size_t)(end - stop));
		if (!stop) {
			stop = end;
			break;
		}
		if (stop + 1 >= end || (stop[1] != ' ' && stop[1] != '\t'))
			break;
		stop++;
	}
	while (v < stop && is_blank(*v))
		v++;
	while (stop > v && is_blank(stop[-1]))
		stop--;
	*ret = v;
	*ret_len = (size_t)(stop - v);
	return true;
}

const char *stanza_dup(const struct stanza *s, const char *field, struct arena *a)
{
	const char *v;
	size_t n;

	return stanza_get(s, field, &v, &n) ? arena_strndup(a, v, n) : NULL;
}

bool stanza_is(const struct stanza *s, const char *field, const char *text)
{
	const char *v;
	size_t n;

	return stanza_get(s, field, &v, &n) && strlen(text) == n && memcmp(v, text, n) == 0;
}
