/* The table of checks, and what they share; see checks.h. */
#include "checks.h"

#include "alloc.h"
#include "arena.h"
#include "interrupt.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct finding *finding_add(
	struct examination *x, enum verdict verdict, const char *name, const char *fmt, ...)
{
	struct finding *f;
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	x->found.v = grow(x->found.v, x->found.n, &x->found.cap, sizeof *x->found.v);
	f = &x->found.v[x->found.n++];
	*f = (struct finding){
		.name = arena_strdup(x->arena, name),
		.verdict = verdict,
		.text = arena_strdup(x->arena, text),
	};
	return f;
}

void finding_value(struct finding *f, double value)
{
	f->value = value;
	f->has_value = true;
}

const struct finding *finding_find(const struct findings *found, const char *name)
{
	for (size_t i = 0; i < found->n; i++)
		if (strcmp(found->v[i].name, name) == 0)
			return &found->v[i];
	return NULL;
}

static void (*const checks[])(struct examination *x) = {
	check_http,
	check_disks,
	check_memory,
	check_load,
	check_clock,
	check_first_boot,
	check_units,
	check_containers,
	check_backup,
	check_gitops,
};

void checks_run(struct examination *x)
{
	for (size_t i = 0; i < ARRAY_SIZE(checks) && !interrupted(); i++)
		checks[i](x);
}
