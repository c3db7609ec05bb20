/*
 * One region of an upload, as steps that each ask the service one thing. The service is the state: what a
 * step needs to know it asks, so that a killed upload, another one at the same time and a restarted
 * service are the same case, namely a record in some status.
 */
#include "upload_parts.h"

#include "arena.h"
#include "clock.h"
#include "image_users.h"
#include "os.h"
#include "progress.h"
#include "provider.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define TRIES	  6
#define RESTARTS  3
#define POLL_MS	  2000
#define SETTLE_MS INT64_C(60000) /* for the service to see that a sender is gone */
#define FOLLOW_MS (30 * INT64_C(60000))
#define STALE_S	  (2 * INT64_C(3600)) /* no upload takes longer without being seen as stuck */

static int64_t now_ms(const struct part *p)
{
	return clock_now_ms(p->u->c->clock);
}

/* One in which no byte went out counts twice: nothing tells that the next will get further. */
int part_begin_again(struct part *p, const char *why, struct error *e)
{
	p->restarts += p->offset ? 1 : 2;
	if (p->restarts > RESTARTS) {
		error_set(e, ERR_NETWORK,
			"the image (%s) was removed again and again while it was being uploaded; the last time: %s",
			p->image.id ? p->image.id : p->u->digest,
			p->error.code ? p->error.msg : why);
		return part_gives_up(e);
	}
	p->image = (struct glance_image){};
	p->offset = 0;
	p->sent = p->stored = false;
	p->stage = STAGE_FIND;
	return 0;
}

int part_remove(struct part *p, const char *id, struct error *e)
{
	int r = glance_delete(p->u->o, p->region, id, e);

	return r < 0 ? error_prefix(e, "removing the image %s", id) : 0;
}

static int discard(struct part *p, const char *why, struct error *e)
{
	int r = part_remove(p, p->image.id, e);

	p->generation++;
	return r < 0 ? r : part_begin_again(p, why, e);
}

static void finish(struct part *p)
{
	p->image.sha512 = p->u->sha512 ? p->u->sha512 : p->image.sha512;
	p->stage = STAGE_DONE;
}

/* It was there before us: who made servers from it may need it, right or wrong. */
static int discard_unused(struct part *p, const char *why, struct error *e)
{
	const char *users;
	int r = image_users(p->u->o, p->region, p->image.id, p->u->a, &users, e);

	if (r < 0)
		return r;
	if (!users)
		return discard(p, why, e);
	error_set(e, ERR_FAILED,
		"the image %s should be this one, but %s, and servers were made from it (%s): it is not removed before they are",
		p->image.id, why, users);
	return part_gives_up(e);
}

/* Other bytes than ours under our digest. */
static int other_bytes(struct part *p, struct error *e)
{
	const struct glance_image *i = &p->image;
	int r;

	if (p->sent) {
		r = part_remove(p, i->id, e);
		if (r < 0)
			return r;
		return error_set(e, ERR_LOCK,
			"the bytes changed on their way: sent %" PRIu64
			" with SHA-512 %.16s…, stored %" PRId64
			" with %.16s…; the image was removed, so the same command tries again",
			p->u->size, p->u->sha512 ? p->u->sha512 : "?", i->size,
			i->hash_value ? i->hash_value : "?");
	}
	/* Who sent them would have said so by now; and what says so of other bytes is wrong anyway. */
	if ((i->sha512 && i->hash_value) || time(NULL) - i->changed > SETTLE_MS / 1000 * 10)
		return discard_unused(p, "it has other bytes", e);
	error_set(e, ERR_NETWORK,
		"another upload has just stored other bytes of the same image (%s), and has not yet said "
		"that they are right; try again in ten minutes",
		i->id);
	return part_gives_up(e);
}

/* The image is active: has it our bytes? */
int part_verify(struct part *p, struct error *e)
{
	int r = upload_compare(p->u, &p->image, e);

	switch (r) {
	case 0:
		if (!p->image.sha512 || strcmp(p->image.sha512, p->u->sha512) != 0)
			r = glance_confirm(p->u->o, p->region, p->image.id, p->u->sha512, e);
		if (r == OS_ABSENT)
			return part_begin_again(p, "it was gone when its bytes were right", e);
		break;
	case HASH_WAIT:
		p->stage = STAGE_HASH;
		p->not_before = now_ms(p) + 50;
		return 0;
	case BYTES_UNKNOWN:
		progress_note(p->u->c->progress,
			"%s keeps no hash of images: only the size was compared",
			p->region ? p->region : "the service");
		r = 0;
		break;
	case BYTES_DIFFER:
		return other_bytes(p, e);
	default:
		break;
	}
	if (r == 0)
		finish(p);
	return r;
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

/* Someone sends, or the service has not yet seen that nobody does any more. */
static int wait_for_it(struct part *p, struct error *e)
{
	int64_t now = now_ms(p), patience = FOLLOW_MS;
	bool stale = !p->sent && p->image.changed && time(NULL) - p->image.changed > STALE_S;

	if (p->sent && !p->stored) /* it may also be at work on the last bytes of it */
		patience = SETTLE_MS + (int64_t)(p->u->size / (100 * MIB)) * INT64_C(1000);
	if (!p->give_up)
		p->give_up = now + patience;
	if (stale || (p->sent && now >= p->give_up))
		return discard(p, "the service did not come to an end with it", e);
	if (now >= p->give_up) {
		error_set(e, ERR_NETWORK,
			"another upload of this image (%s) does not come to an end; if there is none any more, remove it",
			p->image.id);
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
	return discard(p, arena_printf(p->u->a, "it was %s", i->status), e);
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
