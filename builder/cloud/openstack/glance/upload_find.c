/*
 * What a region has already, and the record that is made where it has nothing of use: the first step of
 * an upload.
 */
#include "upload_parts.h"

#include "arena.h"
#include "digest.h"
#include "os.h"
#include "provider.h"

#include <inttypes.h>
#include <string.h>

#define GENERATIONS 2 /* of ids of ours: each that is spent costs two calls */
#define ID_SPENT    1

enum choice upload_choose(const struct upload *u, const struct glance_image *v, size_t n,
	const struct glance_image **ret)
{
	enum choice best = CHOICE_NONE;

	for (size_t i = 0; i < n; i++) {
		bool named = v[i].digest && strcmp(v[i].digest, u->digest) == 0;
		bool same = u->foreign && u->sha512 && v[i].hash_value &&
			    strcmp(v[i].hash_value, u->sha512) == 0;
		enum choice c = CHOICE_NONE;

		if ((!named && !same) || !v[i].disk_format ||
			strcmp(v[i].disk_format, u->format) != 0)
			continue;
		if (is_status(&v[i], "active"))
			c = glance_is_proven(&v[i]) || same ? CHOICE_USE : CHOICE_COMPARE;
		else if (named && is_moving(&v[i]))
			c = CHOICE_FOLLOW;
		else if (named && is_status(&v[i], "queued"))
			c = CHOICE_SEND;
		/* Of equal ones the oldest, which is the last: two uploads then choose the same. */
		if (c < CHOICE_NONE && c <= best) {
			best = c;
			*ret = &v[i];
		}
	}
	return best;
}

/* A foreign file may be there under another name: that is worth hashing it before it is sent. */
static bool may_be_there(const struct upload *u, const struct glance_image *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (u->foreign && !u->sha512 && is_status(&v[i], "active") &&
			v[i].size == (int64_t)u->size && v[i].digest &&
			strcmp(v[i].digest, u->digest) != 0)
			return true;
	}
	return false;
}

/*
 * The id follows from what the image is, so that the service itself sees to it that there is one only:
 * of two uploads at once one makes the record, the other is told that it is there. An id is never free
 * again, so the record after a removed one has the next generation's; and once those are spent, one of the
 * service's choice.
 */
static int id_of(const struct part *p, const char **ret, struct error *e)
{
	char hex[SHA256_HEX];
	const char *project, *text;
	int r = os_project(p->u->o, p->u->a, &project, e);

	if (r < 0)
		return r;
	text = arena_printf(p->u->a, "kbuild image %s %s %s %u", project, p->u->digest,
		p->u->format, p->generation);
	sha256_bytes(text, strlen(text), hex);
	*ret = arena_printf(
		p->u->a, "%.8s-%.4s-8%.3s-a%.3s-%.12s", hex, hex + 8, hex + 12, hex + 15, hex + 18);
	return 0;
}

/* Whether the service says that there is no room for it: asked before gigabytes are sent. */
static int check_room(struct part *p, struct error *e)
{
	int64_t mib = (int64_t)((p->u->size + MIB - 1) / MIB);
	struct glance_room room;
	int r = glance_room(p->u->o, p->region, &room, e);

	if (r < 0)
		return r;
	if (room.mib >= 0 && room.mib < mib)
		r = error_set(e, ERR_NETWORK,
			"the image takes %" PRId64 " MiB, and the project's quota has %" PRId64
			" MiB left; 'kbuild prune' removes old images",
			mib, room.mib);
	else if (room.images == 0)
		r = error_set(e, ERR_NETWORK,
			"the project has as many images as it may have; 'kbuild prune' removes old ones");
	return r < 0 ? part_gives_up(e) : 0;
}

static const char *name_of(const struct upload *u)
{
	return arena_printf(
		u->a, "%s-%.12s", u->q->definition ? u->q->definition : "image", u->digest);
}

/* A record of this id is there. ID_SPENT: it was, and never will be again. */
static int taken(struct part *p, const char *id, struct error *e)
{
	struct error why = *e;
	int r = glance_show(p->u->o, p->region, id, p->u->a, &p->image, e);

	if (r < 0)
		return r;
	if (r == 0 && p->image.digest && strcmp(p->image.digest, p->u->digest) == 0) {
		p->stage = STAGE_CHECK;
		p->give_up = 0;
		return 0;
	}
	p->image = (struct glance_image){};
	/* A region that takes no images answers with the same status. */
	if (!strstr(why.msg, "exist")) {
		*e = why;
		return -e->code;
	}
	p->generation++;
	return ID_SPENT;
}

/* With an id of ours. ID_SPENT: of those none is left, or none may be chosen. */
static int make_with_id(struct part *p, struct glance_new *n, struct error *e)
{
	int r = ID_SPENT;

	while (r == ID_SPENT && p->generation < GENERATIONS) {
		r = id_of(p, &n->id, e);
		if (r == 0)
			r = glance_create(p->u->o, p->region, n, p->u->a, &p->image, e);
		if (r == 0)
			p->stage = STAGE_SEND;
		else if (r == OS_CONFLICT)
			r = taken(p, n->id, e);
		else if (r > 0)
			return r == OS_REFUSED ? ID_SPENT : -e->code;
	}
	return r;
}

/*
 * The service chooses the id, so that nothing keeps another upload from making a record at the same time. The
 * part stays in STAGE_FIND: the list has both then, and of both uploads the same one is chosen.
 */
static int make_without_id(struct part *p, struct glance_new *n, struct error *e)
{
	int r;

	n->id = NULL;
	r = glance_create(p->u->o, p->region, n, p->u->a, &p->image, e);
	if (r == OS_UNSURE)
		return part_begin_again(p, "whether it was made is not known", e);
	return r > 0 ? -e->code : r;
}

static int make_record(struct part *p, struct error *e)
{
	const struct upload *u = p->u;
	const struct upload_request *q = u->q;
	struct glance_new n = {
		.name = name_of(u),
		.disk_format = u->format,
		.min_disk = u->min_disk,
		.digest = u->digest,
		.definition = q->definition,
		.sha512 = u->sha512,
		.user = q->user,
		.distribution = q->distribution,
		.version = q->version,
		.architecture = q->architecture,
	};
	int r = make_with_id(p, &n, e);

	return r == ID_SPENT ? make_without_id(p, &n, e) : r;
}

/* The record that this run has just made, where the list shows none: it lags behind. */
static int use_or_make(struct part *p, struct error *e)
{
	int r;

	if (p->image.id) {
		p->stage = STAGE_SEND;
		return 0;
	}
	r = check_room(p, e);
	return r < 0 ? r : make_record(p, e);
}

/* Records without bytes that nobody needs any more: killed uploads left them. */
static int sweep(struct part *p, const struct glance_image *v, size_t n, struct error *e)
{
	for (size_t i = 0; i < n; i++) {
		int r;

		if (!is_status(&v[i], "queued") || !v[i].digest ||
			strcmp(v[i].digest, p->u->digest) != 0 || !v[i].disk_format ||
			strcmp(v[i].disk_format, p->u->format) != 0 ||
			(p->image.id && strcmp(v[i].id, p->image.id) == 0))
			continue;
		r = part_remove(p, v[i].id, e);
		if (r < 0)
			return r;
	}
	return 0;
}

int part_find(struct part *p, struct error *e)
{
	struct upload *u = p->u;
	const struct glance_image *found = NULL;
	struct glance_image *v;
	enum choice choice;
	size_t n;
	int r = glance_list(u->o, p->region, u->foreign ? NULL : u->digest, u->a, &v, &n, e);

	if (r < 0)
		return r;
	if (!p->image.id && may_be_there(u, v, n)) {
		p->stage = STAGE_HASH;
		return 0;
	}
	choice = upload_choose(u, v, n, &found);
	if (found)
		p->image = *found;
	r = sweep(p, v, n, e);
	if (r < 0)
		return r;
	switch (choice) {
	case CHOICE_USE:
		p->stage = STAGE_DONE;
		return 0;
	case CHOICE_COMPARE:
		return part_verify(p, e);
	case CHOICE_FOLLOW:
		p->stage = STAGE_CHECK;
		p->give_up = 0;
		return 0;
	case CHOICE_SEND:
		p->stage = STAGE_SEND;
		return 0;
	default:
		return use_or_make(p, e);
	}
}
