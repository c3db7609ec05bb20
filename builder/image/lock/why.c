/*
 * Why a package is there: the shortest chain from what was asked, over dependencies first and
 * over recommendations only for what dependencies do not reach. Computed from the stanzas of the
 * plan, so that the answer does not change with the version of the apt that made it.
 */
#include "resolve.h"

#include "alloc.h"
#include "arena.h"
#include "deb822.h"
#include "depend.h"
#include "lock.h"

#include <string.h>

struct provider {
	const char *name; /* a real name or one it provides */
	size_t package;
	const char *version; /* NULL: provided without one */
};

struct graph {
	struct lock_package *packages;
	const struct picks *picks;
	struct arena *arena;
	struct provider *providers; /* sorted by name, then package */
	size_t n_providers, cap;
	bool *reached;
	size_t *queue; /* reached packages in the order they were */
	size_t n;      /* in the queue */
};

static int by_name(const void *x, const void *y)
{
	const struct provider *a = x, *b = y;
	int r = strcmp(a->name, b->name);

	if (r)
		return r;
	return a->package < b->package ? -1 : a->package > b->package;
}

static void add_provider(struct graph *g, const char *name, size_t package, const char *version)
{
	g->providers = grow(g->providers, g->n_providers, &g->cap, sizeof *g->providers);
	g->providers[g->n_providers++] = (struct provider){ name, package, version };
}

static void find_providers(struct graph *g)
{
	for (size_t i = 0; i < g->picks->n; i++) {
		g->packages[i].reason = LOCK_DEPENDENCY; /* until something better is known */
		struct stanza s = { g->picks->v[i].text, g->picks->v[i].len };
		const char *p = stanza_dup(&s, "Provides", g->arena);
		struct relation r;

		add_provider(g, g->packages[i].name, i, g->packages[i].version);
		while (p && relation_next(&p, &r))
			add_provider(g, arena_strndup(g->arena, r.name, r.name_len), i,
				r.op[0] ? arena_strdup(g->arena, r.version) : NULL);
	}
	qsort(g->providers, g->n_providers, sizeof *g->providers, by_name);
}

static void reach(struct graph *g, size_t i, enum lock_reason reason, const char *because)
{
	if (g->reached[i])
		return;
	g->reached[i] = true;
	g->queue[g->n++] = i;
	g->packages[i].reason = reason;
	g->packages[i].because = because;
}

/* Follows one alternative to all packages of the plan that answer it. */
static void follow(
	struct graph *g, const struct relation *r, enum lock_reason reason, const char *because)
{
	size_t lo = 0, hi = g->n_providers;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		const char *name = g->providers[mid].name;
		int c = strncmp(name, r->name, r->name_len);

		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < g->n_providers; lo++) {
		const struct provider *p = &g->providers[lo];

		if (strncmp(p->name, r->name, r->name_len) != 0)
			return;
		if (p->name[r->name_len] != '\0')
			continue;
		if (!r->op[0] || (p->version && relation_satisfied(r, p->version)))
			reach(g, p->package, reason, because);
	}
}

static void follow_field(struct graph *g, size_t i, const char *field, enum lock_reason reason)
{
	struct stanza s = { g->picks->v[i].text, g->picks->v[i].len };
	const char *p = stanza_dup(&s, field, g->arena);
	struct relation r;

	while (p && relation_next(&p, &r))
		follow(g, &r, reason, g->packages[i].name);
}

/* Everything that dependencies reach from the queue's entries from *done on. */
static void close_dependencies(struct graph *g, size_t *done)
{
	for (; *done < g->n; (*done)++) {
		follow_field(g, g->queue[*done], "Pre-Depends", LOCK_DEPENDENCY);
		follow_field(g, g->queue[*done], "Depends", LOCK_DEPENDENCY);
	}
}

/* "name", "name:arch", "name=version", "name/suite" */
static bool name_asked(const char *const *asked, const char *name)
{
	size_t n = strlen(name);

	for (; *asked; asked++) {
		if (strncmp(*asked, name, n) == 0 &&
			((*asked)[n] == '\0' || strchr(":=/", (*asked)[n])))
			return true;
	}
	return false;
}

/* Where the chains begin: essential, asked for by name, or matched by the pattern of priorities. */
static void reach_roots(struct graph *g, const char *const *asked)
{
	for (size_t i = 0; i < g->picks->n; i++) {
		const struct pick *p = &g->picks->v[i];
		struct stanza s = { p->text, p->len };
		bool by_name_asked = name_asked(asked, p->name);

		if (!by_name_asked && stanza_is(&s, "Essential", "yes"))
			reach(g, i, LOCK_REQUIRED, NULL);
		else if (by_name_asked)
			reach(g, i, LOCK_ASKED, NULL);
		else if (!p->automatic && !p->essential)
			reach(g, i,
				stanza_is(&s, "Priority", "required") ? LOCK_REQUIRED : LOCK_ASKED,
				NULL);
	}
}

void explain_packages(struct lock_package *packages, const struct picks *p,
	const char *const *asked, struct arena *a)
{
	_free_ bool *reached = xcalloc(p->n, sizeof *reached);
	_free_ size_t *queue = xcalloc(p->n, sizeof *queue);
	struct graph g = {
		.packages = packages, .picks = p, .arena = a, .reached = reached, .queue = queue
	};
	size_t done = 0, recommended = 0;

	find_providers(&g);
	reach_roots(&g, asked);
	close_dependencies(&g, &done);
	for (; recommended < g.n; recommended++) {
		follow_field(&g, queue[recommended], "Recommends", LOCK_RECOMMENDED);
		close_dependencies(&g, &done);
	}
	free(g.providers);
}
