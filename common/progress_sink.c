/*
 * The three kinds of lines: redrawn on a terminal, plain, JSON. What cannot be written is dropped: a
 * closed terminal must not fail a build.
 */
#include "progress_sink.h"

#include "buf.h"
#include "clock.h"
#include "fd.h"
#include "json.h"
#include "progress.h"

#include <string.h>
#include <sys/ioctl.h>

#define COLUMNS_MIN 40 /* narrower terminals wrap; so be it */
#define BAR_WIDTH   20

static bool is_bytes(const struct step *s)
{
	return s->unit && strcmp(s->unit, "B") == 0;
}

static void add_duration(struct buf *b, int64_t ms)
{
	if (ms < 60000)
		buf_printf(b, "%lld.%lld s", (long long)ms / 1000, (long long)ms % 1000 / 100);
	else
		buf_printf(
			b, "%lld min %02lld s", (long long)ms / 60000, (long long)ms / 1000 % 60);
}

static void add_amount(struct buf *b, const struct step *s)
{
	if (is_bytes(s) && s->total)
		buf_printf(b, "%.1f of %.1f MiB", (double)s->done / MIB, (double)s->total / MIB);
	else if (is_bytes(s))
		buf_printf(b, "%.1f MiB", (double)s->done / MIB);
	else if (s->unit && s->total)
		buf_printf(b, "%llu of %llu %s", (unsigned long long)s->done,
			(unsigned long long)s->total, s->unit);
	else if (s->unit)
		buf_printf(b, "%llu %s", (unsigned long long)s->done, s->unit);
}

/* Units a second over the ring; 0 when not known yet. */
static double step_rate(const struct step *s, int64_t now)
{
	const struct sample *old =
		&s->samples[s->n_samples > PROGRESS_SAMPLES ? s->n_samples % PROGRESS_SAMPLES : 0];

	if (s->n_samples == 0 || now - old->ms < PROGRESS_SAMPLE_MS || s->done < old->done)
		return 0;
	return (double)(s->done - old->done) * 1000 / (double)(now - old->ms);
}

static void add_rate(struct buf *b, const struct step *s, int64_t now)
{
	double rate = step_rate(s, now);

	if (is_bytes(s) && rate > 0)
		buf_printf(b, ", %.1f MiB/s", rate / MIB);
	if (rate > 0 && s->total > s->done) {
		double left = (double)(s->total - s->done) / rate;

		if (left < 100 * 3600)
			buf_printf(b, ", %lld:%02lld left", (long long)left / 60,
				(long long)left % 60);
	}
}

static unsigned percent(const struct step *s)
{
	return s->total ? (unsigned)(100.0 * (double)MIN(s->done, s->total) / (double)s->total) : 0;
}

static void put(struct progress *p, struct buf *b)
{
	int r = fd_write(p->fd, buf_str(b), b->len);

	(void)r; /* a closed terminal must not fail the build */
}

/* --- plain lines ------------------------------------------------------------------------------ */

static void plain_begin(struct progress *p, struct step *s)
{
	_buf_ b = BUF_INIT;

	buf_printf(&b, "%s%s", p->depth > 1 ? "  " : "", s->what);
	if (is_bytes(s) && s->total)
		buf_printf(&b, ": %.1f MiB", (double)s->total / MIB);
	else if (s->unit && s->total)
		buf_printf(&b, ": %llu %s", (unsigned long long)s->total, s->unit);
	buf_adds(&b, " …\n");
	put(p, &b);
}

static void plain_update(struct progress *p, struct step *s)
{
	_buf_ b = BUF_INIT;
	int64_t now = clock_now_ms(p->clock);

	buf_printf(&b, "%s%s: ", p->depth > 1 ? "  " : "", s->what);
	add_amount(&b, s);
	add_rate(&b, s, now);
	buf_printf(&b, "%safter ", s->unit ? ", " : "still working ");
	add_duration(&b, now - s->begun);
	if (s->detail[0])
		buf_printf(&b, " (%s)", s->detail);
	buf_addc(&b, '\n');
	put(p, &b);
}

static void plain_note(struct progress *p, const char *text)
{
	_buf_ b = BUF_INIT;

	buf_printf(&b, "%s\n", text);
	put(p, &b);
}

static void plain_end(struct progress *p, struct step *s, const char *outcome, _unused_ bool ok)
{
	_buf_ b = BUF_INIT;

	buf_printf(&b, "%s%s: %s", p->depth > 1 ? "  " : "", s->what, outcome);
	if (s->unit && s->done) {
		s->total = 0; /* at the end what was done is the whole */
		buf_adds(&b, ", ");
		add_amount(&b, s);
	}
	buf_adds(&b, " in ");
	add_duration(&b, clock_now_ms(p->clock) - s->begun);
	buf_addc(&b, '\n');
	put(p, &b);
}

/* --- terminal: the same words on one line that is drawn again and again ----------------------- */

static size_t columns(const struct progress *p)
{
	struct winsize w = {};

	if (ioctl(p->fd, TIOCGWINSZ, &w) < 0 || w.ws_col < COLUMNS_MIN)
		return w.ws_col ? COLUMNS_MIN : 80;
	return w.ws_col;
}

/* Cuts to max characters of UTF-8: a longer line would wrap and could not be drawn again. */
static void cut(struct buf *b, size_t max)
{
	size_t chars = 0;

	for (size_t i = 0; i < b->len; i++) {
		if (((unsigned char)b->data[i] & 0xc0) == 0x80)
			continue;
		if (chars++ == max) {
			b->len = i;
			b->data[i] = '\0';
			return;
		}
	}
}

static void term_clear(struct progress *p, struct buf *b)
{
	if (p->drawn)
		buf_adds(b, "\r\033[K");
	p->drawn = false;
}

static void term_update(struct progress *p, struct step *s)
{
	_buf_ line = BUF_INIT;
	_buf_ b = BUF_INIT;
	int64_t now = clock_now_ms(p->clock);

	buf_printf(&line, "%s%s  ", p->depth > 1 ? "  " : "", s->what);
	if (s->total) {
		unsigned filled = percent(s) * BAR_WIDTH / 100;

		buf_addc(&line, '[');
		for (unsigned i = 0; i < BAR_WIDTH; i++)
			buf_addc(&line, i < filled ? '=' : i == filled ? '>' : ' ');
		buf_printf(&line, "] %3u%%  ", percent(s));
	}
	add_amount(&line, s);
	add_rate(&line, s, now);
	if (!s->total) {
		buf_adds(&line, s->unit ? ", " : "");
		add_duration(&line, now - s->begun);
	}
	if (s->detail[0])
		buf_printf(&line, "  %s", s->detail);
	cut(&line, columns(p) - 1);
	term_clear(p, &b);
	buf_add(&b, buf_str(&line), line.len);
	p->drawn = true;
	put(p, &b);
}

static void term_begin(struct progress *p, struct step *s)
{
	struct step *outer = p->depth > 1 ? &p->steps[0] : NULL;

	if (outer && !outer->headed) {
		_buf_ b = BUF_INIT;

		term_clear(p, &b);
		buf_printf(&b, "%s\n", outer->what);
		outer->headed = true;
		put(p, &b);
	}
	term_update(p, s);
}

static void term_note(struct progress *p, const char *text)
{
	_buf_ b = BUF_INIT;

	term_clear(p, &b);
	buf_printf(&b, "%s\n", text);
	put(p, &b);
	if (p->depth)
		term_update(p, &p->steps[p->depth - 1]);
}

static void term_end(struct progress *p, struct step *s, const char *outcome, bool ok)
{
	_buf_ b = BUF_INIT;
	_buf_ colored = BUF_INIT;

	if (p->color)
		buf_printf(&colored, "\033[%dm%s\033[0m", ok ? 32 : 31, outcome);
	term_clear(p, &b);
	put(p, &b);
	plain_end(p, s, p->color ? buf_str(&colored) : outcome, ok);
}

/* --- JSON lines -------------------------------------------------------------------------------- */

static void add_string(struct buf *b, const char *s)
{
	json_write_string(b, s, strlen(s));
}

static void json_line(
	struct progress *p, const char *event, const struct step *s, const char *outcome)
{
	_buf_ b = BUF_INIT;

	buf_printf(&b, "{\"event\":\"%s\",\"step\":", event);
	add_string(&b, s->what);
	buf_printf(&b, ",\"depth\":%zu,\"ms\":%lld", p->depth,
		(long long)(clock_now_ms(p->clock) - s->begun));
	if (s->unit) {
		buf_adds(&b, ",\"unit\":");
		add_string(&b, s->unit);
		buf_printf(&b, ",\"done\":%llu", (unsigned long long)s->done);
	}
	if (s->unit && s->total)
		buf_printf(&b, ",\"total\":%llu", (unsigned long long)s->total);
	if (s->detail[0]) {
		buf_adds(&b, ",\"detail\":");
		add_string(&b, s->detail);
	}
	if (outcome) {
		buf_adds(&b, ",\"outcome\":");
		add_string(&b, outcome);
	}
	buf_adds(&b, "}\n");
	put(p, &b);
}

static void json_begin(struct progress *p, struct step *s)
{
	json_line(p, "begin", s, NULL);
}

static void json_update(struct progress *p, struct step *s)
{
	json_line(p, "progress", s, NULL);
}

static void json_note(struct progress *p, const char *text)
{
	_buf_ b = BUF_INIT;

	buf_adds(&b, "{\"event\":\"note\",\"text\":");
	add_string(&b, text);
	buf_adds(&b, "}\n");
	put(p, &b);
}

static void json_end(struct progress *p, struct step *s, const char *outcome, bool ok)
{
	json_line(p, ok ? "end" : "failed", s, outcome);
}

const struct sink progress_sinks[] = {
	[PROGRESS_TERM] = { 100, term_begin, term_update, term_note, term_end },
	[PROGRESS_PLAIN] = { 30000, plain_begin, plain_update, plain_note, plain_end },
	[PROGRESS_JSON] = { 1000, json_begin, json_update, json_note, json_end },
};
