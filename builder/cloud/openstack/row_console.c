/*
 * The console, whose service gives only its last 100 KiB or so: a window that moves as the server
 * writes. Offsets are counted by us, for the life of a session, by finding the end of the last
 * window in the new one.
 *
 * A window is cut anywhere, in the middle of an escape sequence or a character: what has only begun at
 * its end is left to the next window, what began before it is left out.
 */
#include "alloc.h"
#include "arena.h"
#include "console_text.h"
#include "error.h"
#include "nova.h"
#include "row_parts.h"

#include <string.h>

#define ANCHOR	  512	     /* so many bytes of console do not come twice, in practice */
#define CUT_BYTES (64 * KIB) /* a window of that size has more before it: no service keeps less */

size_t row_window_new(const char *old, size_t old_len, const char *text, size_t len)
{
	size_t anchor = MIN(old_len, ANCHOR);
	const char *found = NULL, *end = text + len;

	if (old_len <= len && memcmp(old, text, old_len) == 0)
		return old_len;
	/* The last place where it stands: after it, all is new. */
	for (const char *p = text; anchor && p < end;) {
		const char *hit = memmem(p, (size_t)(end - p), old + old_len - anchor, anchor);

		if (!hit)
			break;
		found = hit;
		p = hit + 1;
	}
	return found ? (size_t)(found - text) + anchor : 0;
}

size_t row_window_begin(const char *text, size_t len)
{
	const char *nl = len >= CUT_BYTES ? memchr(text, '\n', len) : NULL;

	return nl ? (size_t)(nl + 1 - text) : 0;
}

void row_console_forget(struct row *r)
{
	free(TAKE(r->console.id));
	buf_reset(&r->console.text);
	r->console.end = 0;
}

static void begin_console(struct row *r, const char *id)
{
	row_console_forget(r);
	r->console.id = xstrdup(id);
}

/* Takes a new window; all that is new in it is appended to ret. */
static void take(struct row *r, const char *id, const char *text, uint64_t offset, struct buf *ret)
{
	size_t len = console_whole(text, strlen(text)), from, old;
	struct buf *seen = &r->console.text;

	if (!r->console.id || strcmp(r->console.id, id) != 0 || offset == 0)
		begin_console(r, id);
	old = ret->len;
	from = row_window_new(buf_str(seen), seen->len, text, len);
	if (from == 0) {
		/* Nothing goes on where the last window ended: its last line will not be finished. */
		if (seen->len && len && seen->data[seen->len - 1] != '\n')
			buf_addc(ret, '\n');
		from = row_window_begin(text, len);
	}
	buf_add(ret, text + from, len - from);
	r->console.end += ret->len - old;
	buf_reset(seen);
	buf_add(seen, text, len);
}

int row_console(const struct cloud *c, const char *name, uint64_t offset, struct buf *ret,
	uint64_t *ret_offset, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct row *r = row_of(c);
	bool known = r->known.name && strcmp(r->known.name, name) == 0;
	const char *text = NULL, *region;
	struct nova_server s;
	int f = known ? 0 : row_lookup(r, name, a, &s, &region, e);

	*ret_offset = offset;
	if (f == 0)
		f = nova_console(r->os, r->known.region, r->known.id, a, &text, e);
	else
		return f;
	if (f == OS_ABSENT && known)
		f = row_lookup(r, name, a, &s, &region, e);
	if (f < 0 || (f == CLOUD_ABSENT && known))
		return f;
	/* No console yet: it is being built, or is off. */
	if (text)
		take(r, r->known.id, text, offset, ret);
	*ret_offset = r->console.id && strcmp(r->console.id, r->known.id) == 0 ? r->console.end : 0;
	return 0;
}
