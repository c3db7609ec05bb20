/* Plans: lists of what is there and what would be made. */
#include "plan.h"

#include "arena.h"

#include <inttypes.h>
#include <string.h>

struct plan_item *plan_add(struct plan *p, struct arena *a, enum plan_state state, const char *what,
	const char *name, const char *detail)
{
	/* Full at each power of two. */
	if ((p->n & (p->n - 1)) == 0) {
		struct plan_item *v = arena_alloc(a, MAX(p->n * 2, 1) * sizeof *v);

		if (p->n)
			memcpy(v, p->items, p->n * sizeof *v);
		p->items = v;
	}
	p->items[p->n] =
		(struct plan_item){ .what = what, .name = name, .state = state, .detail = detail };
	return &p->items[p->n++];
}

size_t plan_count(const struct plan *p, enum plan_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		n += p->items[i].state == state;
	return n;
}

const char *plan_state_name(enum plan_state s)
{
	static const char *const names[] = {
		[PLAN_THERE] = "there",
		[PLAN_MAKE] = "make",
		[PLAN_NOTE] = "note",
		[PLAN_WRONG] = "wrong",
	};

	return names[s];
}

const char *price_text(struct arena *a, int64_t price, const char *currency)
{
	int64_t cents = (price + 500000) / 1000000;

	return arena_printf(a, "%" PRId64 ".%02d %s", cents / 100, (int)(cents % 100), currency);
}
