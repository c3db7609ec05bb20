/*
 * A server of scripted replies for unit tests, behind the HTTP seam. Requests must come in the
 * order of the script; one that does not match, or one too many, fails at once; one that never came
 * fails in fake_http_done().
 *
 *   static const struct fake_reply script[] = {
 *           { "GET http://cloud/v3/servers", .status = 200, .body = "{}" },
 *           { "POST http://cloud/v3/servers", .has = "\"name\":\"web\"", .status = 202 },
 *           { "GET http://cloud/v3/servers/1", .failure = HTTP_NOT_SENT },
 *           {},
 *   };
 *   struct fake_http fake = { script };
 *   struct http http = fake_http(&fake);
 */
#pragma once

#include "check.h"
#include "error.h"
#include "http.h"

struct fake_reply {
	const char *request;	/* "METHOD URL" */
	const char *has;	/* what its body must hold; NULL: anything */
	const char *header;	/* "name: value" that must be sent; NULL: any */
	const char *connection; /* "fresh": must be asked for, "kept": must not; NULL: any */
	long status;
	const char *body;		   /* NULL: empty */
	const struct http_header *headers; /* ended by {}; NULL: none */
	enum http_failure failure;	   /* no answer at all */
};

struct fake_http {
	const struct fake_reply *script; /* ended by {} */
	size_t next;
};

static inline bool fake_http_sends(const struct http_request *q, const char *header)
{
	for (const struct http_header *h = q->headers; h && h->name; h++) {
		char line[4096];

		snprintf(line, sizeof line, "%s: %s", h->name, h->value);
		if (strcmp(line, header) == 0)
			return true;
	}
	return false;
}

/* Keeps nothing on the heap: a failed check leaves by longjmp. */
static inline int fake_http_send(void *arg, const struct http_request *q, struct http_response *ret,
	enum http_failure *ret_failure, struct error *e)
{
	struct fake_http *f = arg;
	const struct fake_reply *s = &f->script[f->next];
	const char *body = q->body ? q->body : "";
	char request[4096];

	snprintf(request, sizeof request, "%s %s", q->method, q->url);
	if (!s->request)
		check_fail("unexpected request: %s\n%.*s", request, (int)q->body_len, body);
	check_str(request, s->request);
	if (s->has && !memmem(body, q->body_len, s->has, strlen(s->has)))
		check_fail("the body of %s is\n%.*s\nwithout\n%s", request, (int)q->body_len, body,
			s->has);
	if (s->header && !fake_http_sends(q, s->header))
		check_fail("%s came without '%s'", request, s->header);
	if (s->connection)
		check_str(q->fresh ? "fresh" : "kept", s->connection);
	f->next++;
	if (s->failure) {
		if (ret_failure)
			*ret_failure = s->failure;
		return error_set(e, ERR_NETWORK, "%s: scripted failure", request);
	}
	ret->status = s->status;
	buf_adds(&ret->body, s->body ? s->body : "");
	for (const struct http_header *h = s->headers; h && h->name; h++)
		http_response_add(ret, h->name, h->value);
	return 0;
}

static inline struct http fake_http(struct fake_http *f)
{
	return (struct http){ .send = fake_http_send, .arg = f };
}

/* All of the script was asked for. */
static inline void fake_http_done(const struct fake_http *f)
{
	if (f->script[f->next].request)
		check_fail("never asked: %s", f->script[f->next].request);
}
