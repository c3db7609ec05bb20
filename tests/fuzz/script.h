/*
 * Answers as anybody could write them, for whoever speaks HTTP: the first byte of each piece of the input chooses one of
 * the statuses, the rest up to a NUL is the body. When the input has ended nothing is reached any more. The clock moves
 * only when somebody sleeps. Included once, by a fuzzer.
 */
#pragma once

#include "base.h"

#include "buf.h"
#include "clock.h"
#include "error.h"
#include "http.h"

#include <string.h>

struct script {
	const uint8_t *data;
	size_t size;
	const long *statuses;
	size_t n_statuses;
	void (*look)(const struct http_request *q); /* besides; or NULL */
	int64_t now_ms;
};

/* A request is a line that we made: nothing of an answer may end it. */
static void script_check_url(const char *url)
{
	for (const char *p = url; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			abort();
}

static int script_say(void *arg, const struct http_request *q, struct http_response *ret,
	enum http_failure *ret_failure, struct error *e)
{
	struct script *s = arg;
	const uint8_t *end;

	script_check_url(q->url);
	if (s->look)
		s->look(q);
	*ret_failure = HTTP_IMPOSSIBLE;
	if (s->size == 0)
		return error_set(e, ERR_NETWORK, "the end");
	ret->status = s->statuses[*s->data % s->n_statuses];
	end = memchr(s->data, 0, s->size);
	end = end ? end : s->data + s->size;
	if (end > s->data + 1)
		buf_add(&ret->body, s->data + 1, (size_t)(end - s->data - 1));
	http_response_add(ret, "X-Subject-Token", "token");
	end += end < s->data + s->size; /* the NUL */
	s->size -= (size_t)(end - s->data);
	s->data = end;
	return 0;
}

static int64_t script_now(void *arg)
{
	return ((struct script *)arg)->now_ms;
}

static int script_sleep(void *arg, int64_t ms)
{
	((struct script *)arg)->now_ms += ms;
	return 0;
}

static inline struct http script_http(struct script *s)
{
	return (struct http){ .send = script_say, .arg = s };
}

static inline struct clock script_clock(struct script *s)
{
	return (struct clock){ script_now, script_sleep, s };
}
