/*
 * One PUT of an image's bytes. It is all or nothing: the service knows no ranges, so each try begins at
 * byte 0. The record stays, and is "queued" again when a try was cut off.
 */
#include "upload_parts.h"

#include "alloc.h"
#include "arena.h"
#include "clock.h"
#include "os.h"
#include "progress.h"
#include "provider.h"
#include "retry.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CONNECT_MS    20000
#define ANSWER_MAX    (16 * KIB)
#define NOTICE_MS     1000
#define STALL_MS      90000	   /* not one byte taken: the connection is dead */
#define STORE_MS      (15 * 60000) /* after the last byte, until the service has stored it all */
#define TOKEN_EXTRA_S 900

static const struct retry patience = { .base_ms = 2000, .cap_ms = 60000 };

static ssize_t on_read(struct transfer *t, void *to, size_t len)
{
	struct part *p = t->arg;
	struct upload *u = p->u;
	size_t want = MIN(len, u->size - p->offset);
	ssize_t n;

	do
		n = pread(u->fd, to, want, (off_t)p->offset);
	while (n < 0 && errno == EINTR);
	if (n < 0 || (n == 0 && want > 0)) {
		p->read_error = n < 0 ? errno : ENODATA;
		return -1;
	}
	/* It wants more than the first bytes, so it has the request. */
	if (p->offset > 0)
		os_turn_ended(u->o, p->turn);
	p->offset += (uint64_t)n;
	progress_advance(u->c->progress, (uint64_t)n);
	return n;
}

static bool on_data(struct transfer *t, const void *data, size_t len)
{
	struct part *p = t->arg;

	buf_add(&p->answer, data, MIN(len, ANSWER_MAX - MIN(p->answer.len, ANSWER_MAX)));
	return true;
}

void put_stop(struct part *p)
{
	transfer_stop(p->u->transfers, &p->transfer);
	os_turn_ended(p->u->o, p->turn);
	if (p->token)
		explicit_bzero(p->token, strlen(p->token));
	free(TAKE(p->token));
}

/* What was sent counts for nothing any more. */
static void take_back(struct part *p)
{
	uint64_t total = 0;

	p->offset = 0;
	for (size_t i = 0; i < p->u->n; i++)
		total += p->u->parts[i].offset;
	progress_set(p->u->c->progress, total);
}

int put_start(struct part *p, struct error *e)
{
	struct upload *u = p->u;
	int64_t life_s = upload_slowest_s(u) + TOKEN_EXTRA_S;
	const char *token = NULL, *endpoint = NULL;
	int r = os_endpoint(u->o, OS_IMAGE, p->region, u->a, &endpoint, e);

	if (r < 0)
		return r;
	r = os_token(u->o, life_s, &token, e);
	if (r == 0)
		r = p->turn = os_turn(u->o, e);
	if (r < 0)
		return r;
	take_back(p);
	buf_reset(&p->answer);
	p->token = xstrdup(token);
	p->url = arena_printf(u->a, "%s/images/%s/file", endpoint, p->image.id);
	snprintf(p->length, sizeof p->length, "%" PRIu64, u->size);
	p->headers[0] = (struct http_header){ "X-Auth-Token", p->token };
	p->headers[1] = (struct http_header){ "Content-Type", "application/octet-stream" };
	p->headers[2] = (struct http_header){ "x-openstack-image-size", p->length };
	p->transfer = (struct transfer){
		.method = "PUT",
		.url = p->url,
		.headers = p->headers,
		.ca_file = os_cacert(u->o),
		.has_body = true,
		.body_len = u->size,
		.chunk = TRANSFER_CHUNK_MAX,
		/* Where a try has failed, a refusal should come before the bytes. */
		.expect = p->tries > 0,
		.read = on_read,
		.connect_ms = CONNECT_MS,
		.data = on_data,
		.arg = p,
	};
	p->tries++;
	p->read_error = 0;
	p->seen = 0;
	p->seen_ms = clock_now_ms(u->c->clock);
	p->stage = STAGE_SENDING;
	transfer_start(u->transfers, &p->transfer);
	return 0;
}

int64_t put_pause_ms(struct part *p)
{
	return p->tries == 0 ? 0 : retry_pause_ms(&patience, p->tries, p->asked_ms, retry_random());
}

/* To the next look at the record; wrong: when the service has seen it, too. */
static void check_later(struct part *p, bool wrong)
{
	p->stage = STAGE_CHECK;
	p->give_up = 0;
	p->not_before = clock_now_ms(p->u->c->clock) + (wrong ? NOTICE_MS : 0);
}

bool put_stalled(struct part *p)
{
	int64_t now = clock_now_ms(p->u->c->clock);

	if (p->offset != p->seen) {
		p->seen = p->offset;
		p->seen_ms = now;
	}
	if (now - p->seen_ms < (p->offset < p->u->size ? STALL_MS : STORE_MS))
		return false;
	put_stop(p);
	error_set(&p->error, ERR_NETWORK, "the service %s for %" PRId64 " s",
		p->offset < p->u->size ? "took no more bytes" : "did not answer",
		(now - p->seen_ms) / 1000);
	p->sent = true;
	p->stored = false;
	check_later(p, true);
	return true;
}

/* The service answered, and not with success. */
static int refused(struct part *p, long status, struct error *e)
{
	char text[32];
	struct error ignored = {};
	const char *said = os_page_text(buf_str(&p->answer), p->u->a);

	error_set(&p->error, ERR_NETWORK, "sending the bytes: %s%s%s",
		http_status_text(status, text), *said ? ": " : "", said);
	switch (status) {
	case 401:
		/* A token that was fresh a moment ago: another one may do; a third would not. */
		if (p->refused++ > 1)
			break;
		os_token_forget(p->u->o);
		p->stage = STAGE_SEND;
		return 0;
	case 409: /* somebody else sends it, or has */
		p->sent = false;
		check_later(p, false);
		return 0;
	case 404:
	case 410: /* removed meanwhile: the look at the record tells it again */
		check_later(p, false);
		return 0;
	case 403:
	case 413:
	case 415:
		break;
	default:
		check_later(p, true);
		return 0;
	}
	*e = p->error;
	/* Nothing will ever come of this record. If it cannot be removed, the next upload finds it. */
	if (status != 401)
		(void)glance_delete(p->u->o, p->region, p->image.id, &ignored);
	if (status == 413)
		error_append(e,
			"\nthe image is larger than the service takes, or the project's quota is used up");
	return part_gives_up(e);
}

int put_ended(struct part *p, struct error *e)
{
	struct transfer *t = &p->transfer;
	enum transfer_end end = t->end;
	long status = t->status;
	const char *why = t->why;

	p->asked_ms = t->retry_after_ms;
	put_stop(p);
	if (p->read_error)
		return error_errno(e, p->read_error, "reading %s%s", p->u->q->disk,
			p->read_error == ENODATA ? ", which became shorter" : "");
	p->sent = true;
	p->stored = false;
	if (end == TRANSFER_IMPOSSIBLE) {
		error_set(e, ERR_NETWORK, "sending the bytes: %s", why);
		return part_gives_up(e);
	}
	if (end != TRANSFER_DONE) {
		error_set(&p->error, ERR_NETWORK, "sending the bytes: %s", why);
		check_later(p, true);
		return 0;
	}
	if (status < 200 || status > 299)
		return refused(p, status, e);
	p->stored = true;
	p->error = (struct error){};
	check_later(p, false);
	return 0;
}
