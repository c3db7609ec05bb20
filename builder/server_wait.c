/* Waiting for a server's answer on its console, with what it is doing as progress. */
#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "clock.h"
#include "ctx.h"
#include "error.h"
#include "launch.h"
#include "progress.h"
#include "provider.h"
#include "readiness.h"

#include <inttypes.h>
#include <string.h>

#define POLL_MS	 250  /* where the cloud has no other wish */
#define ALIVE_MS 2000 /* how often to ask the cloud whether it still runs */
#define LAST_MS	 1500 /* after a panic: let it finish its last words */

struct wait {
	struct ctx *c;
	const struct cloud *cloud;
	const struct server *server;
	const char *name;
	bool found; /* from then on offset is right */
	uint64_t offset;
	int64_t timeout, deadline, next_alive, dead_since;
	struct error trouble; /* why the cloud cannot be asked just now */
	struct readiness_watch watch;
	char *step; /* of first boot, shown as a step inside ours; NULL: none yet */
};

static void wait_close(struct wait *w)
{
	readiness_watch_free(&w->watch);
	free(w->step);
}

const char *server_price(const struct cloud *cloud, const struct server *s, struct arena *a)
{
	struct error ignored = {};
	const char *text = NULL;

	if (cloud->provider->cost)
		(void)cloud->provider->cost(cloud, s, a, &text, &ignored);
	return text ? arena_printf(a, " (%s a month)", text) : "";
}

int server_stays(const struct cloud *cloud, const struct server *s, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();

	return error_append(e,
		"\nThe server '%s' is there%s: the same command waits for it again, 'kbuild destroy %s%s' removes it",
		s->name, server_price(cloud, s, a), s->name, cloud->words);
}

/* What becomes of a server that is given up. */
enum after {
	AFTER_STOPPED,
	AFTER_RUNS,
	AFTER_MAY_ANSWER, /* it runs, and its answer may still come */
};

/* "what happened", its last lines, and where to look further. */
static int give_up(
	const struct wait *w, int code, const char *what, enum after after, struct error *e)
{
	static const char *const ends[] = {
		[AFTER_STOPPED] = "",
		[AFTER_RUNS] = "",
		[AFTER_MAY_ANSWER] = ", and the same command waits for it again",
	};
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_buf_ tail = BUF_INIT;

	readiness_tail(&w->watch, &tail);
	error_set(e, code, "the server '%s' did not get ready: %s%s%s", w->name, what,
		tail.len ? "\n" : "", buf_str(&tail));
	return error_append(e,
		"\n%s%s%s. All it wrote: 'kbuild console %s%s'. To remove it: 'kbuild destroy %s%s'",
		after == AFTER_STOPPED ? "It is kept" : "It still runs",
		server_price(w->cloud, w->server, a), ends[after], w->name, w->cloud->words,
		w->name, w->cloud->words);
}

static int gone(const struct wait *w, struct error *e)
{
	return error_set(e, ERR_FAILED, "the server '%s' was destroyed while it started", w->name);
}

/* A cloud that is away for a moment says nothing about the server: 0, it is asked again. */
static int put_up_with(struct wait *w, int r, struct error *e)
{
	if (e->code == ERR_INTERRUPTED)
		return r;
	if (!e->transient)
		return server_stays(w->cloud, w->server, e);
	progress_detail(w->c->progress, "the cloud cannot be asked just now: %s", e->msg);
	w->trouble = *e;
	*e = (struct error){};
	return 0;
}

/* 0: go on waiting; 1: the console has nothing more to come. */
static int check_alive(struct wait *w, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	int64_t now = clock_now_ms(w->c->clock);
	struct server s;
	int r;

	if (now < w->next_alive)
		return 0;
	r = w->cloud->provider->find(w->cloud, w->name, a, &s, e);
	if (r == CLOUD_ABSENT)
		return gone(w, e);
	if (r < 0)
		return put_up_with(w, r, e);
	w->next_alive = now + MAX(ALIVE_MS, 4 * w->cloud->provider->poll_ms);
	if (!w->found)
		w->offset = s.console_offset;
	w->found = true;
	if (s.stuck)
		return give_up(w, ERR_FAILED, s.note, AFTER_RUNS, e);
	return s.state == SERVER_STOPPED;
}

static void end_step(struct wait *w)
{
	if (w->step)
		progress_end(w->c->progress, NULL);
	free(TAKE(w->step));
}

/* First boot's own steps, each as one of ours. */
static void show(struct wait *w)
{
	const struct readiness_watch *watch = &w->watch;

	if (watch->step && (!w->step || strcmp(w->step, watch->step) != 0)) {
		end_step(w);
		w->step = xstrdup(watch->step);
		progress_begin(w->c->progress, w->step, NULL, 0);
	}
	if (watch->doing)
		progress_detail(w->c->progress, "%s", watch->doing);
	else if (watch->detail)
		progress_detail(w->c->progress, "%s", watch->detail);
}

static int read_on(struct wait *w, struct error *e)
{
	_buf_ text = BUF_INIT;
	int r;

	if (!w->found)
		return 0;
	r = w->cloud->provider->console(w->cloud, w->name, w->offset, &text, &w->offset, e);
	if (r == CLOUD_ABSENT)
		return gone(w, e);
	if (r < 0)
		return put_up_with(w, r, e);
	w->trouble = (struct error){};
	/* Line by line: a step that began and ended within one portion is shown, too. */
	for (size_t at = 0, n; at < text.len; at += n) {
		const char *line = buf_str(&text) + at;
		const char *nl = memchr(line, '\n', text.len - at);

		n = nl ? (size_t)(nl - line) + 1 : text.len - at;
		readiness_feed(&w->watch, line, n);
		show(w);
	}
	return 0;
}

static int degraded(const struct wait *w, const char *reasons, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();

	return error_set(e, ERR_TEST,
		"the server '%s' is up, but not as it should be: %s\nIt still runs%s. Look at it with "
		"'kbuild ssh %s%s', or remove it with 'kbuild destroy %s%s'",
		w->name, reasons, server_price(w->cloud, w->server, a), w->name, w->cloud->words,
		w->name, w->cloud->words);
}

static int ended_early(const struct wait *w, struct error *e)
{
	const char *doing = w->watch.doing;
	_buf_ what = BUF_INIT;

	buf_printf(&what, "it ended before it had answered%s%s", doing ? ", at " : "",
		doing ? doing : "");
	return give_up(w, ERR_FAILED, buf_str(&what), AFTER_STOPPED, e);
}

static int timed_out(const struct wait *w, struct error *e)
{
	const char *doing = w->watch.doing;
	_buf_ what = BUF_INIT;

	buf_printf(&what, "no answer within %" PRId64 " s (--timeout)%s%s", w->timeout / 1000,
		doing ? "; it was at " : "", doing ? doing : "");
	if (w->trouble.code)
		buf_printf(&what, "; the cloud could not be asked: %s", w->trouble.msg);
	return give_up(w, ERR_TEST, buf_str(&what), AFTER_MAY_ANSWER, e);
}

/* 1: go on. */
static int judge(struct wait *w, bool ended, struct error *e)
{
	enum after after = ended ? AFTER_STOPPED : AFTER_RUNS;
	int64_t now = clock_now_ms(w->c->clock);
	const char *reasons = w->watch.reasons ? w->watch.reasons : "it gave no reason";

	switch (w->watch.state) {
	case READINESS_READY:
		return 0;
	case READINESS_DEGRADED:
		return degraded(w, reasons, e);
	case READINESS_FAILED:
		return give_up(w, ERR_TEST, reasons, after, e);
	case READINESS_DEAD:
		if (!w->dead_since)
			w->dead_since = now;
		if (ended || now - w->dead_since >= LAST_MS)
			return give_up(w, ERR_TEST, w->watch.cause, after, e);
		return 1;
	case READINESS_WAITING:
		break;
	}
	if (ended)
		return ended_early(w, e);
	return now >= w->deadline ? timed_out(w, e) : 1;
}

static int wait_loop(struct wait *w, struct error *e)
{
	for (;;) {
		/* Asked before reading: what an ended server wrote last is then read. */
		int ended = check_alive(w, e);
		int r = ended < 0 ? ended : read_on(w, e);

		if (r == 0)
			r = judge(w, ended > 0, e);
		if (r <= 0)
			return r;
		progress_tick(w->c->progress);
		r = clock_sleep_ms(w->c->clock, MAX(POLL_MS, w->cloud->provider->poll_ms));
		if (r < 0)
			return error_set(e, ERR_INTERRUPTED, "interrupted");
	}
}

static struct wait wait_for(struct ctx *c, const struct cloud *cloud, const struct server *s)
{
	return (struct wait){
		.c = c,
		.cloud = cloud,
		.server = s,
		.name = s->name,
		.watch = READINESS_WATCH_INIT,
	};
}

int server_last_word(
	struct ctx *c, const struct cloud *cloud, const struct server *s, struct error *e)
{
	_cleanup_(wait_close) struct wait w = wait_for(c, cloud, s);
	_buf_ text = BUF_INIT;
	int r = check_alive(&w, e);

	/* A cloud that cannot be asked just now has said once that all is over. */
	if (r != 0 || !w.found)
		return MIN(r, 0);
	r = cloud->provider->console(cloud, w.name, w.offset, &text, &w.offset, e);
	if (r < 0 && !e->transient)
		return r;
	*e = (struct error){};
	readiness_feed(&w.watch, buf_str(&text), text.len);
	return readiness_answered(&w.watch) ? judge(&w, false, e) : 0;
}

int server_wait(struct ctx *c, const struct cloud *cloud, const struct server *s,
	int64_t timeout_ms, bool *ret_answered, struct error *e)
{
	_cleanup_(wait_close) struct wait w = wait_for(c, cloud, s);
	int r;

	w.timeout = timeout_ms;
	w.deadline = clock_now_ms(c->clock) + timeout_ms;
	progress_begin(c->progress, "waiting for the server to get ready", NULL, 0);
	r = wait_loop(&w, e);
	if (r == 0) {
		end_step(&w);
		progress_end(c->progress, "ready");
	}
	if (ret_answered)
		*ret_answered = readiness_answered(&w.watch);
	return r;
}

int server_started(struct ctx *c, const struct cloud *cloud, const struct server *s, int how,
	int64_t timeout_ms, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const bool booted = how != CLOUD_UNCHANGED && how != CLOUD_RESUMED;
	struct server now;
	int r;

	if (booted || cloud->provider->knows_boot)
		return server_wait(c, cloud, s, timeout_ms, NULL, e);
	r = cloud->provider->find(cloud, s->name, a, &now, e);
	if (r < 0)
		return r;
	/* All that its console holds is of its first boot, which may still be on its way. */
	if (r == 0 && now.state == SERVER_BOOTING)
		return server_wait(c, cloud, s, timeout_ms, NULL, e);
	return server_last_word(c, cloud, s, e);
}
