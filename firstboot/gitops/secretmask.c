/* See secretmask.h. */
#include "secretmask.h"

#include "agent.h"
#include "alloc.h"
#include "buf.h"
#include "error.h"
#include "secrets.h"

#include <string.h>

/* Shorter values are words ("true", "postgres"): taking them out would make logs unreadable. */
#define SECRET_MIN 8

struct mask {
	struct buf text; /* the file, cut into names and values */
	struct {
		const char *name, *value;
		size_t len; /* of value */
	} * v;
	size_t n, cap;
};

/*
 * The value that begins there, as secrets_env() writes it: plain to the end of the line, in single quotes, or in
 * double ones with backslashes; quoted ones may have lines. It is unquoted in place. Returns what follows.
 */
static char *take_value(char *from, char **ret)
{
	char quote = *from == '"' || *from == '\'' ? *from++ : '\n', *to = from, *p = from;

	*ret = from;
	for (; *p && *p != quote; p++) {
		if (quote == '"' && *p == '\\' && p[1])
			p++;
		*to++ = *p;
	}
	if (*p)
		p++;
	*to = '\0';
	return quote == '\n' ? p : p + strspn(p, "\n");
}

static void add(struct mask *m, const char *name, const char *value, size_t len)
{
	if (len < SECRET_MIN)
		return;
	m->v = grow(m->v, m->n, &m->cap, sizeof *m->v);
	m->v[m->n].name = name;
	m->v[m->n].value = value;
	m->v[m->n++].len = len;
}

/* Where a value has lines, each of them as well: a log has one at a time. */
static void add_value(struct mask *m, const char *name, const char *value)
{
	bool lines = strchr(value, '\n') != NULL;

	add(m, name, value, strlen(value));
	for (const char *p = value; lines && *p; p += strspn(p, "\n")) {
		size_t n = strcspn(p, "\n");

		add(m, name, p, n);
		p += n;
	}
}

struct mask *mask_new(const struct agent *a)
{
	struct mask *m = xcalloc(1, sizeof *m);
	struct error e = { 0 };

	if (secrets_env(a, &m->text, &e) != 0 || m->text.len == 0)
		return m;
	for (char *p = m->text.data; *p;) {
		char *name = p, *equal = p + strcspn(p, "=\n"), *value;

		if (*p == '#' || *equal != '=') {
			p += strcspn(p, "\n");
			p += *p == '\n';
			continue;
		}
		*equal = '\0';
		p = take_value(equal + 1, &value);
		add_value(m, name, value);
	}
	return m;
}

void mask_free(struct mask *m)
{
	if (m->text.data)
		explicit_bzero(m->text.data, m->text.len);
	buf_free(&m->text);
	free(m->v);
	free(m);
}

static void replace(struct buf *text, const char *value, size_t n, const char *name)
{
	_buf_ out = BUF_INIT;
	size_t from = 0;
	const char *hit;

	while ((hit = memmem(buf_str(text) + from, text->len - from, value, n))) {
		buf_add(&out, text->data + from, (size_t)(hit - text->data) - from);
		buf_printf(&out, "[%s]", name);
		from = (size_t)(hit - text->data) + n;
	}
	if (from == 0)
		return;
	buf_add(&out, text->data + from, text->len - from);
	buf_free(text);
	*text = out;
	out = (struct buf)BUF_INIT;
}

void mask_text(const struct mask *m, struct buf *text)
{
	for (size_t i = 0; i < m->n; i++)
		replace(text, m->v[i].value, m->v[i].len, m->v[i].name);
}
