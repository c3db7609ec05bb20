/*
 * The core of progress: counts, nests, and decides when a line is due. Nothing here can fail.
 *
 * The rate is that of the last few seconds, not the mean since the beginning, so that a download
 * that stalls shows it at once.
 */
#include "progress.h"

#include "alloc.h"
#include "clock.h"
#include "progress_sink.h"
#include "utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct step *current(struct progress *p)
{
	return p && p->sink && p->depth && !p->hidden ? &p->steps[p->depth - 1] : NULL;
}

static void due(struct progress *p, struct step *s)
{
	int64_t now = clock_now_ms(p->clock);
	const struct sample *last =
		&s->samples[(s->n_samples + PROGRESS_SAMPLES - 1) % PROGRESS_SAMPLES];

	if (s->n_samples == 0 || now - last->ms >= PROGRESS_SAMPLE_MS)
		s->samples[s->n_samples++ % PROGRESS_SAMPLES] = (struct sample){ now, s->done };
	if (now - s->shown < p->sink->interval)
		return;
	s->shown = now;
	p->sink->update(p, s);
}

static void end_step(struct progress *p, const char *outcome, bool ok)
{
	struct step *s;

	if (!p || !p->sink || p->depth == 0)
		return;
	if (p->hidden) {
		p->hidden--;
		return;
	}
	s = &p->steps[p->depth - 1];
	p->sink->end(p, s, outcome, ok);
	free(s->what);
	free(s->unit);
	p->depth--;
	if (p->depth)
		p->steps[p->depth - 1].shown = clock_now_ms(p->clock);
}

/* Lines of ours are one line each, and carry no escapes of strangers to the terminal. */
static void sanitize(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = ' ';
}

struct progress *progress_new(enum progress_style style, int fd, bool color)
{
	struct progress *p = xcalloc(1, sizeof *p);
	const char *term = getenv("TERM");

	if (style == PROGRESS_AUTO)
		style = isatty(fd) && term && strcmp(term, "dumb") != 0 ? PROGRESS_TERM
									: PROGRESS_PLAIN;
	p->sink = style == PROGRESS_NONE ? NULL : &progress_sinks[style];
	p->clock = &clock_real;
	p->fd = fd;
	p->color = color;
	return p;
}

void progress_clock(struct progress *p, const struct clock *c)
{
	p->clock = c;
}

void progress_free(struct progress *p)
{
	for (size_t i = 0; i < p->depth; i++) {
		free(p->steps[i].what);
		free(p->steps[i].unit);
	}
	free(p);
}

void progress_begin(struct progress *p, const char *what, const char *unit, uint64_t total)
{
	struct step *s;

	if (!p || !p->sink)
		return;
	if (p->depth == PROGRESS_DEPTH) {
		p->hidden++;
		return;
	}
	s = &p->steps[p->depth++];
	*s = (struct step){ .total = total };
	s->what = xstrdup(what);
	s->unit = unit ? xstrdup(unit) : NULL;
	s->begun = s->shown = clock_now_ms(p->clock);
	s->samples[s->n_samples++] = (struct sample){ s->begun, 0 };
	sanitize(s->what);
	p->sink->begin(p, s);
}

void progress_total(struct progress *p, uint64_t total)
{
	struct step *s = current(p);

	if (s)
		s->total = total;
}

void progress_advance(struct progress *p, uint64_t n)
{
	struct step *s = current(p);

	if (!s)
		return;
	s->done += n;
	due(p, s);
}

void progress_set(struct progress *p, uint64_t done)
{
	struct step *s = current(p);

	if (!s)
		return;
	s->done = done;
	due(p, s);
}

void progress_detail(struct progress *p, const char *fmt, ...)
{
	struct step *s = current(p);
	va_list ap;

	if (!s)
		return;
	va_start(ap, fmt);
	vsnprintf(s->detail, sizeof s->detail, fmt, ap);
	va_end(ap);
	s->detail[utf8_whole(s->detail, strlen(s->detail))] = '\0';
	sanitize(s->detail);
	due(p, s);
}

static void note(struct progress *p, const struct sink *sink, const char *fmt, va_list ap)
{
	_free_ char *text = xvasprintf(fmt, ap);

	sanitize(text);
	sink->note(p, text);
}

void progress_note(struct progress *p, const char *fmt, ...)
{
	va_list ap;

	if (!p || !p->sink)
		return;
	va_start(ap, fmt);
	note(p, p->sink, fmt, ap);
	va_end(ap);
}

void progress_warn(struct progress *p, const char *fmt, ...)
{
	va_list ap;

	if (!p)
		return;
	va_start(ap, fmt);
	note(p, p->sink ? p->sink : &progress_sinks[PROGRESS_PLAIN], fmt, ap);
	va_end(ap);
}

void progress_end(struct progress *p, const char *outcome)
{
	end_step(p, outcome ? outcome : "done", true);
}

void progress_fail(struct progress *p)
{
	while (p && p->sink && p->depth)
		end_step(p, "failed", false);
}

void progress_tick(struct progress *p)
{
	struct step *s = current(p);

	if (s)
		due(p, s);
}
