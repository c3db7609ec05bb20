/*
 * Levels: a package stands one above the highest of all that must be configured before it is
 * unpacked, which is what it Pre-Depends on and whatever those depend on. Few packages have such
 * dependencies that are not essential, so there are two or three levels.
 */
#include "order.h"

#include "alloc.h"
#include "depend.h"

#include <string.h>

struct graph {
	struct order_package *v;
	size_t n;
	bool *busy;  /* its level is being computed: a cycle leads back here */
	bool *known; /* its level is computed */
};

static bool is_word(const struct relation *r, const char *name)
{
	return strlen(name) == r->name_len && strncmp(r->name, name, r->name_len) == 0;
}

static bool provides(const struct order_package *p, const struct relation *wanted)
{
	const char *list = p->provides;
	struct relation r;

	while (list && relation_next(&list, &r)) {
		if (r.name_len == wanted->name_len &&
			strncmp(r.name, wanted->name, r.name_len) == 0)
			return true;
	}
	return false;
}

/* The package of this name, else one that provides it: a configured one before others. -1: none. */
static ssize_t find(const struct graph *g, const struct relation *r)
{
	ssize_t provider = -1;

	for (size_t i = 0; i < g->n; i++) {
		if (is_word(r, g->v[i].name))
			return (ssize_t)i;
		if ((provider < 0 || (g->v[i].configured && !g->v[provider].configured)) &&
			provides(&g->v[i], r))
			provider = (ssize_t)i;
	}
	return provider;
}

/*
 * The package that answers the next dependency "a | b": a configured one, else the first there is.
 * -1: none. False at the end of the field.
 */
static bool next_answer(const struct graph *g, const char **field, ssize_t *ret)
{
	struct relation r;

	*ret = -1;
	if (!*field || !relation_next(field, &r))
		return false;
	for (;;) {
		ssize_t i = find(g, &r);

		if (i >= 0 && (*ret < 0 || (g->v[i].configured && !g->v[*ret].configured)))
			*ret = i;
		if (!r.more || !relation_next(field, &r))
			return true;
	}
}

/* Calls each with the packages that a dependency field asks for and that are not yet configured. */
static void walk(
	const struct graph *g, const char *field, void (*each)(void *arg, size_t i), void *arg)
{
	ssize_t i;

	while (next_answer(g, &field, &i)) {
		if (i >= 0 && !g->v[i].configured)
			each(arg, (size_t)i);
	}
}

struct closure {
	const struct graph *g;
	bool *in;
};

/* Adds package i and whatever must be configured with it. */
static void closure_add(void *arg, size_t i)
{
	struct closure *c = arg;

	if (c->in[i])
		return;
	c->in[i] = true;
	walk(c->g, c->g->v[i].pre_depends, closure_add, c);
	walk(c->g, c->g->v[i].depends, closure_add, c);
}

static unsigned level_of(struct graph *g, size_t i)
{
	_free_ bool *in = xcalloc(g->n, sizeof *in);
	struct closure c = { .g = g, .in = in };
	unsigned level = 0;

	if (g->known[i] || g->v[i].configured)
		return g->v[i].level;
	if (g->busy[i])
		return 0; /* a cycle: no order is right, dpkg breaks it */
	g->busy[i] = true;
	walk(g, g->v[i].pre_depends, closure_add, &c);
	for (size_t k = 0; k < g->n; k++) {
		if (in[k] && k != i)
			level = MAX(level, level_of(g, k) + 1);
	}
	g->busy[i] = false;
	g->known[i] = true;
	g->v[i].level = level;
	for (size_t k = 0; k < g->n; k++) {
		if (in[k] && k != i && (g->v[k].early == 0 || g->v[k].early > level))
			g->v[k].early = level;
	}
	return level;
}

unsigned order_packages(struct order_package *v, size_t n)
{
	_free_ bool *busy = xcalloc(n, sizeof *busy);
	_free_ bool *known = xcalloc(n, sizeof *known);
	struct graph g = { .v = v, .n = n, .busy = busy, .known = known };
	unsigned levels = 0;

	for (size_t i = 0; i < n; i++)
		v[i].level = v[i].early = 0;
	for (size_t i = 0; i < n; i++)
		levels = MAX(levels, level_of(&g, i) + 1);
	return levels;
}
