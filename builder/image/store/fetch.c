/*
 * The connections of a fetch: starts what is due, hands answers to fetch_job.c, which decides what
 * they are worth.
 */
#include "alloc.h"
#include "clock.h"
#include "error.h"
#include "fetch_job.h"
#include "progress.h"
#include "store.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define CONNECTIONS 8 /* what archives bear from one address without complaint */
#define CONNECT_MS  20000
#define STALL_BYTES 1024 /* slower than this a second, for the stall time: given up */
#define TICK_MS	    1000
#define FLUSH_MS    1000 /* another kbuild may wait for these files */

static int64_t now_ms(void)
{
	return clock_now_ms(&clock_real);
}

static bool on_header(struct transfer *t, char *line)
{
	struct job *j = t->arg;

	if (strncmp(line, "HTTP/", 5) == 0)
		j->range[0] = '\0'; /* a new answer: of a redirect */
	if (strncasecmp(line, "Content-Range:", 14) == 0)
		snprintf(j->range, sizeof j->range, "%s", line + 14 + strspn(line + 14, " \t"));
	return true;
}

static void check_answer(struct job *j)
{
	const struct transfer *t = &j->transfer;

	job_answer(j, &(struct answer){ .status = t->status,
			      .length = t->length,
			      .html = strncasecmp(t->type, "text/html", 9) == 0,
			      .range = j->range });
}

static bool on_data(struct transfer *t, const void *data, size_t len)
{
	struct job *j = t->arg;

	if (!j->checked)
		check_answer(j);
	return job_data(j, data, len);
}

static int job_start(struct job *j, struct error *e)
{
	struct fetch *f = j->f;
	const struct store_access *access = j->item->access;
	bool file = strncasecmp(job_url(j), "file:", 5) == 0;
	const struct http_header *headers = NULL;
	int r = job_open(j, now_ms(), e);

	if (r != JOB_READY)
		return r;
	r = access ? access->headers(access->arg, &headers, e) : 0;
	if (r < 0)
		return error_prefix(e, "cannot load %s", j->item->name);
	j->transfer = (struct transfer){
		.url = job_url(j),
		.headers = headers,
		.files = true,
		.redirects = true,
		.from = file ? 0 : j->part.size,
		.connect_ms = CONNECT_MS,
		.stall_s = f->stall_s,
		.stall_bytes = STALL_BYTES,
		.header = on_header,
		.data = on_data,
		.arg = j,
	};
	transfer_start(f->transfers, &j->transfer);
	j->state = JOB_LOADING;
	f->active++;
	progress_detail(f->progress, "%s", j->item->name);
	return 0;
}

/* What the end of a connection says of the attempt. */
static void judge(struct job *j)
{
	static const enum verdict verdicts[] = {
		[TRANSFER_NOT_SENT] = AGAIN,
		[TRANSFER_SILENT] = AGAIN,
		[TRANSFER_CUT] = AGAIN,
		[TRANSFER_BROKEN] = AGAIN,
		[TRANSFER_TIMEOUT] = AGAIN,
		[TRANSFER_RANGE] = ZERO,
		[TRANSFER_STOPPED] = AGAIN, /* by us: the reason is known already */
		[TRANSFER_IMPOSSIBLE] = USELESS,
	};
	const struct transfer *t = &j->transfer;

	if (t->end == TRANSFER_DONE && !j->checked)
		check_answer(j); /* its body was empty */
	else if (t->end == TRANSFER_TIMEOUT && j->checked)
		job_because(j, AGAIN, "the server stalled after %llu of %llu bytes",
			(unsigned long long)j->part.size, (unsigned long long)j->item->size);
	else if (t->end != TRANSFER_DONE)
		job_because(j, verdicts[t->end], "%s", t->why);
}

static int finish_ended(struct fetch *f, struct error *e)
{
	struct transfer *t;

	while ((t = transfers_ended(f->transfers))) {
		struct job *j = t->arg;
		int r;

		judge(j);
		transfer_stop(f->transfers, t);
		f->active--;
		r = job_end(j, now_ms(), t->retry_after_ms, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Starts what is due. *ret_wait: ms until the next one is. */
static int start_due(struct fetch *f, int *ret_wait, struct error *e)
{
	int64_t now = now_ms(), wait = TICK_MS;

	for (size_t i = 0; i < f->n && f->active < CONNECTIONS; i++) {
		struct job *j = &f->jobs[i];
		int r;

		if (j->state != JOB_WAITING)
			continue;
		if (j->not_before > now) {
			wait = MIN(wait, j->not_before - now);
			continue;
		}
		r = job_start(j, e);
		if (r < 0)
			return r;
	}
	*ret_wait = (int)wait;
	return 0;
}

static int fetch_loop(struct fetch *f, struct error *e)
{
	int64_t flushed = now_ms();

	for (;;) {
		int wait = TICK_MS, r;

		r = finish_ended(f, e);
		if (r == 0)
			r = start_due(f, &wait, e);
		if (r == 0 && (f->done == f->n || now_ms() - flushed > FLUSH_MS)) {
			r = fetch_flush(f, e);
			flushed = now_ms();
		}
		if (r < 0 || f->done == f->n)
			return r;
		r = transfers_run(f->transfers, wait);
		if (r < 0)
			return error_errno(e, r, "%s", f->store->form->fetching);
		progress_tick(f->progress);
	}
}

static void fetch_end(struct fetch *f)
{
	for (size_t i = 0; i < f->n; i++) {
		struct job *j = &f->jobs[i];

		transfer_stop(f->transfers, &j->transfer);
		partial_close(&j->part);
		buf_free(&j->report);
	}
	while (f->n_ready >
		0) /* after an error: they are whole, and the next run begins with them */
		partial_close(&f->ready[--f->n_ready]);
	free(f->jobs);
	transfers_free(f->transfers);
}

int fetch_all(struct store *s, const struct store_item *const *items, size_t n, struct progress *p,
	struct error *e)
{
	_cleanup_(fetch_end) struct fetch f = {
		.store = s,
		.progress = p,
		.transfers = transfers_new(CONNECTIONS),
		.jobs = xcalloc(n, sizeof *f.jobs),
		.n = n,
		.stall_s = env_number("KBUILD_STALL_SECONDS", 20, 1, 3600),
		.retry = { .base_ms = env_number("KBUILD_RETRY_PAUSE_MS", 500, 1, 60000),
			.cap_ms = 30000,
			.tries = 4 },
	};

	for (size_t i = 0; i < n; i++)
		f.jobs[i] = (struct job){ .item = items[i], .f = &f, .part = PARTIAL_INIT };
	for (size_t i = 0; i < n; i++)
		if (!items[i]->urls[0])
			return error_set(e, ERR_NETWORK,
				"there is no URL to load %s from\nname a mirror with --mirror URL",
				items[i]->name);
	return fetch_loop(&f, e);
}
