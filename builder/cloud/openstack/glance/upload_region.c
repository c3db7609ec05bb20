/*
 * One region of an upload, as steps that each ask the service one thing. The service is the state: what a
 * step needs to know it asks, so that a killed upload, another one at the same time and a restarted
 * service are the same case, namely a record in some status.
 */
#include "upload_parts.h"

#include "arena.h"
#include "clock.h"
#include "os.h"
#include "provider.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define TRIES	  6
#define POLL_MS	  2000
#define SETTLE_MS INT64_C(60000)	/* for the service to see that a sender is gone */
#define FOLLOW_MS (30 * INT64_C(60000)) /* and as long as the bytes take */

static int64_t now_ms(const struct part *p)
{
	return clock_now_ms(p->u->c->clock);
}

static int hash_step(struct part *p, struct error *e)
{
	int r = upload_know_hash(p->u, e);

	if (r < 0)
		return r;
	if (r == HASH_WAIT) {
		p->not_before = now_ms(p) + 50;
		return 0;
	}
	if (p->image.id)
		return part_verify(p, e);
	p->stage = STAGE_FIND;
	return 0;
}

/* How long a record is waited for. */
static int64_t patience_ms(const struct part *p)
{
	if (p->sent && !p->stored) /* the service may also be at work on the last bytes of it */
		return SETTLE_MS + (int64_t)(p->u->size / (100 * MIB)) * 1000;
	return FOLLOW_MS + upload_slowest_s(p->u) * 1000;
}

/*
 * Someone sends, or the service has not yet seen that nobody does any more. What this run has not sent is
 * somebody's, however long it takes, until "prune" would remove it, too.
 */
static int wait_for_it(struct part *p, struct error *e)
{
	int64_t now = now_ms(p);
	bool stale =
		!p->sent && p->image.changed && time(NULL) - p->image.changed > CLOUD_UPLOAD_MAX_S;

	if (!p->give_up)
		p->give_up = now + patience_ms(p);
	if (stale || (p->sent && now >= p->give_up))
		return part_discard(p, "the service did not come to an end with it", e);
	if (now >= p->give_up) {
		error_set(e, ERR_NETWORK,
			"another upload of this image (%s) has not come to an end in %" PRId64
			" min; the same command waits for it again, and replaces it a day after it began; "
			"where nobody is sending it any more, remove it",
			p->image.id, patience_ms(p) / 60000);
		return part_gives_up(e);
	}
	p->not_before = now + POLL_MS;
	return 0;
}

/* The record has no bytes: once more, or for the first time. */
static int send_it(struct part *p, struct error *e)
{
	if (p->tries >= TRIES) {
		*e = p->error;
		error_append(e,
			"\n%u times from the beginning; the same command goes on with the image %s",
			p->tries, p->image.id);
		return part_gives_up(e);
	}
	p->stage = STAGE_SEND;
	p->not_before = now_ms(p) + put_pause_ms(p);
	return 0;
}

static int check(struct part *p, struct error *e)
{
	struct glance_image *i = &p->image;
	int r = glance_show(p->u->o, p->region, i->id, p->u->a, i, e);

	if (r == OS_ABSENT)
		return part_begin_again(p, "it was gone when it was looked for", e);
	if (r < 0)
		return r;
	if (is_status(i, "queued"))
		return send_it(p, e);
	if (is_moving(i))
		return wait_for_it(p, e);
	if (is_status(i, "active")) {
		if (!p->sent && glance_is_proven(i)) {
			p->stage = STAGE_DONE;
			return 0;
		}
		return part_verify(p, e);
	}
	if (is_status(i, "deactivated")) {
		error_set(
			e, ERR_NETWORK, "the image %s was deactivated by an administrator", i->id);
		return part_gives_up(e);
	}
	/* killed, deleted, pending_delete */
	return part_discard(p, arena_printf(p->u->a, "it was %s", i->status), e);
}

int part_step(struct part *p, struct error *e)
{
	int r;

	switch (p->stage) {
	case STAGE_FIND:
		r = part_find(p, e);
		break;
	case STAGE_HASH:
		r = hash_step(p, e);
		break;
	case STAGE_SEND:
		r = upload_know_hash(p->u, e); /* begins while it is sent */
		r = r < 0 ? r : put_start(p, e);
		break;
	case STAGE_CHECK:
		r = check(p, e);
		break;
	default:
		return 0;
	}
	return r;
}
