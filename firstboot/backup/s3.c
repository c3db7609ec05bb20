/* See s3.h: signing, sending, trying again, and what an answer means. */
#include "s3.h"

#include "alloc.h"
#include "buf.h"
#include "clock.h"
#include "digest.h"
#include "error.h"
#include "retry.h"
#include "s3_parts.h"
#include "xml.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ANSWER_MAX  MIB
#define HEADERS_MAX 12
#define TEXT_MS	    60000
/* A body of 16 MiB at 64 KiB/s, and an answer that S3 takes its time for. */
#define BODY_MS (INT64_C(5) * 60 * 1000)

static const struct retry patience = { .base_ms = 500, .cap_ms = 20000, .tries = 6 };

struct failure {
	char code[64], message[256];
};

static int read_failure(void *arg, const char *path, const char *text, _unused_ struct error *e)
{
	struct failure *f = arg;

	if (strcmp(path, "Error/Code") == 0)
		snprintf(f->code, sizeof f->code, "%s", text);
	else if (strcmp(path, "Error/Message") == 0)
		snprintf(f->message, sizeof f->message, "%s", text);
	return 0;
}

/* What the server says; HEAD has only a status. */
static struct failure failure_of(const struct http_response *answer)
{
	struct error ignored = { 0 };
	struct failure f = { "", "" };

	(void)xml_read(buf_str(&answer->body), answer->body.len, read_failure, &f, &ignored);
	/* It goes to people and logs. */
	for (char *p = f.message; *p; p++)
		*p = *p < ' ' || *p == 0x7f ? ' ' : *p;
	for (char *p = f.code; *p; p++)
		*p = *p <= ' ' || *p == 0x7f ? '_' : *p;
	return f;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct http_header *)a)->name, ((const struct http_header *)b)->name);
}

struct prepared {
	char *path, *url, *host;
	char sha256[SHA256_HEX];
};

static void prepared_free(struct prepared *p)
{
	free(p->path);
	free(p->url);
	free(p->host);
}

static void prepare(const struct s3 *s, const struct s3_call *c, struct prepared *p)
{
	const char *query = c->query ? c->query : "", *host = strstr(s->endpoint, "://");
	_buf_ path = BUF_INIT;

	buf_addc(&path, '/');
	sigv4_encode(s->bucket, false, &path);
	if (c->key) {
		buf_addc(&path, '/');
		sigv4_encode(c->key, true, &path);
	}
	host = host ? host + 3 : s->endpoint;
	p->host = xstrndup(host, strcspn(host, "/"));
	p->path = buf_detach(&path);
	p->url = xasprintf("%.*s%s%s%s", (int)(host - s->endpoint + (ptrdiff_t)strlen(p->host)),
		s->endpoint, p->path, *query ? "?" : "", query);
	if (c->sha256)
		memcpy(p->sha256, c->sha256, sizeof p->sha256);
	else
		sha256_bytes(c->body ? c->body : "", c->body ? c->len : 0, p->sha256);
}

/* Signs with the time of this very attempt: a signature is good for minutes. */
static int send_once(struct s3 *s, const struct s3_call *c, const struct prepared *p,
	struct http_response *ret, struct error *e)
{
	struct http_header h[HEADERS_MAX] = { { "host", p->host },
		{ "x-amz-content-sha256", p->sha256 } };
	_buf_ authorization = BUF_INIT;
	char date[SIGV4_DATE];
	size_t n = 2;
	struct http_request q = {
		.method = c->method,
		.url = p->url,
		/* A length of 0 is said too, where there could be a body. */
		.body = c->fd > 0			 ? NULL
			: c->body || c->method[0] != 'P' ? c->body
							 : "",
		.body_fd = c->fd,
		.body_len = c->len,
		.timeout_ms = c->fd > 0 ? BODY_MS : TEXT_MS,
		.max = c->max ? c->max : ANSWER_MAX,
	};

	sigv4_date(time(NULL) + s->skew, date);
	h[n++] = (struct http_header){ "x-amz-date", date };
	for (const struct http_header *more = c->headers; more && more->name; more++)
		h[n++] = *more;
	qsort(h, n, sizeof *h, by_name);
	sigv4_sign(&s->key,
		&(struct sigv4_request){
			c->method, p->path, c->query ? c->query : "", h, p->sha256 },
		date, &authorization);
	/* curl sends the host by itself; the place is for what is not signed with it. */
	for (size_t i = 0; i < n; i++) {
		if (strcmp(h[i].name, "host") == 0)
			h[i] = (struct http_header){ "authorization", buf_str(&authorization) };
	}
	q.headers = h;
	if (c->fd > 0 && lseek(c->fd, (off_t)c->offset, SEEK_SET) < 0)
		return error_errno(e, errno, "cannot read the backup");
	return http_send(s->http, &q, ret, NULL, e);
}

/* A server's idea of the time is better than that of a machine which has just started. */
static bool learn_skew(struct s3 *s, const struct http_response *answer)
{
	const char *date = http_response_header(answer, "date");
	struct tm tm = { 0 };
	int64_t skew;

	if (!date || !strptime(date, "%a, %d %b %Y %H:%M:%S GMT", &tm))
		return false;
	skew = timegm(&tm) - time(NULL);
	if (llabs(skew - s->skew) < 60)
		return false;
	s->skew = skew;
	return true;
}

static int refused(const struct s3_call *c, const struct prepared *p,
	const struct http_response *answer, const struct failure *f, struct error *e)
{
	char word[32];

	(void)p;
	return error_set(e, ERR_FAILED, "the object storage answers %s to %s %s: %s%s%s",
		http_status_text(answer->status, word), c->method,
		c->key ? c->key : "of the bucket", f->code[0] ? f->code : "no reason",
		f->message[0] ? ", " : "", f->message);
}

/* 0: done; positive: an outcome; negative: an error; AGAIN: to be repeated. */
#define AGAIN 100

static int judge(struct s3 *s, const struct s3_call *c, const struct prepared *p,
	const struct http_response *answer, struct error *e)
{
	struct failure f;

	if (answer->status >= 200 && answer->status < 300)
		return 0;
	f = failure_of(answer);
	refused(c, p, answer, &f, e);
	if (strcmp(f.code, "RequestTimeTooSkewed") == 0 && learn_skew(s, answer))
		return AGAIN;
	/* 400 RequestTimeout: it has waited for our bytes. */
	if ((answer->status != 501 && http_status_transient(answer->status)) ||
		strcmp(f.code, "RequestTimeout") == 0) {
		e->code = ERR_NETWORK;
		e->transient = true;
		return AGAIN;
	}
	switch (answer->status) {
	case 404:
		return strcmp(f.code, "NoSuchBucket") == 0 ? -e->code : S3_ABSENT;
	case 403:
		return S3_DENIED;
	case 416:
		return S3_NO_RANGE;
	case 405:
	case 501:
		return S3_NOT_SUPPORTED;
	default:
		return -e->code;
	}
}

static int try(struct s3 *s, const struct s3_call *c, const struct prepared *p,
	struct http_response *ret, struct error *e)
{
	int r = send_once(s, c, p, ret, e);

	if (r < 0)
		return e->code == ERR_NETWORK ? AGAIN : r;
	r = judge(s, c, p, ret, e);
	if (r != 0)
		http_response_free(ret);
	return r;
}

int s3_call(struct s3 *s, const struct s3_call *c, struct http_response *ret, struct error *e)
{
	_cleanup_(prepared_free) struct prepared p = { 0 };
	int r;

	prepare(s, c, &p);
	for (unsigned n = 1;; n++) {
		r = try(s, c, &p, ret, e);
		if (r != AGAIN)
			return r;
		if (n == patience.tries)
			return -e->code;
		if (clock_sleep_ms(s->clock, retry_pause_ms(&patience, n, 0, retry_random())) < 0)
			return error_set(e, ERR_INTERRUPTED, "interrupted");
	}
}

int s3_demand(struct s3 *s, const struct s3_call *c, struct http_response *ret, struct error *e)
{
	int r = s3_call(s, c, ret, e);

	return r > 0 ? -e->code : r;
}

/* With a key of KMS or of the customer an ETag looks like an MD5 and is none. */
static bool etag_is_digest(const struct http_response *answer)
{
	const char *how = http_response_header(answer, "x-amz-server-side-encryption");

	return !(how && strncmp(how, "aws:kms", strlen("aws:kms")) == 0) &&
	       !http_response_header(answer, "x-amz-server-side-encryption-customer-algorithm");
}

bool s3_etag_is(const struct http_response *answer, const char *md5_hex)
{
	const char *etag = http_response_header(answer, "etag");
	char text[MD5_HEX] = "";
	size_t n;

	if (!etag || !etag_is_digest(answer))
		return true;
	etag += *etag == '"';
	n = strspn(etag, "0123456789abcdef");
	/* Of parts ("…-3"), or of what the server encrypted. */
	if (n != MD5_HEX - 1 || (etag[n] && etag[n] != '"'))
		return true;
	memcpy(text, etag, n);
	return strcmp(text, md5_hex) == 0;
}

int s3_delete(struct s3 *s, const char *key, struct error *e)
{
	_cleanup_(http_response_free) struct http_response answer = HTTP_RESPONSE_INIT;
	int r = s3_call(s, &(struct s3_call){ .method = "DELETE", .key = key }, &answer, e);

	return r == S3_ABSENT ? 0 : r > 0 && r != S3_DENIED ? -e->code : r;
}

int s3_is(struct s3 *s, const char *key, uint64_t size, const char *sha256, struct error *e)
{
	_cleanup_(http_response_free) struct http_response answer = HTTP_RESPONSE_INIT;
	int r = s3_call(s, &(struct s3_call){ .method = "HEAD", .key = key }, &answer, e);
	const char *length, *stored;
	uint64_t n;

	if (r != 0)
		return r < 0 || r == S3_ABSENT ? r : -e->code;
	length = http_response_header(&answer, "content-length");
	stored = http_response_header(&answer, S3_META_SHA256);
	if (!length || !parse_number(length, &n) || n != size || !stored ||
		strcmp(stored, sha256) != 0)
		return S3_ABSENT;
	return 0;
}

int s3_get(struct s3 *s, const char *key, uint64_t offset, size_t len, struct buf *ret,
	struct error *e)
{
	_cleanup_(http_response_free) struct http_response answer = HTTP_RESPONSE_INIT;
	_free_ char *range =
		xasprintf("bytes=%" PRIu64 "-%" PRIu64, offset, offset + (uint64_t)len - 1);
	const struct http_header headers[] = { { "range", range }, {} };
	int r = s3_call(s,
		&(struct s3_call){
			.method = "GET", .key = key, .headers = headers, .max = len + KIB },
		&answer, e);

	if (r != 0)
		return r == S3_DENIED || r == S3_NOT_SUPPORTED ? -e->code : r;
	/* Whoever does not know ranges sends the beginning. */
	if ((answer.status != 206 && offset > 0) || answer.body.len > len)
		return error_set(e, ERR_FAILED, "the object storage does not answer ranges");
	buf_add(ret, buf_str(&answer.body), answer.body.len);
	return 0;
}

int s3_put(struct s3 *s, const char *key, const void *data, size_t len, struct error *e)
{
	_cleanup_(http_response_free) struct http_response answer = HTTP_RESPONSE_INIT;
	_cleanup_(md5_freep) struct md5 *md5 = md5_new();
	char sha[SHA256_HEX], hex[MD5_HEX];
	const struct http_header headers[] = { { S3_META_SHA256, sha }, {} };
	int r;

	sha256_bytes(data, len, sha);
	md5_add(md5, data, len);
	md5_end(md5, hex);
	r = s3_demand(s,
		&(struct s3_call){
			.method = "PUT", .key = key, .body = data, .len = len, .headers = headers },
		&answer, e);
	if (r >= 0 && !s3_etag_is(&answer, hex))
		return error_set(
			e, ERR_NETWORK, "the object storage received other bytes of %s", key);
	return r;
}
