/* Walking tables of checks, and showing what they found. */
#include "doctor.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "ctx.h"
#include "error.h"
#include "json.h"
#include "progress.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const words[] = { "ok", "warn", "fail" };

void doctor_say(struct doctor *d, enum doctor_verdict v, const char *check, const char *mend,
	const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	d->v = grow(d->v, d->n, &d->cap, sizeof *d->v);
	d->v[d->n++] = (struct doctor_finding){
		.verdict = v,
		.area = d->area,
		.check = check,
		.text = arena_strdup(d->arena, text),
		.mend = v == DOCTOR_OK ? NULL : mend,
	};
	d->count[v]++;
	free(text);
}

#define SKEW_MAX_S 30 /* OVH refuses minutes */

void doctor_say_clock(struct doctor *d, int64_t ahead_s, const char *whose)
{
	doctor_say(d, ahead_s > SKEW_MAX_S || ahead_s < -SKEW_MAX_S ? DOCTOR_WARN : DOCTOR_OK,
		"clock", "timedatectl set-ntp true", "%" PRId64 " s %s %s's",
		ahead_s < 0 ? -ahead_s : ahead_s, ahead_s < 0 ? "behind" : "ahead of", whose);
}

void doctor_say_limit(struct doctor *d, const struct doctor_limit *l, const char *mend)
{
	const int64_t left = l->used < l->max ? l->max - MAX(l->used, 0) : 0;

	if (l->max < 0)
		doctor_say(d, DOCTOR_OK, l->what, NULL, "no limit is known");
	else
		doctor_say(d,
			left < l->wanted       ? DOCTOR_FAIL
			: left / 2 < l->wanted ? DOCTOR_WARN
					       : DOCTOR_OK,
			l->what, mend, "%" PRId64 " of %" PRId64 " used, %" PRId64 " wanted",
			l->used, l->max, l->wanted);
}

void doctor_say_key_pairs(struct doctor *d, int64_t max, const char *mend)
{
	const char *what = "quota: key pairs";

	if (max < 0)
		doctor_say(d, DOCTOR_OK, what, NULL, "no limit is known");
	else
		doctor_say(d, max > 0 ? DOCTOR_OK : DOCTOR_FAIL, what, mend,
			"%" PRId64 " for each OpenStack user, 1 wanted", max);
}

int doctor_walk(
	struct doctor *d, const char *area, const struct doctor_check *checks, struct error *e)
{
	d->area = area;
	for (; checks->name; checks++) {
		struct error own = {};

		if (checks->applies && !checks->applies(d))
			continue;
		progress_begin(d->c->progress, checks->name, NULL, 0);
		if (checks->run(d, &own) < 0) {
			if (own.code == ERR_INTERRUPTED) {
				*e = own;
				return -e->code;
			}
			doctor_say(d, DOCTOR_FAIL, checks->name, checks->mend, "%s", own.msg);
		}
		progress_end(d->c->progress, NULL);
	}
	return 0;
}

static void add_member(struct buf *out, const char *key, const char *value)
{
	if (!value)
		return;
	buf_printf(out, ",\"%s\":", key);
	json_write_string(out, value, strlen(value));
}

void doctor_json(const struct doctor *d, struct buf *out)
{
	buf_adds(out, "{\"checks\":[");
	for (size_t i = 0; i < d->n; i++) {
		const struct doctor_finding *f = &d->v[i];

		buf_printf(out, "%s{\"verdict\":\"%s\"", i ? "," : "", words[f->verdict]);
		add_member(out, "area", f->area);
		add_member(out, "check", f->check);
		add_member(out, "text", f->text);
		add_member(out, "mend", f->mend);
		buf_addc(out, '}');
	}
	buf_printf(out, "],\"ok\":%zu,\"warn\":%zu,\"fail\":%zu}\n", d->count[DOCTOR_OK],
		d->count[DOCTOR_WARN], d->count[DOCTOR_FAIL]);
}

/* The longest name of a check: what stands behind them is in one column. */
static int widest(const struct doctor *d)
{
	size_t width = 0;

	for (size_t i = 0; i < d->n; i++)
		width = MAX(width, strlen(d->v[i].check));
	return (int)width;
}

void doctor_print(const struct doctor *d, struct buf *out)
{
	const int width = widest(d);
	const char *area = NULL;

	for (size_t i = 0; i < d->n; i++) {
		const struct doctor_finding *f = &d->v[i];

		if (!area || strcmp(area, f->area) != 0)
			buf_printf(out, "%s%s\n", area ? "\n" : "", f->area);
		area = f->area;
		buf_printf(out, "  %-4s  %-*s  %s\n", words[f->verdict], width, f->check, f->text);
		if (f->mend)
			buf_printf(out, "  %4s  %*s  -> %s\n", "", width, "", f->mend);
	}
	buf_printf(out, "\n%zu ok, %zu warnings, %zu failures\n", d->count[DOCTOR_OK],
		d->count[DOCTOR_WARN], d->count[DOCTOR_FAIL]);
}
