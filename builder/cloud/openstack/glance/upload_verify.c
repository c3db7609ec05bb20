/* What becomes of a record once its bytes are there: it is right, or it is removed, or it is somebody else's. */
#include "upload_parts.h"

#include "clock.h"
#include "image_users.h"
#include "os.h"
#include "progress.h"
#include "provider.h"

#include <inttypes.h>
#include <time.h>

#define RESTARTS 3
#define SETTLE_S 600 /* who sends other bytes has said by then that they are right */

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

int part_discard(struct part *p, const char *why, struct error *e)
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
		return part_discard(p, why, e);
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
	if ((i->sha512 && i->hash_value) || time(NULL) - i->changed > SETTLE_S)
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
		p->not_before = clock_now_ms(p->u->c->clock) + 50;
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
