/* For a package name that no source has: the nearest one that a source has. */
#include "resolve.h"

#include "alloc.h"
#include "aptdir.h"
#include "arena.h"
#include "deb822.h"
#include "error.h"
#include "mark.h"

#include <string.h>

struct names {
	struct arena *arena;
	const char **v;
	size_t n, cap;
};

/* Names of one index; what cannot be read is left out: this only improves a message. */
static void collect(struct names *s, const struct apt_index *index)
{
	_cleanup_(deb822_freep) struct deb822 *d = NULL;
	struct stanza st;

	if (deb822_open(&d, index->path) < 0)
		return;
	while (deb822_next(d, &st) > 0) {
		const char *name = stanza_dup(&st, "Package", s->arena);

		if (!name)
			continue;
		s->v = grow(s->v, s->n + 1, &s->cap, sizeof *s->v);
		s->v[s->n++] = name;
	}
}

void suggest_package(const struct aptdir *d, const char *apt_says, struct error *e)
{
	static const char says[] = "Unable to locate package ";
	const char *at = strstr(apt_says, says), *near;
	_cleanup_(arena_freep) struct arena *a = NULL;
	struct names s = {};

	if (!at)
		return;
	at += strlen(says);
	s.arena = a = arena_new();
	for (size_t i = 0; i < d->n; i++)
		collect(&s, &d->indexes[i]);
	if (s.n == 0)
		return;
	s.v[s.n] = NULL;
	near = nearest_word(arena_strndup(a, at, strcspn(at, "\n")), s.v);
	if (near)
		error_append(e, "; did you mean '%s'?", near);
	free(s.v);
}
