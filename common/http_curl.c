/* The HTTP seam on real servers: one request at a time, on connections that are kept. */
#include "http.h"

#include "alloc.h"
#include "error.h"
#include "transfer.h"

#include <string.h>

#define BODY_MAX   (16 * MIB)
#define HEADER_MAX (256 * KIB) /* of all headers, those of redirects too */
#define TIMEOUT_MS 60000
#define CONNECT_MS 20000
#define STALL_S	   60 /* without a byte in either direction, where there is no other limit */

struct http_curl {
	struct transfers *transfers;
};

struct exchange {
	const struct http_request *q;
	struct http_response *ret;
	size_t body_sent; /* of a body in memory */
	size_t header_len;
	const char *refused; /* why we did not read on; NULL: we did */
};

struct http_curl *http_curl_new(void)
{
	struct http_curl *c = xcalloc(1, sizeof *c);

	c->transfers = transfers_new(1);
	return c;
}

void http_curl_free(struct http_curl *c)
{
	transfers_free(c->transfers);
	free(c);
}

static bool on_data(struct transfer *t, const void *data, size_t len)
{
	struct exchange *x = t->arg;

	if (x->ret->body.len + len > (x->q->max ? x->q->max : BODY_MAX)) {
		x->refused = "the answer is too large";
		return false;
	}
	buf_add(&x->ret->body, data, len);
	return true;
}

static bool on_header(struct transfer *t, char *line)
{
	struct exchange *x = t->arg;
	char *colon = strchr(line, ':');

	x->header_len += strlen(line);
	if (x->header_len > HEADER_MAX) {
		x->refused = "the headers of the answer are longer than 256 KiB";
		return false;
	}
	if (strncmp(line, "HTTP/", 5) == 0) {
		http_response_free(x->ret); /* the answer before was a redirect or "100 Continue" */
		return true;
	}
	if (!colon)
		return true;
	*colon = '\0';
	http_response_add(x->ret, line, colon + 1 + strspn(colon + 1, " \t"));
	return true;
}

static ssize_t on_read(struct transfer *t, void *to, size_t len)
{
	struct exchange *x = t->arg;
	size_t want = MIN(len, x->q->body_len - x->body_sent);
	ssize_t got = (ssize_t)want;

	if (x->q->body_fd > 0)
		got = read(x->q->body_fd, to, want);
	else if (want > 0)
		memcpy(to, (const char *)x->q->body + x->body_sent, want);
	if (got < 0)
		return -1;
	x->body_sent += (size_t)got;
	if (x->q->sent)
		x->q->sent(x->q->sent_arg, (uint64_t)got);
	return got;
}

static enum http_failure classify(enum transfer_end end)
{
	if (end == TRANSFER_NOT_SENT)
		return HTTP_NOT_SENT;
	return end == TRANSFER_IMPOSSIBLE ? HTTP_IMPOSSIBLE : HTTP_MAYBE_SENT;
}

static int curl_send(void *arg, const struct http_request *q, struct http_response *ret,
	enum http_failure *ret_failure, struct error *e)
{
	struct http_curl *c = arg;
	struct exchange x = { .q = q, .ret = ret };
	bool get = strcmp(q->method, "GET") == 0, file = q->body_fd > 0;
	struct transfer t = {
		.method = q->method,
		.url = q->url,
		.headers = q->headers,
		.redirects = q->redirects && get,
		.certificate = true,
		.connect_to = q->connect_to,
		.ca_file = q->ca_file,
		.fresh = q->fresh,
		.compressed = q->compressed,
		.has_body = q->body || file,
		.body_len = q->body_len,
		.read = on_read,
		.connect_ms = CONNECT_MS,
		.timeout_ms = q->timeout_ms ? q->timeout_ms
			      : file	    ? 0
					    : TIMEOUT_MS,
		.stall_s = STALL_S,
		.stall_bytes = q->timeout_ms || !file ? 0 : 1,
		.header = on_header,
		.data = on_data,
		.arg = &x,
	};
	int r = 0;

	transfer_start(c->transfers, &t);
	while (r == 0 && !transfers_ended(c->transfers))
		r = transfers_run(c->transfers, 1000);
	transfer_stop(c->transfers, &t);
	ret->status = t.status;
	ret->certificate_ends = t.certificate_ends;
	if (r == 0 && t.end == TRANSFER_DONE)
		return 0;
	http_response_free(ret);
	if (ret_failure)
		*ret_failure = r < 0 ? HTTP_MAYBE_SENT : classify(t.end);
	if (r < 0)
		return error_errno(e, r, "%s %s", q->method, q->url);
	return error_set(
		e, ERR_NETWORK, "%s %s: %s", q->method, q->url, x.refused ? x.refused : t.why);
}

struct http http_curl_seam(struct http_curl *c)
{
	return (struct http){ .send = curl_send, .arg = c };
}
