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
	struct {
		char *name, *value;
	} * v;
	size_t n, cap;
};

static void add(struct mask *m, const char *name, const char *value, size_t len)
{
	if (len < SECRET_MIN)
		return;
	m->v = grow(m->v, m->n, &m->cap, sizeof *m->v);
	m->v[m->n].name = xstrdup(name);
	m->v[m->n++].value = xstrndup(value, len);
}

/* Where a value has lines, each of them as well: a log has one at a time. */
static void add_value(void *arg, const char *name, const char *value)
{
	bool lines = strchr(value, '\n') != NULL;

	add(arg, name, value, strlen(value));
	for (const char *p = value; lines && *p; p += strspn(p, "\n")) {
		size_t n = strcspn(p, "\n");

		add(arg, name, p, n);
		p += n;
	}
}

struct mask *mask_new(const struct agent *a)
{
	struct mask *m = xcalloc(1, sizeof *m);
	struct error ignored = { 0 };

	(void)secrets_each(a, add_value, m, &ignored);
	return m;
}

void mask_free(struct mask *m)
{
	for (size_t i = 0; i < m->n; i++) {
		explicit_bzero(m->v[i].value, strlen(m->v[i].value));
		free(m->v[i].value);
		free(m->v[i].name);
	}
	free(m->v);
	free(m);
}

static void replace(struct buf *text, const char *value, const char *name)
{
	_buf_ out = BUF_INIT;
	size_t from = 0, n = strlen(value);
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
		replace(text, m->v[i].value, m->v[i].name);
}
