/* See sigv4.h. */
#include "sigv4.h"

#include "buf.h"
#include "digest.h"

#include <string.h>
#include <time.h>

void sigv4_date(int64_t at, char ret[SIGV4_DATE])
{
	time_t t = (time_t)MAX(0, MIN(at, INT64_C(253402300799)));
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(ret, SIGV4_DATE, "%Y%m%dT%H%M%SZ", &tm);
}

void sigv4_encode(const char *text, bool slash, struct buf *ret)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789-._~";

	for (; *text; text++) {
		if (strchr(plain, *text) || (slash && *text == '/'))
			buf_addc(ret, *text);
		else
			buf_printf(ret, "%%%02X", (unsigned char)*text);
	}
}

static void add_names(const struct http_header *h, struct buf *ret)
{
	for (const char *glue = ""; h->name; h++, glue = ";") {
		buf_adds(ret, glue);
		buf_adds(ret, h->name);
	}
}

static void hash_request(const struct sigv4_request *q, char ret[SHA256_HEX])
{
	_buf_ text = BUF_INIT;

	buf_printf(&text, "%s\n%s\n%s\n", q->method, q->path, q->query);
	for (const struct http_header *h = q->headers; h->name; h++)
		buf_printf(&text, "%s:%s\n", h->name, h->value);
	buf_addc(&text, '\n');
	add_names(q->headers, &text);
	buf_printf(&text, "\n%s", q->sha256);
	sha256_bytes(buf_str(&text), text.len, ret);
}

/* AWS4 + secret → day → region → service → "aws4_request". */
static void derive(const struct sigv4_key *k, const char *day, unsigned char ret[SHA256_SIZE])
{
	const char *const words[] = { day, k->region, k->service, "aws4_request" };
	_buf_ first = BUF_INIT;
	unsigned char next[SHA256_SIZE];

	buf_printf(&first, "AWS4%s", k->secret);
	hmac_sha256(first.data, first.len, words[0], strlen(words[0]), ret);
	explicit_bzero(first.data, first.cap);
	for (size_t i = 1; i < ARRAY_SIZE(words); i++) {
		hmac_sha256(ret, SHA256_SIZE, words[i], strlen(words[i]), next);
		memcpy(ret, next, SHA256_SIZE);
	}
	explicit_bzero(next, sizeof next);
}

void sigv4_sign(
	const struct sigv4_key *k, const struct sigv4_request *q, const char *date, struct buf *ret)
{
	unsigned char key[SHA256_SIZE], signature[SHA256_SIZE];
	char request[SHA256_HEX], hex[SHA256_HEX], day[9] = "";
	_buf_ text = BUF_INIT;

	memcpy(day, date, 8);
	hash_request(q, request);
	buf_printf(&text, "AWS4-HMAC-SHA256\n%s\n%s/%s/%s/aws4_request\n%s", date, day, k->region,
		k->service, request);
	derive(k, day, key);
	hmac_sha256(key, sizeof key, text.data, text.len, signature);
	explicit_bzero(key, sizeof key);
	hex_encode(signature, sizeof signature, hex);
	buf_printf(ret,
		"AWS4-HMAC-SHA256 Credential=%s/%s/%s/%s/aws4_request,SignedHeaders=", k->access,
		day, k->region, k->service);
	add_names(q->headers, ret);
	buf_printf(ret, ",Signature=%s", hex);
}
