/* What a launch costs a month, on the items of its plan. */
#include "launching.h"

#include <string.h>

/* Prices, on the items that cost: of the server and of its volume. */
int launch_add_prices(struct launching *l, struct plan *p, size_t from, struct error *e)
{
	struct cloud_cost cost;
	uint64_t gib = l->volume ? (uint64_t)l->volume->size : l->q->volume_size / GIB;
	int r = row_price(
		l->row, l->region, l->flavor ? l->flavor->name : NULL, gib, l->a, &cost, e);

	if (r < 0)
		return r;
	p->currency = cost.currency;
	p->carbon = cost.carbon;
	p->carbon_basis = cost.carbon_basis;
	for (size_t i = from; cost.currency && i < p->n; i++) {
		struct plan_item *t = &p->items[i];

		if (t->state == PLAN_WRONG || t->state == PLAN_NOTE)
			continue;
		if (strcmp(t->what, "server") == 0)
			t->price = cost.server;
		else if (strcmp(t->what, "data volume") == 0)
			t->price = cost.volume;
	}
	return 0;
}
