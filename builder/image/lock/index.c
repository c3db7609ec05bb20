/* Finding the stanzas of a plan in the package lists: one pass over each file. */
#include "resolve.h"

#include "alloc.h"
#include "aptdir.h"
#include "arena.h"
#include "buf.h"
#include "deb822.h"
#include "error.h"
#include "sources.h"

#include <string.h>

struct wanted {
	struct pick **v; /* sorted by name */
	size_t n, missing;
};

static int by_name(const void *x, const void *y)
{
	const struct pick *const *a = x, *const *b = y;

	return strcmp((*a)->name, (*b)->name);
}

/* The first of the picks with this name. */
static size_t lower_bound(const struct wanted *w, const char *name, size_t len)
{
	size_t lo = 0, hi = w->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int c = strncmp(w->v[mid]->name, name, len);

		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Is this stanza of this source the file at url? */
static bool is_at(const struct stanza *s, const struct apt_source *source, const char *url)
{
	const char *file;
	size_t n, m = strlen(source->uri), k = strlen(source->suite);

	if (strncmp(url, source->uri, m) != 0 || url[m] != '/')
		return false;
	url += m + 1;
	if (!source->components[0]) { /* flat: file names are relative to the suite */
		if (strncmp(url, source->suite, k) == 0)
			url += k;
	}
	if (!stanza_get(s, "Filename", &file, &n))
		return false;
	if (n > 2 && file[0] == '.' && file[1] == '/') {
		file += 2;
		n -= 2;
	}
	return strlen(url) == n && memcmp(url, file, n) == 0;
}

static void match(
	struct wanted *w, const struct stanza *s, const struct apt_source *source, struct arena *a)
{
	const char *name;
	size_t n;

	if (!stanza_get(s, "Package", &name, &n))
		return;
	for (size_t i = lower_bound(w, name, n); i < w->n; i++) {
		struct pick *p = w->v[i];

		if (strncmp(p->name, name, n) != 0)
			return;
		if (p->name[n] != '\0' || p->source || !is_at(s, source, p->url))
			continue;
		p->source = source;
		p->text = arena_strndup(a, s->text, s->len);
		p->len = strlen(p->text);
		w->missing--;
	}
}

static int search(struct wanted *w, const struct apt_index *index, struct arena *a, struct error *e)
{
	_cleanup_(deb822_freep) struct deb822 *d = NULL;
	struct stanza s;
	int r;

	r = deb822_open(&d, index->path);
	if (r < 0)
		return error_errno(e, r, "opening %s", index->path);
	while (w->missing > 0 && (r = deb822_next(d, &s)) > 0)
		match(w, &s, index->source, a);
	return r < 0 ? error_errno(e, r, "reading %s", index->path) : 0;
}

int index_find(const struct aptdir *d, struct picks *p, struct arena *a, struct error *e)
{
	_free_ struct pick **v = xcalloc(p->n, sizeof *v);
	struct wanted w = { .v = v };
	int r;

	for (size_t i = 0; i < p->n; i++) {
		if (!p->v[i].source)
			v[w.n++] = &p->v[i];
	}
	w.missing = w.n;
	qsort(v, w.n, sizeof *v, by_name);
	for (size_t i = 0; i < d->n; i++) {
		r = search(&w, &d->indexes[i], a, e);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < w.n; i++) {
		if (!v[i]->source)
			return error_set(e, ERR_FAILED,
				"apt chose %s, which none of the package lists has", v[i]->url);
	}
	return 0;
}
