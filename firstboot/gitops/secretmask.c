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
	struct buf text; /* the file, its lines cut into names and values */
	struct {
		const char *name, *value;
	} * v;
	size_t n, cap;
};

static char *unquote(char *value)
{
	size_t n = strlen(value);

	if (n >= 2 && (*value == '"' || *value == '\'') && value[n - 1] == *value) {
		value[n - 1] = '\0';
		return value + 1;
	}
	return value;
}

struct mask *mask_new(const struct agent *a)
{
	struct mask *m = xcalloc(1, sizeof *m);
	struct error e = { 0 };
	char *save = NULL;

	if (secrets_env(a, &m->text, &e) != 0 || m->text.len == 0)
		return m;
	for (char *line = strtok_r(m->text.data, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save)) {
		char *equal = strchr(line, '=');

		if (!equal || *line == '#')
			continue;
		*equal = '\0';
		equal = unquote(equal + 1);
		if (strlen(equal) < SECRET_MIN)
			continue;
		m->v = grow(m->v, m->n, &m->cap, sizeof *m->v);
		m->v[m->n].name = line;
		m->v[m->n++].value = equal;
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
