/*
 * The connections: many files at once by libcurl's multi interface. What the answers are worth is
 * decided in fetch_job.c.
 */
#include "alloc.h"
#include "clock.h"
#include "error.h"
#include "fetch_job.h"
#include "interrupt.h"
#include "progress.h"
#include "store.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define CONNECTIONS 8 /* what archives bear from one address without complaint */
#define CONNECT_S   20
#define STALL_BYTES 1024 /* slower than this a second, for the stall time: given up */

static int64_t now_ms(void)
{
	return clock_now_ms(&clock_real);
}

static void read_answer(struct job *j)
{
	struct answer a = { .range = j->range };
	curl_off_t length = -1;
	char *type = NULL;

	curl_easy_getinfo(j->easy, CURLINFO_RESPONSE_CODE, &a.status);
	curl_easy_getinfo(j->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	curl_easy_getinfo(j->easy, CURLINFO_CONTENT_TYPE, &type);
	a.length = length;
	a.html = type && strncasecmp(type, "text/html", 9) == 0;
	job_answer(j, &a);
}

static size_t on_header(char *data, size_t one, size_t len, void *arg)
{
	struct job *j = arg;

	if (len >= 5 && strncmp(data, "HTTP/", 5) == 0)
		j->range[0] = '\0'; /* a new answer: of a redirect */
	if (len > 14 && strncasecmp(data, "Content-Range:", 14) == 0)
		snprintf(j->range, sizeof j->range, "%.*s", (int)(len - 15), data + 15);
	return one * len;
}

static size_t on_data(char *data, size_t one, size_t len, void *arg)
{
	struct job *j = arg;

	if (!j->checked)
		read_answer(j);
	return job_data(j, data, one * len) ? one * len : 0;
}

static void set_protocols(CURL *c)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https,file");
	curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(
		c, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS | CURLPROTO_FILE));
	curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
	curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L); /* Ctrl-C does not wait for a name server */
#endif
}

static void set_options(struct job *j)
{
	CURL *c = j->easy;

	set_protocols(c);
	curl_easy_setopt(c, CURLOPT_URL, job_url(j));
	curl_easy_setopt(c, CURLOPT_PRIVATE, j);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "kbuild/" KBUILD_VERSION);
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(c, CURLOPT_MAXREDIRS, 5L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, (long)STALL_BYTES);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)j->f->stall_s);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, j);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, j);
	if (j->part.size > 0 && strncasecmp(job_url(j), "file:", 5) != 0) {
		char range[32];

		snprintf(range, sizeof range, "%llu-", (unsigned long long)j->part.size);
		curl_easy_setopt(c, CURLOPT_RANGE, range);
	}
}

static int job_start(struct job *j, struct error *e)
{
	struct fetch *f = j->f;
	int r = job_open(j, now_ms(), e);

	if (r != JOB_READY)
		return r;
	j->easy = curl_easy_init();
	if (!j->easy)
		abort(); /* out of memory */
	set_options(j);
	curl_multi_add_handle(f->multi, j->easy);
	j->state = JOB_LOADING;
	f->active++;
	progress_detail(f->progress, "%s", j->item->name);
	return 0;
}

/* What libcurl calls failure, in the words of whoever must mend it. */
static void explain_code(struct job *j, CURLcode code)
{
	static const struct {
		CURLcode code;
		enum verdict verdict;
		const char *text; /* NULL: libcurl's own */
	} rows[] = {
		{ CURLE_UNSUPPORTED_PROTOCOL, USELESS, NULL },
		{ CURLE_URL_MALFORMAT, USELESS, NULL },
		{ CURLE_FILE_COULDNT_READ_FILE, USELESS, "there is no such file" },
		{ CURLE_PEER_FAILED_VERIFICATION, USELESS, NULL },
		{ CURLE_TOO_MANY_REDIRECTS, USELESS, "the server redirects for ever" },
		{ CURLE_RANGE_ERROR, ZERO, "the server has no such range" },
		{ CURLE_OPERATION_TIMEDOUT, AGAIN, "the server does not answer" },
		{ CURLE_RECV_ERROR, AGAIN, "the connection broke" },
		{ CURLE_GOT_NOTHING, AGAIN, "the server closed the connection without an answer" },
		{ CURLE_PARTIAL_FILE, AGAIN, "the server closed the connection half-way" },
	};

	if (code == CURLE_OPERATION_TIMEDOUT && j->part.size > 0 && j->checked) {
		job_because(j, AGAIN, "the server stalled after %llu of %llu bytes",
			(unsigned long long)j->part.size, (unsigned long long)j->item->size);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].code == code) {
			job_because(j, rows[i].verdict, "%s",
				rows[i].text ? rows[i].text : curl_easy_strerror(code));
			return;
		}
	job_because(j, AGAIN, "%s", curl_easy_strerror(code));
}

static int job_finish(struct job *j, CURLcode code, struct error *e)
{
	curl_off_t retry_after_s = 0;
	int r;

	if (code == CURLE_OK && !j->checked)
		read_answer(j); /* its body was empty */
	if (code != CURLE_OK)
		explain_code(j, code);
	curl_easy_getinfo(j->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
	r = job_end(j, now_ms(), retry_after_s * 1000, e);
	curl_multi_remove_handle(j->f->multi, j->easy);
	curl_easy_cleanup(TAKE(j->easy));
	j->f->active--;
	return r;
}

/* Starts what is due. *ret_wait: ms until the next one is. */
static int start_due(struct fetch *f, int *ret_wait, struct error *e)
{
	int64_t now = now_ms(), wait = 1000;

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

static int finish_ended(struct fetch *f, struct error *e)
{
	CURLMsg *msg;
	int left, r;

	while ((msg = curl_multi_info_read(f->multi, &left))) {
		struct job *j;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&j);
		r = job_finish(j, msg->data.result, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int fetch_loop(struct fetch *f, struct error *e)
{
	for (;;) {
		struct curl_waitfd wake = { .fd = interrupt_fd(), .events = CURL_WAIT_POLLIN };
		int running, wait, r;

		if (interrupted())
			return error_errno(e, ECANCELED, "loading packages");
		curl_multi_perform(f->multi, &running);
		r = finish_ended(f, e);
		if (r == 0)
			r = start_due(f, &wait, e);
		if (r < 0 || f->done == f->n)
			return r;
		curl_multi_poll(f->multi, &wake, wake.fd >= 0, wait, NULL);
		progress_tick(f->progress);
	}
}

static void fetch_end(struct fetch *f)
{
	for (size_t i = 0; i < f->n; i++) {
		struct job *j = &f->jobs[i];

		if (j->easy) {
			curl_multi_remove_handle(f->multi, j->easy);
			curl_easy_cleanup(j->easy);
		}
		partial_close(&j->part);
		buf_free(&j->report);
	}
	free(f->jobs);
	curl_multi_cleanup(f->multi);
}

int fetch_all(struct store *s, const struct store_item *const *items, size_t n, struct progress *p,
	struct error *e)
{
	_cleanup_(fetch_end) struct fetch f = {
		.store = s,
		.progress = p,
		.stall_s = env_number("KBUILD_STALL_SECONDS", 20, 1, 3600),
		.retry = { .base_ms = env_number("KBUILD_RETRY_PAUSE_MS", 500, 1, 60000),
			.cap_ms = 30000,
			.tries = 4 },
	};

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return error_set(e, ERR_FAILED, "libcurl does not start");
	f.multi = curl_multi_init();
	if (!f.multi)
		abort(); /* out of memory */
	curl_multi_setopt(f.multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)CONNECTIONS);
	f.jobs = xcalloc(n, sizeof *f.jobs);
	f.n = n;
	for (size_t i = 0; i < n; i++)
		f.jobs[i] = (struct job){ .item = items[i], .f = &f, .part = PARTIAL_INIT };
	return fetch_loop(&f, e);
}
