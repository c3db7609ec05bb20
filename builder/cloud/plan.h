/* Making a struct plan, item by item. */
#pragma once

#include "provider.h"

/* Adds one; detail may be NULL. All strings are borrowed. Returns it, valid until the next one. */
struct plan_item *plan_add(struct plan *p, struct arena *a, enum plan_state state, const char *what,
	const char *name, const char *detail);
/* The number of items in that state. */
size_t plan_count(const struct plan *p, enum plan_state state);
/* "there", "make", "note", "wrong". */
const char *plan_state_name(enum plan_state s);
/* "6.57 EUR" from 1e-8 of a currency, in the arena. */
const char *price_text(struct arena *a, int64_t price, const char *currency);
