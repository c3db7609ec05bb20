/* See http1.h. A connection serves one request: what a server says after its answer is never read. */
#include "http1.h"

#include "alloc.h"
#include "buf.h"
#include "crypt.h"
#include "error.h"
#include "retry.h"
#include "url.h"
#include "wire.h"

#include <string.h>
#include <strings.h>

enum chunk { CHUNK_NONE, CHUNK_SIZE, CHUNK_DATA, CHUNK_END };

struct http1 {
	struct wire *wire;
	char *host;
	enum chunk chunk; /* what comes next of a chunked body; CHUNK_NONE: it is not chunked */
	int64_t left;	  /* of the body or the chunk; -1: until the connection ends */
	size_t at, len;	  /* of ahead: what was read and not given yet */
	char ahead[16 * KIB];
};

void http1_close(struct http1 *h)
{
	wire_closep(&h->wire);
	free(h->host);
	free(h);
}

/* Digits only, and no more of them than fit. */
static bool parse_number(const char *s, size_t n, int base, int64_t *ret)
{
	const char *digits = base == 16 ? "0123456789abcdefABCDEF" : "0123456789";

	if (n == 0 || n > 15 || strspn(s, digits) < n)
		return false;
	*ret = strtoll(s, NULL, base);
	return true;
}

static bool take_length(struct http1_head *h, const char *value)
{
	return h->length < 0 && parse_number(value, strlen(value), 10, &h->length);
}

static bool take_encoding(struct http1_head *h, const char *value)
{
	h->chunked = strcasecmp(value, "chunked") == 0;
	return h->chunked;
}

static bool take_text(char *to, size_t size, const char *value)
{
	size_t n = strnlen(value, size - 1);

	memcpy(to, value, n);
	to[n] = '\0';
	for (; *to; to++) {
		if (*to < ' ' || *to > '~')
			*to = '?';
	}
	return true;
}

static bool take_type(struct http1_head *h, const char *value)
{
	return take_text(h->type, sizeof h->type, value);
}

static bool take_location(struct http1_head *h, const char *value)
{
	return take_text(h->location, sizeof h->location, value);
}

static const struct {
	const char *name;
	bool (*take)(struct http1_head *h, const char *value);
} headers[] = {
	{ "Content-Length", take_length },
	{ "Transfer-Encoding", take_encoding },
	{ "Content-Type", take_type },
	{ "Location", take_location },
};

static bool take_header(char *line, struct http1_head *h)
{
	char *value = strchr(line, ':');

	if (!value || value == line)
		return false;
	*value++ = '\0';
	value += strspn(value, " \t");
	for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
		if (strcasecmp(headers[i].name, line) == 0)
			return headers[i].take(h, value);
	}
	return true;
}

/* The next line of *text without its end, or NULL when there is no whole one. */
static char *next_line(char **text)
{
	char *line = *text, *end = strchr(line, '\n');

	if (!end)
		return NULL;
	*text = end + 1;
	if (end > line && end[-1] == '\r')
		end--;
	*end = '\0';
	return line;
}

bool http1_parse_head(char *text, struct http1_head *ret)
{
	struct http1_head h = { .length = -1 };
	char *line = next_line(&text);
	int64_t status;

	if (!line || strncmp(line, "HTTP/1.", 7) != 0 || !line[7] || line[8] != ' ' ||
		!parse_number(line + 9, 3, 10, &status) || (line[12] && line[12] != ' '))
		return false;
	h.status = (int)status;
	while ((line = next_line(&text))) {
		if (!*line) {
			*ret = h;
			return true;
		}
		if (!take_header(line, &h))
			return false;
	}
	return false;
}

static int fill(struct http1 *h, struct error *e)
{
	int r = wire_read(h->wire, h->ahead, sizeof h->ahead, &h->len, e);

	h->at = 0;
	return r;
}

static int early(const struct http1 *h, struct error *e)
{
	return error_set(
		e, ERR_NETWORK, "%s ended the connection in the middle of its answer", h->host);
}

static int read_head(struct http1 *h, struct http1_head *ret, struct error *e)
{
	_buf_ head = BUF_INIT;
	int r;

	/* Byte by byte: the end is looked for where it was not looked for yet. */
	for (;;) {
		if (h->at == h->len) {
			r = fill(h, e);
			if (r < 0)
				return r;
			if (h->len == 0)
				return early(h, e);
		}
		buf_addc(&head, h->ahead[h->at++]);
		if (head.data[head.len - 1] != '\n')
			continue;
		if ((head.len >= 2 && head.data[head.len - 2] == '\n') ||
			(head.len >= 3 && memcmp(head.data + head.len - 3, "\n\r\n", 3) == 0))
			break;
		if (head.len > HTTP1_HEAD_MAX)
			return error_set(
				e, ERR_FAILED, "the answer of %s has too large a head", h->host);
	}
	if (strlen(head.data) != head.len || !http1_parse_head(head.data, ret))
		return error_set(e, ERR_FAILED, "%s does not answer in HTTP", h->host);
	return 0;
}

/* What a status means for somebody whose repository is not fetched. */
static int refuse(const struct http1 *h, const struct http1_request *q,
	const struct http1_head *head, struct error *e)
{
	char word[32];

	if (http_status_transient(head->status))
		return error_set(e, ERR_NETWORK, "%s answers %s", h->host,
			http_status_text(head->status, word));
	switch (head->status) {
	case 301:
	case 302:
	case 303:
	case 307:
	case 308:
		return error_set(e, ERR_FAILED,
			"%s sends on to %s: write where the repository really is as "
			"kbuild.app.repository",
			h->host, head->location[0] ? head->location : "nowhere");
	case 401:
	case 403:
		return error_set(e, ERR_FAILED,
			q->authorization ? "%s refuses the repository's token (%s)"
					 : "%s wants a token for this repository (%s): give one as "
					   "repository.token of the secrets when launching",
			h->host, http_status_text(head->status, word));
	case 404:
		return error_set(e, ERR_FAILED, "%s has no repository %s, or %s", h->host,
			q->url->path,
			q->authorization ? "not for this token" : "not without a token");
	default:
		return error_set(e, ERR_FAILED, "%s answers %s", h->host,
			http_status_text(head->status, word));
	}
}

static int send_request(struct http1 *h, const struct http1_request *q, struct error *e)
{
	const char *v6 = strchr(q->url->host, ':') ? "[]" : "";
	_buf_ m = BUF_INIT;
	int r;

	buf_printf(&m, "%s %s%s HTTP/1.1\r\nHost: %.1s%s%s", q->body ? "POST" : "GET", q->url->path,
		q->suffix, v6, q->url->host, *v6 ? v6 + 1 : "");
	if (strcmp(q->url->port, "443") != 0)
		buf_printf(&m, ":%s", q->url->port);
	/* Some forges tell git by this name. */
	buf_printf(&m,
		"\r\nUser-Agent: git/2.39 (kbuild-agent " KBUILD_VERSION
		")\r\nAccept: %s\r\nConnection: close\r\n",
		q->accept);
	if (q->authorization)
		buf_printf(&m, "Authorization: %s\r\n", q->authorization);
	if (q->body) {
		buf_printf(&m, "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n", q->type,
			q->body->len);
		buf_add(&m, q->body->data, q->body->len);
	} else {
		buf_adds(&m, "\r\n");
	}
	r = wire_write(h->wire, m.data, m.len, e);
	crypt_wipe(m.data, m.len);
	return r;
}

int http1_open(struct http1 **ret, const struct http1_request *q, struct wire_trust *trust,
	struct error *e)
{
	_cleanup_(http1_closep) struct http1 *h = xcalloc(1, sizeof *h);
	struct http1_head head;
	int r;

	h->host = xstrdup(q->url->host);
	r = wire_open(&h->wire, q->url->host, q->url->port, trust, e);
	if (r >= 0)
		r = send_request(h, q, e);
	if (r >= 0)
		r = read_head(h, &head, e);
	if (r < 0)
		return r;
	if (head.status != 200)
		return refuse(h, q, &head, e);
	if (strcasecmp(head.type, q->accept) != 0)
		return error_set(e, ERR_FAILED,
			"what %s has at %s is no git repository (it answers with '%s')", h->host,
			q->url->path, head.type);
	h->chunk = head.chunked ? CHUNK_SIZE : CHUNK_NONE;
	h->left = head.chunked ? 0 : head.length;
	*ret = TAKE(h);
	return 0;
}

/* A line of at most 255 bytes out of the body, without its end. */
static int read_line(struct http1 *h, char ret[256], struct error *e)
{
	size_t n = 0;

	for (;;) {
		if (h->at == h->len) {
			int r = fill(h, e);

			if (r < 0)
				return r;
			if (h->len == 0)
				return early(h, e);
		}
		ret[n] = h->ahead[h->at++];
		if (ret[n] == '\n')
			break;
		if (++n == 255)
			return error_set(e, ERR_FAILED, "the answer of %s is not HTTP", h->host);
	}
	if (n > 0 && ret[n - 1] == '\r')
		n--;
	ret[n] = '\0';
	return 0;
}

/* Comes to where bytes of a chunk are, or to the end: then left is 0 and chunk still CHUNK_DATA. */
static int next_chunk(struct http1 *h, struct error *e)
{
	char line[256];
	int r;

	if (h->chunk == CHUNK_DATA && h->left > 0)
		return 0;
	if (h->chunk == CHUNK_DATA) {
		r = read_line(h, line, e); /* the line end after its bytes */
		if (r < 0)
			return r;
	}
	r = read_line(h, line, e);
	if (r < 0)
		return r;
	if (!parse_number(line, strcspn(line, "; \t"), 16, &h->left))
		return error_set(e, ERR_FAILED, "the answer of %s is not HTTP", h->host);
	h->chunk = h->left > 0 ? CHUNK_DATA : CHUNK_END;
	return 0;
}

int http1_read(struct http1 *h, void *data, size_t len, size_t *ret, struct error *e)
{
	int r = h->chunk == CHUNK_NONE || h->chunk == CHUNK_END ? 0 : next_chunk(h, e);
	size_t n;

	*ret = 0;
	if (r < 0 || h->left == 0)
		return r;
	if (h->at == h->len) {
		r = fill(h, e);
		if (r < 0)
			return r;
		if (h->len == 0)
			return h->left > 0 ? early(h, e) : 0;
	}
	n = MIN(len, h->len - h->at);
	if (h->left >= 0) {
		n = (size_t)MIN((uint64_t)n, (uint64_t)h->left);
		h->left -= (int64_t)n;
	}
	memcpy(data, h->ahead + h->at, n);
	h->at += n;
	*ret = n;
	return 0;
}
