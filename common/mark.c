/* Complaints about source files, rendered with the line and a caret. */
#include "mark.h"

#include "alloc.h"
#include "buf.h"
#include "error.h"
#include "fd.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SOURCE_MAX (16 * MIB) /* only for showing lines; definitions themselves are smaller */
#define LINE_SHOWN 160	      /* characters of a source line that are shown */

void diags_free(struct diags *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->v[i].file);
		free(d->v[i].id);
		free(d->v[i].message);
		free(d->v[i].hint);
	}
	free(d->v);
	*d = (struct diags)DIAGS_INIT;
}

bool diags_full(const struct diags *d)
{
	return d->n >= DIAGS_MAX;
}

void diag_add(struct diags *d, enum diag_level level, const struct mark *at, const char *id,
	const char *hint, const char *fmt, ...)
{
	struct diag *x;
	va_list ap;

	if (level == DIAG_ERROR)
		d->errors++;
	if (diags_full(d)) {
		d->dropped++;
		return;
	}
	d->v = grow(d->v, d->n, &d->cap, sizeof *d->v);
	x = &d->v[d->n++];
	*x = (struct diag){
		.level = level,
		.at = *at,
		.file = xstrdup(at->file ? at->file : "-"),
		.id = xstrdup(id),
		.hint = hint ? xstrdup(hint) : NULL,
	};
	x->at.file = x->file;
	va_start(ap, fmt);
	x->message = xvasprintf(fmt, ap);
	va_end(ap);
}

int diags_result(const struct diags *d, const char *file, struct error *e)
{
	if (d->errors == 0)
		return 0;
	return error_set(
		e, ERR_INVALID, "%s has %zu error%s", file, d->errors, d->errors == 1 ? "" : "s");
}

static int by_place(const void *pa, const void *pb)
{
	const struct diag *const *a = pa, *const *b = pb;
	int r = strcmp((*a)->file, (*b)->file);

	if (r == 0 && (*a)->at.line != (*b)->at.line)
		r = (*a)->at.line < (*b)->at.line ? -1 : 1;
	if (r == 0 && (*a)->at.col != (*b)->at.col)
		r = (*a)->at.col < (*b)->at.col ? -1 : 1;
	return r != 0 ? r : (*a < *b ? -1 : 1);
}

/* What came from a file must not command the terminal. */
static char printable(char c)
{
	return (unsigned char)c < ' ' || c == 0x7f ? ' ' : c;
}

static void add_printable(struct buf *out, const char *s)
{
	for (; *s; s++)
		buf_addc(out, printable(*s));
}

static bool starts_character(char c)
{
	return (c & 0xc0) != 0x80; /* not a continuation byte of UTF-8 */
}

/* The line as it stands in the file, tabs and control characters as blanks; false when there is none. */
static bool source_line(const struct buf *text, unsigned line, struct buf *out)
{
	const char *p = buf_str(text), *end = p + text->len;

	for (unsigned i = 1; i < line; i++) {
		p = memchr(p, '\n', (size_t)(end - p));
		if (!p)
			return false;
		p++;
	}
	if (p >= end)
		return false;
	for (int i = 0; p < end && *p != '\n'; p++) {
		if (starts_character(*p) && i++ == LINE_SHOWN)
			break;
		buf_addc(out, printable(*p));
	}
	return true;
}

static void render_one(const struct diag *x, const struct buf *text, bool color, struct buf *out)
{
	const char *word = x->level == DIAG_ERROR ? "error" : "warning";
	const char *on = !color ? "" : x->level == DIAG_ERROR ? "\033[1;31m" : "\033[1;33m";
	const char *off = color ? "\033[0m" : "";
	_buf_ line = BUF_INIT;

	if (x->at.line == 0) {
		buf_printf(out, "%s: %s%s:%s ", x->file, on, word, off);
		add_printable(out, x->message);
		buf_addc(out, '\n');
	} else {
		buf_printf(
			out, "%s:%u:%u: %s%s:%s ", x->file, x->at.line, x->at.col, on, word, off);
		add_printable(out, x->message);
		buf_addc(out, '\n');
		if (source_line(text, x->at.line, &line)) {
			buf_printf(out, "%5u | %s\n", x->at.line, buf_str(&line));
			if (x->at.col <= LINE_SHOWN)
				buf_printf(
					out, "      | %*s%s^%s\n", (int)x->at.col - 1, "", on, off);
		}
	}
	if (x->hint) {
		buf_adds(out, "      = ");
		add_printable(out, x->hint);
		buf_addc(out, '\n');
	}
}

void diags_render(const struct diags *d, bool color, struct buf *out)
{
	_free_ const struct diag **order = xcalloc(d->n, sizeof *order);
	_buf_ text = BUF_INIT;
	const char *open = "";

	for (size_t i = 0; i < d->n; i++)
		order[i] = &d->v[i];
	qsort(order, d->n, sizeof *order, by_place);
	for (size_t i = 0; i < d->n; i++) {
		if (strcmp(open, order[i]->file) != 0) {
			open = order[i]->file;
			buf_reset(&text);
			/* A file that cannot be read again is shown without its lines. */
			if (!d->hide_lines)
				(void)file_read(AT_FDCWD, open, SOURCE_MAX, &text);
		}
		render_one(order[i], &text, color, out);
	}
	if (d->dropped > 0)
		buf_printf(out, "%zu more complaints are not shown\n", d->dropped);
}

/* Optimal string alignment distance, bounded: words longer than 63 bytes are never near. */
static unsigned distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	unsigned char d[64][64];

	if (la > 63 || lb > 63)
		return 64;
	for (size_t i = 0; i <= la; i++)
		d[i][0] = (unsigned char)i;
	for (size_t j = 0; j <= lb; j++)
		d[0][j] = (unsigned char)j;
	for (size_t i = 1; i <= la; i++) {
		for (size_t j = 1; j <= lb; j++) {
			unsigned cost = a[i - 1] != b[j - 1];
			unsigned best = MIN(d[i - 1][j] + 1u, d[i][j - 1] + 1u);

			best = MIN(best, d[i - 1][j - 1] + cost);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = MIN(best, d[i - 2][j - 2] + 1u);
			d[i][j] = (unsigned char)best;
		}
	}
	return d[la][lb];
}

const char *nearest_word(const char *word, const char *const *candidates)
{
	unsigned limit = (unsigned)MIN(MAX(strlen(word) / 3, 1), 20), best = limit + 1;
	const char *found = NULL;

	for (; *candidates; candidates++) {
		unsigned n = distance(word, *candidates);

		if (n < best && n < strlen(word)) { /* else nothing of the word is left */
			best = n;
			found = *candidates;
		}
	}
	return found;
}
