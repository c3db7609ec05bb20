/* Line by line. One function says what a line is; reading and writing agree because both ask it. */
#include "ini.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "error.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* A piece of the text, not NUL-terminated. */
struct slice {
	const char *p;
	size_t n;
};

struct line {
	enum { LINE_NOTHING, LINE_SECTION, LINE_VALUE, LINE_WRONG } is;
	struct slice name;  /* of the section, or the key */
	struct slice value; /* without comment and quotes */
};

void ini_free(struct ini *i)
{
	free(TAKE(i->v));
	i->n = i->cap = 0;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static struct slice trim(const char *p, const char *end)
{
	while (p < end && blank(*p))
		p++;
	while (end > p && blank(end[-1]))
		end--;
	return (struct slice){ p, (size_t)(end - p) };
}

/* A comment behind a value begins with a blank and ';' or '#': both occur inside of URLs. */
static struct slice value_of(const char *p, const char *end)
{
	struct slice s = trim(p, end);

	if (s.n >= 2 && (*s.p == '"' || *s.p == '\'')) {
		const char *close = memchr(s.p + 1, *s.p, s.n - 1);

		if (close)
			return (struct slice){ s.p + 1, (size_t)(close - s.p - 1) };
	}
	for (size_t i = 0; i < s.n; i++) {
		if ((s.p[i] == ';' || s.p[i] == '#') && (i == 0 || blank(s.p[i - 1])))
			return trim(s.p, s.p + i);
	}
	return s;
}

static struct line look_at(const char *p, const char *end)
{
	struct slice s = trim(p, end);
	const char *equals = NULL;
	struct line l = { .is = LINE_NOTHING };

	if (s.n == 0 || *s.p == ';' || *s.p == '#')
		return l;
	l.is = LINE_WRONG;
	if (*s.p == '[') {
		const char *close = memrchr(s.p, ']', s.n);

		if (close) {
			l.name = trim(s.p + 1, close);
			l.is = LINE_SECTION;
		}
		return l;
	}
	for (size_t i = 0; i < s.n && !equals; i++) {
		if (s.p[i] == '=' || s.p[i] == ':')
			equals = s.p + i;
	}
	if (!equals || equals == s.p)
		return l;
	l.is = LINE_VALUE;
	l.name = trim(s.p, equals);
	l.value = value_of(equals + 1, s.p + s.n);
	return l;
}

/* The end of the line that begins at p, without its line break. */
static const char *line_end(const char *p, const char *end)
{
	const char *newline = memchr(p, '\n', (size_t)(end - p));

	return newline ? newline : end;
}

static const char *skip_bom(const char *text, size_t len)
{
	return len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? text + 3 : text;
}

static char *lower(struct arena *a, struct slice s)
{
	char *text = arena_strndup(a, s.p, s.n);

	for (char *p = text; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return text;
}

static int refuse(struct ini *ret, size_t n, const char *file, unsigned line, const char *what,
	struct error *e)
{
	ret->n = n;
	return error_set(e, ERR_INVALID, "%s:%u: %s", file, line, what);
}

int ini_add(struct ini *ret, struct arena *a, const char *file, const char *text, size_t len,
	struct error *e)
{
	const char *p = skip_bom(text, len), *end = text + len;
	const char *section = "";
	size_t before = ret->n;
	unsigned number = 0;

	if (len > INI_SIZE_MAX)
		return refuse(ret, before, file, 1, "the file is too large to be an ovh.conf", e);
	for (const char *next; p < end; p = next) {
		const char *stop = line_end(p, end);
		struct line l = look_at(p, stop);

		next = stop + (stop < end);
		number++;
		if (number > INI_LINES_MAX || memchr(p, '\0', (size_t)(stop - p)))
			return refuse(ret, before, file, number, "this is no text file", e);
		if (l.is == LINE_WRONG)
			return refuse(ret, before, file, number,
				"neither a section '[ovh-eu]' nor 'key = value'", e);
		if (l.is == LINE_SECTION)
			section = arena_strndup(a, l.name.p, l.name.n);
		if (l.is != LINE_VALUE)
			continue;
		ret->v = grow(ret->v, ret->n, &ret->cap, sizeof *ret->v);
		ret->v[ret->n++] = (struct ini_value){
			.section = section,
			.key = lower(a, l.name),
			.value = arena_strndup(a, l.value.p, l.value.n),
			.file = file,
			.line = number,
		};
	}
	return 0;
}

const struct ini_value *ini_get(const struct ini *i, const char *section, const char *key)
{
	for (size_t k = i->n; k > 0; k--) {
		const struct ini_value *v = &i->v[k - 1];

		if (strcmp(v->section, section) == 0 && strcmp(v->key, key) == 0)
			return v;
	}
	return NULL;
}

static bool slice_is(struct slice s, const char *text, bool any_case)
{
	return s.n == strlen(text) &&
	       (any_case ? strncasecmp(s.p, text, s.n) : strncmp(s.p, text, s.n)) == 0;
}

/* Where the new text goes: [from, to) of the old one is replaced. */
struct gap {
	const char *from, *to;
	bool found_key, found_section;
};

static struct gap find_gap(const char *text, size_t len, const char *section, const char *key)
{
	const char *end = text + len;
	struct gap g = { end, end, false, false };
	bool inside = !*section;

	for (const char *p = skip_bom(text, len), *next; p < end; p = next) {
		const char *stop = line_end(p, end);
		struct line l = look_at(p, stop);

		next = stop + (stop < end);
		if (l.is == LINE_SECTION)
			inside = slice_is(l.name, section, false);
		if (!inside || l.is == LINE_NOTHING)
			continue;
		if (l.is == LINE_VALUE && slice_is(l.name, key, true)) {
			g = (struct gap){ l.value.p, l.value.p + l.value.n, true, true };
		} else if (!g.found_key) {
			g.from = g.to = next; /* behind the section's last line so far */
			g.found_section = true;
		}
	}
	return g;
}

void ini_set(const char *text, size_t len, const char *section, const char *key, const char *value,
	struct buf *out)
{
	struct gap g = find_gap(text, len, section, key);
	const char *end = text + len;

	buf_add(out, text, (size_t)(g.from - text));
	if (g.found_key) {
		buf_adds(out, value);
		if (g.to < end && (*g.to == ';' || *g.to == '#'))
			buf_addc(out, ' '); /* there was no value, and a comment stays one */
	} else {
		if (g.from > text && g.from[-1] != '\n')
			buf_addc(out, '\n');
		if (!g.found_section && *section)
			buf_printf(out, "%s[%s]\n", g.from > text ? "\n" : "", section);
		buf_printf(out, "%s=%s\n", key, value);
	}
	buf_add(out, g.to, (size_t)(end - g.to));
}
