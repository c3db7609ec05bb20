/*
 * The HTTP seam by libcurl: one request at a time, on connections that are kept. It runs on the multi
 * interface although there is only one, because only that can be woken by Ctrl-C.
 */
#include "http.h"

#include "alloc.h"
#include "error.h"
#include "interrupt.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#define BODY_MAX   (16 * MIB)
#define TIMEOUT_MS 60000
#define CONNECT_MS 20000
#define STALL_S	   60 /* without a byte in either direction, where there is no other limit */

struct http_curl {
	CURLM *multi;
};

struct exchange {
	const struct http_request *q;
	struct http_response *ret;
	CURL *easy;
	struct curl_slist *headers;
	size_t body_sent; /* of a body in memory */
	bool too_large;
};

struct http_curl *http_curl_new(void)
{
	struct http_curl *c = xcalloc(1, sizeof *c);

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		abort(); /* only when out of memory or built wrong */
	c->multi = curl_multi_init();
	if (!c->multi)
		abort(); /* out of memory */
	return c;
}

void http_curl_free(struct http_curl *c)
{
	curl_multi_cleanup(c->multi);
	free(c);
}

static size_t on_body(char *data, size_t one, size_t n, void *arg)
{
	struct exchange *x = arg;
	size_t len = one * n;

	if (x->ret->body.len + len > (x->q->max ? x->q->max : BODY_MAX)) {
		x->too_large = true;
		return 0;
	}
	buf_add(&x->ret->body, data, len);
	return len;
}

static size_t on_header(char *data, size_t one, size_t n, void *arg)
{
	struct exchange *x = arg;
	size_t len = one * n;
	_free_ char *line = xstrndup(data, len);
	char *colon = strchr(line, ':'), *value;

	if (strncmp(line, "HTTP/", 5) == 0) {
		http_response_free(x->ret); /* the answer before was a redirect or "100 Continue" */
		return len;
	}
	if (!colon)
		return len;
	*colon = '\0';
	value = colon + 1 + strspn(colon + 1, " \t");
	value[strcspn(value, "\r\n")] = '\0';
	http_response_add(x->ret, line, value);
	return len;
}

static size_t on_read(char *to, size_t one, size_t n, void *arg)
{
	struct exchange *x = arg;
	size_t want = MIN(one * n, x->q->body_len - x->body_sent);
	ssize_t got = (ssize_t)want;

	if (x->q->body_fd > 0)
		got = read(x->q->body_fd, to, want);
	else if (want > 0)
		memcpy(to, (const char *)x->q->body + x->body_sent, want);
	if (got < 0)
		return CURL_READFUNC_ABORT;
	x->body_sent += (size_t)got;
	if (x->q->sent)
		x->q->sent(x->q->sent_arg, (uint64_t)got);
	return (size_t)got;
}

static void add_header(struct exchange *x, const char *line)
{
	struct curl_slist *longer = curl_slist_append(x->headers, line);

	if (!longer)
		abort(); /* out of memory */
	x->headers = longer;
}

static void set_headers(struct exchange *x)
{
	for (const struct http_header *h = x->q->headers; h && h->name; h++) {
		/* An empty value needs ';', else libcurl takes it as "do not send". */
		_free_ char *line = *h->value ? xasprintf("%s: %s", h->name, h->value)
					      : xasprintf("%s;", h->name);

		add_header(x, line);
	}
	add_header(x, "Expect:"); /* a second's wait on servers that do not know 100-continue */
	curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, x->headers);
}

static void set_body(struct exchange *x)
{
	const struct http_request *q = x->q;

	if (strcmp(q->method, "HEAD") == 0)
		curl_easy_setopt(x->easy, CURLOPT_NOBODY, 1L);
	if (q->body || q->body_fd > 0) {
		curl_easy_setopt(x->easy, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(x->easy, CURLOPT_READFUNCTION, on_read);
		curl_easy_setopt(x->easy, CURLOPT_READDATA, x);
		curl_easy_setopt(x->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)q->body_len);
	}
	curl_easy_setopt(x->easy, CURLOPT_CUSTOMREQUEST, q->method);
}

static void set_limits(struct exchange *x)
{
	const struct http_request *q = x->q;
	int64_t timeout = q->timeout_ms ? q->timeout_ms : q->body_fd > 0 ? 0 : TIMEOUT_MS;

	curl_easy_setopt(x->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(x->easy, CURLOPT_TIMEOUT_MS, (long)timeout);
	if (timeout == 0) {
		curl_easy_setopt(x->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
		curl_easy_setopt(x->easy, CURLOPT_LOW_SPEED_TIME, (long)STALL_S);
	}
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(x->easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(x->easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	if (!q->redirects || strcmp(q->method, "GET") != 0)
		return;
	curl_easy_setopt(x->easy, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(x->easy, CURLOPT_MAXREDIRS, 5L);
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(x->easy, CURLOPT_REDIR_PROTOCOLS_STR,
		strncasecmp(q->url, "https:", 6) == 0 ? "https" : "http,https");
#else
	curl_easy_setopt(x->easy, CURLOPT_REDIR_PROTOCOLS,
		strncasecmp(q->url, "https:", 6) == 0 ? (long)CURLPROTO_HTTPS
						      : (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

static void set_all(struct exchange *x)
{
	curl_easy_setopt(x->easy, CURLOPT_URL, x->q->url);
	curl_easy_setopt(x->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(x->easy, CURLOPT_USERAGENT, "kbuild/" KBUILD_VERSION);
	curl_easy_setopt(x->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(x->easy, CURLOPT_WRITEDATA, x);
	curl_easy_setopt(x->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(x->easy, CURLOPT_HEADERDATA, x);
	set_headers(x);
	set_body(x);
	set_limits(x);
}

/* Runs until it has ended or we are interrupted. */
static int perform(struct http_curl *c, struct exchange *x, CURLcode *ret)
{
	CURLMsg *msg = NULL;
	int running = 1, left, r = 0;

	curl_multi_add_handle(c->multi, x->easy);
	while (running > 0 && r == 0) {
		struct curl_waitfd wake = { .fd = interrupt_fd(), .events = CURL_WAIT_POLLIN };

		curl_multi_perform(c->multi, &running);
		if (interrupted())
			r = -ECANCELED;
		else if (running > 0)
			curl_multi_poll(c->multi, &wake, wake.fd >= 0, 1000, NULL);
	}
	if (r == 0)
		msg = curl_multi_info_read(c->multi, &left);
	*ret = msg ? msg->data.result : CURLE_ABORTED_BY_CALLBACK;
	curl_multi_remove_handle(c->multi, x->easy);
	return r;
}

static enum http_failure classify(CURLcode code)
{
	static const struct {
		CURLcode code;
		enum http_failure failure;
	} rows[] = {
		{ CURLE_COULDNT_RESOLVE_HOST, HTTP_NOT_SENT },
		{ CURLE_COULDNT_RESOLVE_PROXY, HTTP_NOT_SENT },
		{ CURLE_COULDNT_CONNECT, HTTP_NOT_SENT },
		{ CURLE_SSL_CONNECT_ERROR, HTTP_NOT_SENT },
		{ CURLE_PEER_FAILED_VERIFICATION, HTTP_IMPOSSIBLE },
		{ CURLE_SSL_CACERT_BADFILE, HTTP_IMPOSSIBLE },
		{ CURLE_UNSUPPORTED_PROTOCOL, HTTP_IMPOSSIBLE },
		{ CURLE_URL_MALFORMAT, HTTP_IMPOSSIBLE },
		{ CURLE_TOO_MANY_REDIRECTS, HTTP_IMPOSSIBLE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].code == code)
			return rows[i].failure;
	return HTTP_MAYBE_SENT;
}

static int finish(
	struct exchange *x, CURLcode code, enum http_failure *ret_failure, struct error *e)
{
	curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &x->ret->status);
	if (code == CURLE_OK)
		return 0;
	if (ret_failure)
		*ret_failure = classify(code);
	http_response_free(x->ret);
	return error_set(e, ERR_NETWORK, "%s %s: %s", x->q->method, x->q->url,
		x->too_large ? "the answer is too large" : curl_easy_strerror(code));
}

static int curl_send(void *arg, const struct http_request *q, struct http_response *ret,
	enum http_failure *ret_failure, struct error *e)
{
	struct http_curl *c = arg;
	struct exchange x = { .q = q, .ret = ret, .easy = curl_easy_init() };
	CURLcode code;
	int r;

	if (!x.easy)
		abort(); /* out of memory */
	set_all(&x);
	r = perform(c, &x, &code);
	if (r < 0) {
		http_response_free(ret);
		if (ret_failure)
			*ret_failure = HTTP_MAYBE_SENT;
		r = error_errno(e, r, "%s %s", q->method, q->url);
	} else {
		r = finish(&x, code, ret_failure, e);
	}
	curl_easy_cleanup(x.easy);
	curl_slist_free_all(x.headers);
	return r;
}

struct http http_curl_seam(struct http_curl *c)
{
	return (struct http){ .send = curl_send, .arg = c };
}
