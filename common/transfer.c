/* libcurl's multi interface: the only one that Ctrl-C can wake, and that does many things at once. */
#include "transfer.h"

#include "alloc.h"
#include "http.h"
#include "interrupt.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "curl_load.h"

struct transfers {
	CURLM *multi;
};

struct transfers *transfers_new(unsigned connections)
{
	struct transfers *ts = xcalloc(1, sizeof *ts);

	if (curl()->global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		abort(); /* only when out of memory or built wrong */
	ts->multi = curl()->multi_init();
	if (!ts->multi)
		abort(); /* out of memory */
	curl()->multi_setopt(ts->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)connections);
	return ts;
}

void transfers_free(struct transfers *ts)
{
	curl()->multi_cleanup(ts->multi);
	free(ts);
}

/* The first certificate of the chain is the server's own; libcurl reads either form of its date. */
static int64_t certificate_ends(CURL *handle)
{
	static const char key[] = "Expire date:";
	struct curl_certinfo *info = NULL;

	if (curl()->easy_getinfo(handle, CURLINFO_CERTINFO, &info) != CURLE_OK || !info ||
		info->num_of_certs < 1)
		return 0;
	for (const struct curl_slist *l = info->certinfo[0]; l; l = l->next) {
		if (strncmp(l->data, key, sizeof key - 1) == 0)
			return MAX((int64_t)curl()->getdate(l->data + sizeof key - 1, NULL), 0);
	}
	return 0;
}

static void read_answer(struct transfer *t)
{
	curl_off_t length = -1, retry_after_s = 0;
	char *type = NULL;

	curl()->easy_getinfo(t->handle, CURLINFO_RESPONSE_CODE, &t->status);
	curl()->easy_getinfo(t->handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	curl()->easy_getinfo(t->handle, CURLINFO_CONTENT_TYPE, &type);
	curl()->easy_getinfo(t->handle, CURLINFO_RETRY_AFTER, &retry_after_s);
	t->length = length;
	t->type = type ? type : "";
	t->retry_after_ms = retry_after_s * 1000;
	t->certificate_ends = t->certificate ? certificate_ends(t->handle) : 0;
}

static size_t on_data(char *data, size_t one, size_t n, void *arg)
{
	struct transfer *t = arg;

	read_answer(t);
	return t->data(t, data, one * n) ? one * n : 0;
}

static size_t on_header(char *data, size_t one, size_t n, void *arg)
{
	struct transfer *t = arg;
	_free_ char *line = xstrndup(data, one * n);

	line[strcspn(line, "\r\n")] = '\0';
	return !t->header || t->header(t, line) ? one * n : 0;
}

static size_t on_read(char *to, size_t one, size_t n, void *arg)
{
	struct transfer *t = arg;
	ssize_t got = t->read(t, to, one * n);

	return got < 0 ? CURL_READFUNC_ABORT : (size_t)got;
}

static void add_line(struct transfer *t, const char *line)
{
	struct curl_slist *longer = curl()->slist_append(t->lines, line);

	if (!longer)
		abort(); /* out of memory */
	t->lines = longer;
}

static void set_headers(struct transfer *t)
{
	for (const struct http_header *h = t->headers; h && h->name; h++) {
		/* An empty value needs ';', else libcurl takes it as "do not send". */
		_free_ char *line = *h->value ? xasprintf("%s: %s", h->name, h->value)
					      : xasprintf("%s;", h->name);

		add_line(t, line);
	}
	/* Else libcurl asks by itself: a second's wait on servers that do not know 100-continue. */
	add_line(t, t->expect ? "Expect: 100-continue" : "Expect:");
	curl()->easy_setopt(t->handle, CURLOPT_HTTPHEADER, t->lines);
	if (t->compressed)
		curl()->easy_setopt(t->handle, CURLOPT_ACCEPT_ENCODING, ""); /* all it knows */
}

static void set_schemes(struct transfer *t)
{
	bool safe = strncasecmp(t->url, "https:", 6) == 0;

#if LIBCURL_VERSION_NUM >= 0x075500
	curl()->easy_setopt(
		t->handle, CURLOPT_PROTOCOLS_STR, t->files ? "http,https,file" : "http,https");
	curl()->easy_setopt(t->handle, CURLOPT_REDIR_PROTOCOLS_STR, safe ? "https" : "http,https");
#else
	curl()->easy_setopt(t->handle, CURLOPT_PROTOCOLS,
		(long)(CURLPROTO_HTTP | CURLPROTO_HTTPS | (t->files ? CURLPROTO_FILE : 0)));
	curl()->easy_setopt(t->handle, CURLOPT_REDIR_PROTOCOLS,
		(long)(CURLPROTO_HTTPS | (safe ? 0 : CURLPROTO_HTTP)));
#endif
	curl()->easy_setopt(t->handle, CURLOPT_FOLLOWLOCATION, (long)t->redirects);
	curl()->easy_setopt(t->handle, CURLOPT_MAXREDIRS, 5L);
}

static void set_limits(struct transfer *t)
{
	curl()->easy_setopt(t->handle, CURLOPT_CONNECTTIMEOUT_MS, (long)t->connect_ms);
	curl()->easy_setopt(t->handle, CURLOPT_TIMEOUT_MS, (long)t->timeout_ms);
	curl()->easy_setopt(t->handle, CURLOPT_LOW_SPEED_LIMIT, (long)t->stall_bytes);
	curl()->easy_setopt(t->handle, CURLOPT_LOW_SPEED_TIME, (long)t->stall_s);
#if LIBCURL_VERSION_NUM >= 0x075700
	curl()->easy_setopt(t->handle, CURLOPT_QUICK_EXIT, 1L); /* do not wait for a name server */
#endif
}

static void set_body(struct transfer *t)
{
	if (t->has_body) {
		curl()->easy_setopt(t->handle, CURLOPT_UPLOAD, 1L);
		curl()->easy_setopt(t->handle, CURLOPT_READFUNCTION, on_read);
		curl()->easy_setopt(t->handle, CURLOPT_READDATA, t);
		curl()->easy_setopt(t->handle, CURLOPT_INFILESIZE_LARGE, (curl_off_t)t->body_len);
	}
	if (t->chunk)
		curl()->easy_setopt(t->handle, CURLOPT_UPLOAD_BUFFERSIZE,
			(long)MIN(t->chunk, TRANSFER_CHUNK_MAX));
	if (t->method && strcmp(t->method, "HEAD") == 0)
		curl()->easy_setopt(t->handle, CURLOPT_NOBODY, 1L);
	if (t->method)
		curl()->easy_setopt(t->handle, CURLOPT_CUSTOMREQUEST, t->method);
	if (t->from > 0) {
		char range[32];

		snprintf(range, sizeof range, "%llu-", (unsigned long long)t->from);
		curl()->easy_setopt(t->handle, CURLOPT_RANGE, range);
	}
}

static void set_address(struct transfer *t)
{
	_free_ char *rule = NULL;

	curl()->easy_setopt(t->handle, CURLOPT_FRESH_CONNECT, (long)t->fresh);
	if (!t->connect_to)
		return;
	/* HOST:PORT:TO:TO-PORT; what is empty is any, or as it was. */
	rule = xasprintf("::%s:", t->connect_to);
	t->connect = curl()->slist_append(NULL, rule);
	if (!t->connect)
		abort(); /* out of memory */
	curl()->easy_setopt(t->handle, CURLOPT_CONNECT_TO, t->connect);
	curl()->easy_setopt(t->handle, CURLOPT_PROXY, "");
	curl()->easy_setopt(t->handle, CURLOPT_SSL_VERIFYPEER, 0L);
	curl()->easy_setopt(t->handle, CURLOPT_SSL_VERIFYHOST, 0L);
}

void transfer_start(struct transfers *ts, struct transfer *t)
{
	t->handle = curl()->easy_init();
	if (!t->handle)
		abort(); /* out of memory */
	t->status = 0;
	t->length = -1;
	t->type = t->why = "";
	curl()->easy_setopt(t->handle, CURLOPT_URL, t->url);
	curl()->easy_setopt(t->handle, CURLOPT_PRIVATE, t);
	curl()->easy_setopt(t->handle, CURLOPT_NOSIGNAL, 1L);
	curl()->easy_setopt(t->handle, CURLOPT_USERAGENT, "kbuild/" KBUILD_VERSION);
	curl()->easy_setopt(t->handle, CURLOPT_WRITEFUNCTION, on_data);
	curl()->easy_setopt(t->handle, CURLOPT_WRITEDATA, t);
	curl()->easy_setopt(t->handle, CURLOPT_HEADERFUNCTION, on_header);
	curl()->easy_setopt(t->handle, CURLOPT_HEADERDATA, t);
	curl()->easy_setopt(t->handle, CURLOPT_CERTINFO, (long)t->certificate);
	if (t->ca_file)
		curl()->easy_setopt(t->handle, CURLOPT_CAINFO, t->ca_file);
	set_headers(t);
	set_schemes(t);
	set_limits(t);
	set_body(t);
	set_address(t);
	curl()->multi_add_handle(ts->multi, t->handle);
}

void transfer_stop(struct transfers *ts, struct transfer *t)
{
	if (!t->handle)
		return;
	curl()->multi_remove_handle(ts->multi, t->handle);
	curl()->easy_cleanup(t->handle);
	curl()->slist_free_all(t->lines);
	curl()->slist_free_all(t->connect);
	t->handle = t->lines = t->connect = NULL;
}

int transfers_run(struct transfers *ts, int wait_ms)
{
	struct curl_waitfd wake = { .fd = interrupt_fd(), .events = CURL_WAIT_POLLIN };
	int running;

	if (interrupted())
		return -ECANCELED;
	/* First the wait: it is none for what was just started, and what ends now is seen at once. */
	curl()->multi_poll(ts->multi, &wake, wake.fd >= 0, wait_ms, NULL);
	curl()->multi_perform(ts->multi, &running);
	return interrupted() ? -ECANCELED : 0;
}

/* How an exchange ended, with words of ours where libcurl's do not help. */
static void set_end(struct transfer *t, CURLcode code)
{
	static const struct {
		CURLcode code;
		enum transfer_end end;
		const char *why; /* NULL: libcurl's */
	} rows[] = {
		{ CURLE_OK, TRANSFER_DONE, "" },
		{ CURLE_COULDNT_RESOLVE_HOST, TRANSFER_NOT_SENT, NULL },
		{ CURLE_COULDNT_RESOLVE_PROXY, TRANSFER_NOT_SENT, NULL },
		{ CURLE_COULDNT_CONNECT, TRANSFER_NOT_SENT, NULL },
		{ CURLE_SSL_CONNECT_ERROR, TRANSFER_NOT_SENT, NULL },
		{ CURLE_GOT_NOTHING, TRANSFER_SILENT,
			"the server closed the connection without an answer" },
		{ CURLE_PARTIAL_FILE, TRANSFER_CUT, "the server closed the connection half-way" },
		{ CURLE_RECV_ERROR, TRANSFER_BROKEN, "the connection broke" },
		{ CURLE_SEND_ERROR, TRANSFER_BROKEN, "the connection broke" },
		{ CURLE_OPERATION_TIMEDOUT, TRANSFER_TIMEOUT, "the server does not answer" },
		{ CURLE_RANGE_ERROR, TRANSFER_RANGE, "the server has no such range" },
		{ CURLE_WRITE_ERROR, TRANSFER_STOPPED, "the answer was refused" },
		{ CURLE_UNSUPPORTED_PROTOCOL, TRANSFER_IMPOSSIBLE, NULL },
		{ CURLE_URL_MALFORMAT, TRANSFER_IMPOSSIBLE, NULL },
		{ CURLE_PEER_FAILED_VERIFICATION, TRANSFER_IMPOSSIBLE, NULL },
		{ CURLE_SSL_CACERT_BADFILE, TRANSFER_IMPOSSIBLE, NULL },
		{ CURLE_FILE_COULDNT_READ_FILE, TRANSFER_IMPOSSIBLE, "there is no such file" },
		{ CURLE_TOO_MANY_REDIRECTS, TRANSFER_IMPOSSIBLE, "the server redirects for ever" },
	};

	t->end = TRANSFER_BROKEN;
	t->why = curl()->easy_strerror(code);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].code != code)
			continue;
		t->end = rows[i].end;
		t->why = rows[i].why ? rows[i].why : t->why;
	}
}

struct transfer *transfers_ended(struct transfers *ts)
{
	struct transfer *t;
	CURLMsg *msg;
	int left;

	do
		msg = curl()->multi_info_read(ts->multi, &left);
	while (msg && msg->msg != CURLMSG_DONE);
	if (!msg)
		return NULL;
	curl()->easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&t);
	read_answer(t);
	set_end(t, msg->data.result);
	return t;
}
