/*
 * One file on its way: what the server says is checked before a byte is written (status, length,
 * range), and each failed attempt gets a verdict that decides what happens next.
 */
#include "fetch_job.h"

#include "alloc.h"
#include "error.h"
#include "http.h"
#include "progress.h"
#include "store.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *job_url(const struct job *j)
{
	return j->item->urls[j->url];
}

void job_because(struct job *j, enum verdict verdict, const char *fmt, ...)
{
	va_list ap;

	if (j->why[0])
		return; /* the first reason is the cause of the rest */
	j->verdict = verdict;
	va_start(ap, fmt);
	vsnprintf(j->why, sizeof j->why, fmt, ap);
	va_end(ap);
}

/* Part of the file: is it the part we asked for? */
static void check_range(struct job *j, const char *range)
{
	unsigned long long first;

	if (sscanf(range, "bytes %llu-", &first) != 1 || first != j->part.size)
		job_because(j, ZERO, "the server sent another range than was asked for");
}

/* The whole file although a part was asked for: servers may do that. */
static void start_over(struct job *j)
{
	int r;

	if (j->part.size == 0)
		return;
	j->f->bytes -= j->part.size;
	j->begun_at = 0;
	r = partial_restart(&j->part);
	if (r < 0)
		job_because(j, LOCAL, "emptying a partial download: %s", strerror(-r));
}

static void check_length(struct job *j, const struct answer *a)
{
	uint64_t whole = j->part.size + (uint64_t)a->length;

	if (a->length >= 0 ? whole == j->item->size : !a->html)
		return;
	if (a->html)
		job_because(j, WRONG, "the server answers with a page of HTML instead of the file");
	else
		job_because(j, WRONG, "the server offers %llu bytes, the lock says %llu",
			(unsigned long long)whole, (unsigned long long)j->item->size);
}

void job_answer(struct job *j, const struct answer *a)
{
	char text[32];

	j->checked = true;
	if (a->status == 416) {
		job_because(j, ZERO, "the server has no such range");
	} else if (a->status == 206) {
		check_range(j, a->range);
	} else if (a->status == 200 || a->status == 0) {
		start_over(j);
	} else {
		j->gone = j->gone || a->status == 404 || a->status == 410;
		job_because(j, http_status_transient(a->status) ? AGAIN : USELESS,
			"the server answers %s", http_status_text(a->status, text));
	}
	if (!j->why[0])
		check_length(j, a);
}

bool job_data(struct job *j, const void *data, size_t len)
{
	int r;

	if (j->why[0]) {
		j->error_bytes += len;
		return j->verdict != LOCAL && j->verdict != ZERO && j->error_bytes <= ERROR_BODY;
	}
	if (j->part.size + len > j->item->size) {
		job_because(j, WRONG, "the server sends more than the %llu bytes of the lock",
			(unsigned long long)j->item->size);
		return false;
	}
	r = partial_add(&j->part, data, len);
	if (r < 0) {
		job_because(j, LOCAL, "writing below %s: %s", j->f->store->dir, strerror(-r));
		return false;
	}
	j->f->bytes += len;
	progress_set(j->f->progress, j->f->bytes);
	return true;
}

static void job_done(struct job *j)
{
	partial_close(&j->part);
	j->state = JOB_DONE;
	j->f->done++;
	progress_set(j->f->progress, j->f->bytes);
}

int fetch_flush(struct fetch *f, struct error *e)
{
	int r = partials_move_in(f->ready, f->n_ready, f->store, e);

	while (f->n_ready > 0)
		partial_close(&f->ready[--f->n_ready]);
	return r;
}

/* The file is as long as it must be: into the store with it. 0: done, or why is filled. */
static int job_commit(struct job *j, struct error *e)
{
	struct fetch *f = j->f;
	bool resumed = j->begun_at > 0;
	int r = partial_check(&j->part);

	if (r < 0)
		return error_errno(e, r, "emptying a partial download of %s", j->item->name);
	if (r == 0) {
		f->ready[f->n_ready++] = j->part;
		j->part = (struct partial)PARTIAL_INIT;
		job_done(j);
		return f->n_ready == FETCH_BATCH ? fetch_flush(f, e) : 0;
	}
	f->bytes -= j->item->size;
	if (resumed) { /* two halves of two different files, perhaps: not this server's fault */
		job_because(j, ZERO, "what was loaded before does not fit");
	} else {
		j->mismatch = true;
		job_because(j, WRONG, "all bytes came, but they do not match the lock's SHA-256");
	}
	return 0;
}

int job_open(struct job *j, int64_t now, struct error *e)
{
	struct fetch *f = j->f;
	int r;

	if (j->part.fd < 0) {
		r = partial_open(&j->part, f->store, j->item, e);
		if (r < 0)
			return r;
		if (r == PARTIAL_BUSY) {
			j->not_before = now + BUSY_PAUSE_MS;
			progress_detail(
				f->progress, "%s: another kbuild is loading it", j->item->name);
			return 0;
		}
		f->bytes += r == PARTIAL_HAVE ? j->item->size : j->part.size;
		if (r == PARTIAL_HAVE) {
			job_done(j);
			return 0;
		}
	}
	j->begun_at = j->part.size;
	if (j->part.size > j->item->size)
		start_over(j);
	if (j->part.size == j->item->size) { /* whole, but its kbuild ended before the rename */
		r = job_commit(j, e);
		if (r < 0 || j->state == JOB_DONE)
			return r;
	}
	j->why[0] = j->range[0] = '\0';
	j->checked = false;
	j->error_bytes = 0;
	j->begun_at = j->part.size;
	return JOB_READY;
}

static int job_give_up(struct job *j, struct error *e)
{
	const struct store_form *form = j->f->store->form;

	error_set(e, j->mismatch ? ERR_LOCK : ERR_NETWORK, "cannot load %s:%s", j->item->name,
		buf_str(&j->report));
	return error_append(e, "\n%s",
		j->mismatch ? form->differs
		: j->gone   ? form->gone
			    : form->again);
}

static int job_next_url(struct job *j, struct error *e)
{
	_free_ char *url = http_without_login(job_url(j));

	buf_printf(&j->report, "\n  %s: %s", url, j->why);
	if (j->tries > 1)
		buf_printf(&j->report, " (tried %u times)", j->tries);
	j->tries = j->wrong = 0;
	j->not_before = 0;
	if (!j->item->urls[++j->url])
		return job_give_up(j, e);
	return 0;
}

static int job_failed(struct job *j, int64_t now, int64_t asked_ms, struct error *e)
{
	bool moved = j->part.size >= j->begun_at + PROGRESS_MIN;

	if (j->verdict == LOCAL)
		return error_set(e, ERR_FAILED, "cannot load %s: %s", j->item->name, j->why);
	if (j->verdict == ZERO) {
		start_over(j);
		j->tries++; /* bounded, like everything */
		return j->tries >= j->f->retry.tries ? job_next_url(j, e) : 0;
	}
	if (j->verdict == AGAIN && moved)
		j->tries = 0;
	j->tries++;
	j->wrong += j->verdict == WRONG;
	if (j->verdict == USELESS || j->tries >= j->f->retry.tries || j->wrong >= WRONG_MAX)
		return job_next_url(j, e);
	j->not_before = now + retry_pause_ms(&j->f->retry, j->tries, asked_ms, retry_random());
	return 0;
}

int job_end(struct job *j, int64_t now, int64_t retry_after_ms, struct error *e)
{
	int r = 0;

	if (!j->why[0] && j->part.size < j->item->size)
		job_because(j, AGAIN, "the answer ended after %llu of %llu bytes",
			(unsigned long long)j->part.size, (unsigned long long)j->item->size);
	else if (!j->why[0])
		r = job_commit(j, e);
	if (r == 0 && j->why[0])
		r = job_failed(j, now, retry_after_ms, e);
	if (j->state == JOB_LOADING)
		j->state = JOB_WAITING;
	return r;
}
