/* The containers of gitops_world.h: how Compose makes them, and what the engine tells of them. */
#pragma once

#include "gitops_world.h"

static inline bool form_is(int form, enum kind kind)
{
	for (int i = 0; i < w->n; i++)
		if (w->commits[i].web == form && w->commits[i].kind == kind)
			return true;
	return false;
}

static inline void make(struct box *b, int form, int image)
{
	if (b->there && b->image != image)
		b->there = false;
	if (b->there && b->form == form && b->compose == w->compose) {
		b->space = b->running ? b->space : ++w->spaces;
		b->running = true;
		b->status = 0;
		return;
	}
	*b = (struct box){ .there = true,
		.running = true,
		.form = form,
		.id = ++w->ids,
		.image = image,
		.space = ++w->spaces,
		.compose = w->compose };
}

/* Compose makes it anew when web is another container than it was made for, and leaves it alone when it runs. */
static inline void make_side(void)
{
	if (w->side.with != w->web.id)
		w->side.there = false;
	if (w->side.there && w->side.running)
		return;
	make(&w->side, 1, 0);
	w->side.with = w->web.id;
	w->side.space = w->web.space;
}

static inline void make_migrate(int form)
{
	make(&w->migrate, form, 0);
	w->ends_at = w->ms + w->migrate_ms;
}

static inline void end_badly(struct box *b, int status)
{
	b->running = false;
	b->status = status;
}

static inline void write_box(struct buf *out, const char *name, struct box *b)
{
	bool web = strcmp(name, "web") == 0;
	bool crash = web && (form_is(b->form, CRASH) || form_is(b->form, UNSAFE) ||
				    (w->bad_form && b->form == w->bad_form) ||
				    (w->bad_built && b->image / 1000 == w->bad_built));

	if (!b->there)
		return;
	b->restarts += crash;
	buf_printf(out,
		"%s{\"id\":\"%d\",\"name\":\"x-%s-1\",\"service\":\"%s\",\"state\":\"%s\","
		"\"health\":\"%s\",\"hash\":\"%s%d.%d.%d\",\"exit_code\":%d,\"restarts\":%d,"
		"\"restart_policy\":\"always\"}",
		out->len > strlen("{\"containers\":[") ? "," : "", b->id, name, name,
		b->running ? "running" : "exited",
		web && form_is(b->form, UNHEALTHY) ? "unhealthy" : "none", name, b->form,
		b->compose, b->with, crash ? 1 : b->status, (int)b->restarts);
}
