/*
 * Phased updates. apt decides by the machine's id whether to take one, and not at all when it
 * installs into a fresh tree: there it takes even an update that was stopped at 0 %. An image is
 * not one machine, so only what everybody gets is taken. Which index phases its packages stands in the
 * index: -updates may come from a list or a source of the definition's own as well.
 */
#include "resolve.h"

#include "alloc.h"
#include "aptdir.h"
#include "arena.h"
#include "buf.h"
#include "deb822.h"
#include "error.h"
#include "sources.h"

#include <stdlib.h>
#include <string.h>

struct phased {
	const char *name, *version;
	bool released; /* the security pocket has it as well */
};

struct list {
	struct arena *arena;
	struct phased *v;
	size_t n, cap;
};

static int by_name(const void *x, const void *y)
{
	const struct phased *a = x, *b = y;
	int r = strcmp(a->name, b->name);

	return r ? r : strcmp(a->version, b->version);
}

static bool is_phased(const struct stanza *s)
{
	const char *v;
	size_t n;

	return stanza_get(s, "Phased-Update-Percentage", &v, &n) && strtoul(v, NULL, 10) < 100;
}

static void collect(struct list *l, const struct stanza *s)
{
	if (!is_phased(s))
		return;
	l->v = grow(l->v, l->n, &l->cap, sizeof *l->v);
	l->v[l->n] = (struct phased){ .name = stanza_dup(s, "Package", l->arena),
		.version = stanza_dup(s, "Version", l->arena) };
	if (l->v[l->n].name && l->v[l->n].version)
		l->n++;
}

static void release(struct list *l, const struct stanza *s)
{
	struct phased key = { .name = stanza_dup(s, "Package", l->arena),
		.version = stanza_dup(s, "Version", l->arena) };
	struct phased *found;

	if (!key.name || !key.version || is_phased(s))
		return;
	found = bsearch(&key, l->v, l->n, sizeof *l->v, by_name);
	if (found)
		found->released = true;
}

static int each(const struct apt_index *index, struct list *l,
	void (*f)(struct list *, const struct stanza *), struct error *e)
{
	_cleanup_(deb822_freep) struct deb822 *d = NULL;
	struct stanza s;
	int r;

	r = deb822_open(&d, index->path);
	if (r < 0)
		return error_errno(e, r, "opening %s", index->path);
	while ((r = deb822_next(d, &s)) > 0)
		f(l, &s);
	return r < 0 ? error_errno(e, r, "reading %s", index->path) : 0;
}

static bool is_security(const struct apt_source *s)
{
	static const char end[] = "-security";
	size_t n = strlen(s->suite), m = strlen(end);

	return s->base == APT_SECURITY || (n > m && strcmp(s->suite + n - m, end) == 0);
}

static int gather(struct aptdir *d, struct list *l, struct error *e)
{
	int r;

	for (size_t i = 0; i < d->n; i++) {
		r = each(&d->indexes[i], l, collect, e);
		if (r < 0)
			return r;
	}
	if (l->n == 0)
		return 0;
	qsort(l->v, l->n, sizeof *l->v, by_name);
	for (size_t i = 0; i < d->n; i++) {
		if (!is_security(d->indexes[i].source))
			continue;
		r = each(&d->indexes[i], l, release, e);
		if (r < 0)
			return r;
	}
	return 0;
}

int phased_pins(struct aptdir *d, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct list l = { .arena = a };
	_buf_ b = BUF_INIT;
	int r;

	r = gather(d, &l, e);
	for (size_t i = 0; r == 0 && i < l.n; i++) {
		if (!l.v[i].released)
			buf_printf(&b, "Package: %s\nPin: version %s\nPin-Priority: -1\n\n",
				l.v[i].name, l.v[i].version);
	}
	free(l.v);
	if (r < 0)
		return r;
	return aptdir_write(d, "etc/preferences.d/90-phased", buf_str(&b), b.len, e);
}
