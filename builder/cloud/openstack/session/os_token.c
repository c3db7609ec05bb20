/* The token that is held, and what came with it. */
#include "os_parts.h"

#include "arena.h"
#include "clock.h"

#include <string.h>

void os_session_drop(struct os *o)
{
	if (o->token)
		explicit_bzero(o->token, strlen(o->token));
	free(TAKE(o->token));
	if (o->arena)
		arena_free(TAKE(o->arena));
	o->body = o->versions = NULL;
	o->cached = false;
}

void os_session_take(struct os *o, char *token, struct arena *a, struct node *body, int64_t life_s,
	int64_t left_s)
{
	const struct mark nowhere = { 0 };

	os_session_drop(o);
	o->token = token;
	o->arena = a;
	o->body = body;
	o->versions = node_map(a, &nowhere);
	o->life_s = life_s;
	o->end_ms = clock_now_ms(o->clock) + left_s * 1000;
}
