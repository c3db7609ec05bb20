/*
 * Levels: a package stands one above the highest of all that must be configured before it is
 * unpacked, which is what it Pre-Depends on and whatever those depend on. Few packages have such
 * dependencies that are not essential, so there are two or three levels.
 */
#include "order.h"

#include "alloc.h"

#include <string.h>

struct graph {
	struct order_package *v;
	size_t n;
	bool *busy;  /* its level is being computed: a cycle leads back here */
	bool *known; /* its level is computed */
};

/* A relation's package name: the first of "name:any (>= 1) [amd64] | …" */
static size_t word_len(const char *s)
{
	return strcspn(s, " \t\n(|,:[<");
}

static bool is_word(const char *s, size_t len, const char *name)
{
	return strlen(name) == len && strncmp(s, name, len) == 0;
}

static const char *skip_blanks(const char *s)
{
	return s + strspn(s, " \t\n");
}

/* True when the list "a, b (= 1)" names the word. */
static bool lists(const char *list, const char *word, size_t len)
{
	while (list && *list) {
		list = skip_blanks(list);
		if (word_len(list) == len && strncmp(list, word, len) == 0)
			return true;
		list += strcspn(list, ",");
		list += *list == ',';
	}
	return false;
}

/* The package of this name, else one that provides it: a configured one before others. -1: none. */
static ssize_t find(const struct graph *g, const char *word, size_t len)
{
	ssize_t provider = -1;

	if (len == 0)
		return -1;
	for (size_t i = 0; i < g->n; i++) {
		if (is_word(word, len, g->v[i].name))
			return (ssize_t)i;
		if (lists(g->v[i].provides, word, len) &&
			(provider < 0 || (g->v[i].configured && !g->v[provider].configured)))
			provider = (ssize_t)i;
	}
	return provider;
}

/* The package that answers one relation "a | b": a configured one, else the first there is. */
static ssize_t answer(const struct graph *g, const char *relation, size_t len)
{
	const char *end = relation + len;
	ssize_t first = -1;

	while (relation < end) {
		ssize_t i;

		relation = skip_blanks(relation);
		i = find(g, relation, word_len(relation));
		if (i >= 0 && g->v[i].configured)
			return i;
		if (first < 0)
			first = i;
		while (relation < end && *relation != '|')
			relation++;
		relation++;
	}
	return first;
}

/* Calls each with the packages that a dependency field asks for and that are not yet configured. */
static void walk(
	const struct graph *g, const char *list, void (*each)(void *arg, size_t i), void *arg)
{
	while (list && *list) {
		size_t len = strcspn(list, ",");
		ssize_t i = answer(g, list, len);

		if (i >= 0 && !g->v[i].configured)
			each(arg, (size_t)i);
		list += len;
		list += *list == ',';
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
