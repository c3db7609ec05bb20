/*
 * A Glance in memory, in place of builder/cloud/openstack/glance.c (linked with --wrap): for tests of uploads. Time
 * moves when somebody waits for transfers, which are fake_transfers.h's. What a PUT comes to is scripted; without a
 * script all bytes arrive.
 */
#pragma once

#include "check.h"

#include "arena.h"
#include "clock.h"
#include "digest.h"
#include "error.h"
#include "glance.h"
#include "http.h"
#include "image_users.h"
#include "os.h"
#include "transfer.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define FAKE_IMAGES 32

struct fake_image {
	char id[65], region[8], status[16], digest[65], sha512[129], hash[129], checksum[33];
	const char *format;
	int64_t size, age_s; /* since it last changed */
	bool gone;	     /* deleted: its id stays taken */
};

/* What comes of one PUT. */
struct fake_put {
	long status;		/* 0: the connection ends without an answer */
	const char *after;	/* the record's status then; NULL: what belongs to status */
	unsigned taken_percent; /* of the bytes; 0: all, or none where status says so before them */
	bool flip;		/* a byte arrives as another one */
	bool stall;		/* nothing ends */
	int64_t lasts_ms;	/* without a byte, and then all goes well */
	const char *answer;
	void (*meanwhile)(void);
};

struct fake_glance {
	struct fake_image v[FAKE_IMAGES];
	size_t n;
	const struct fake_put *puts; /* ended by {}; then all go well */
	size_t next_put;
	unsigned lists, shows, creates, confirms, deletes, rooms, sent, forgot;
	int64_t now;
	struct glance_room room;
	const char *users;	   /* servers made from whatever image; NULL: none */
	bool no_hash, no_checksum; /* as old services */
	const char *refuse_id;	   /* the words of a 409 to every record; NULL: none */
	bool forbids_ids;	   /* of the client's choice */
	bool deaf;		   /* lists cannot be had */
	size_t hidden;		   /* lists lag so many records behind */
	bool hurry;		   /* what os_hurry() has said */
	void (*on_show)(void);	   /* before each answer */
	void (*on_list)(void);
	int64_t interrupted_ms; /* 0: never */
	struct transfer *running[8], *ended[8];
	struct transfer *held; /* takes no byte … */
	int64_t held_until;    /* … before that */
	size_t n_running, n_ended;
	uint64_t open_turns; /* a bit for each that was not ended */
	int turns;
};
static struct fake_glance fake;

/* Each region has a Glance of its own, in which an id may be there, too. */
static inline struct fake_image *fake_find(const char *region, const char *id)
{
	for (size_t i = 0; i < fake.n; i++) {
		if (strcmp(fake.v[i].id, id) == 0 &&
			strcmp(fake.v[i].region, region ? region : "") == 0)
			return &fake.v[i];
	}
	return NULL;
}

/* Adds a record; sha512 is what the client wrote, hash what the service holds. */
static inline struct fake_image *fake_add(const char *id, const char *region, const char *status,
	const char *digest, const char *format)
{
	struct fake_image *i = &fake.v[fake.n++];

	check(fake.n <= FAKE_IMAGES);
	*i = (struct fake_image){ .format = format, .size = -1 };
	snprintf(i->id, sizeof i->id, "%s", id);
	snprintf(i->region, sizeof i->region, "%s", region ? region : "");
	snprintf(i->status, sizeof i->status, "%s", status);
	snprintf(i->digest, sizeof i->digest, "%s", digest);
	return i;
}

static inline struct glance_image fake_show(const struct fake_image *i)
{
	return (struct glance_image){
		.id = i->id,
		.name = "name",
		.status = i->status,
		.disk_format = i->format,
		.size = i->size,
		.digest = i->digest,
		.sha512 = *i->sha512 ? i->sha512 : NULL,
		.hash_algo = *i->hash ? "sha512" : NULL,
		.hash_value = *i->hash ? i->hash : NULL,
		.checksum = *i->checksum ? i->checksum : NULL,
		.changed = time(NULL) - i->age_s,
	};
}

int __wrap_glance_list(struct os *o, const char *region, const char *digest, struct arena *a,
	struct glance_image **ret, size_t *ret_n, struct error *e);
int __wrap_glance_list(_unused_ struct os *o, const char *region, const char *digest,
	struct arena *a, struct glance_image **ret, size_t *ret_n, struct error *e)
{
	fake.lists++;
	if (fake.on_list)
		fake.on_list();
	if (fake.deaf)
		return error_set(e, ERR_NETWORK, "no answer");
	*ret = arena_alloc(a, (fake.n + 1) * sizeof **ret);
	*ret_n = 0;
	for (size_t i = fake.n - MIN(fake.hidden, fake.n); i-- > 0;) { /* the newest first */
		if (!fake.v[i].gone && strcmp(fake.v[i].region, region ? region : "") == 0 &&
			(!digest || strcmp(fake.v[i].digest, digest) == 0))
			(*ret)[(*ret_n)++] = fake_show(&fake.v[i]);
	}
	return 0;
}

int __wrap_glance_show(struct os *o, const char *region, const char *id, struct arena *a,
	struct glance_image *ret, struct error *e);
int __wrap_glance_show(_unused_ struct os *o, const char *region, const char *id, struct arena *a,
	struct glance_image *ret, _unused_ struct error *e)
{
	struct fake_image *i;

	fake.shows++;
	if (fake.on_show)
		fake.on_show();
	i = fake_find(region, id);
	if (!i || i->gone)
		return OS_ABSENT;
	*ret = fake_show(i);
	ret->status = arena_strdup(a, i->status);
	return 0;
}

int __wrap_glance_create(struct os *o, const char *region, const struct glance_new *n,
	struct arena *a, struct glance_image *ret, struct error *e);
int __wrap_glance_create(_unused_ struct os *o, const char *region, const struct glance_new *n,
	struct arena *a, struct glance_image *ret, struct error *e)
{
	const char *id = n->id ? n->id : arena_printf(a, "chosen-%zu", fake.n);
	struct fake_image *i;

	fake.creates++;
	if (fake.forbids_ids && n->id) {
		error_set(e, ERR_FAILED, "403 Forbidden: id");
		return OS_REFUSED;
	}
	if (fake.refuse_id) {
		error_set(e, ERR_FAILED, "409 Conflict: %s", fake.refuse_id);
		return OS_CONFLICT;
	}
	if (fake_find(region, id)) {
		error_set(e, ERR_FAILED, "409 Conflict: Image ID %s already exists!", id);
		return OS_CONFLICT;
	}
	i = fake_add(id, region, "queued", n->digest, n->disk_format);
	snprintf(i->sha512, sizeof i->sha512, "%s", n->sha512 ? n->sha512 : "");
	*ret = fake_show(i);
	return 0;
}

int __wrap_glance_confirm(
	struct os *o, const char *region, const char *id, const char *sha512, struct error *e);
int __wrap_glance_confirm(_unused_ struct os *o, const char *region, const char *id,
	const char *sha512, _unused_ struct error *e)
{
	struct fake_image *i = fake_find(region, id);

	fake.confirms++;
	check(i && !i->gone);
	snprintf(i->sha512, sizeof i->sha512, "%s", sha512);
	return 0;
}

int __wrap_glance_delete(struct os *o, const char *region, const char *id, struct error *e);
int __wrap_glance_delete(
	_unused_ struct os *o, const char *region, const char *id, _unused_ struct error *e)
{
	struct fake_image *i = fake_find(region, id);

	fake.deletes++;
	if (!i || i->gone)
		return OS_ABSENT;
	i->gone = true;
	return 0;
}

int __wrap_glance_room(struct os *o, const char *region, struct glance_room *ret, struct error *e);
int __wrap_glance_room(_unused_ struct os *o, _unused_ const char *region, struct glance_room *ret,
	_unused_ struct error *e)
{
	fake.rooms++;
	*ret = fake.room;
	return 0;
}

int __wrap_image_users(struct os *o, const char *region, const char *id, struct arena *a,
	const char **ret, struct error *e);
int __wrap_image_users(_unused_ struct os *o, _unused_ const char *region, _unused_ const char *id,
	_unused_ struct arena *a, const char **ret, _unused_ struct error *e)
{
	*ret = fake.users;
	return 0;
}

int __wrap_os_project(struct os *o, struct arena *a, const char **ret, struct error *e);
int __wrap_os_project(
	_unused_ struct os *o, _unused_ struct arena *a, const char **ret, _unused_ struct error *e)
{
	*ret = "project";
	return 0;
}

int __wrap_os_endpoint(struct os *o, enum os_service service, const char *region, struct arena *a,
	const char **ret, struct error *e);
int __wrap_os_endpoint(_unused_ struct os *o, _unused_ enum os_service service, const char *region,
	struct arena *a, const char **ret, _unused_ struct error *e)
{
	*ret = arena_printf(a, "https://glance-%s/v2", region ? region : "");
	return 0;
}

int __wrap_os_token(struct os *o, int64_t life_s, const char **ret, struct error *e);
int __wrap_os_token(
	_unused_ struct os *o, int64_t life_s, const char **ret, _unused_ struct error *e)
{
	check(life_s >= 900);
	*ret = "tok";
	return 0;
}

void __wrap_os_token_forget(struct os *o);
void __wrap_os_token_forget(_unused_ struct os *o)
{
	fake.forgot++;
}

void __wrap_os_hurry(struct os *o, bool on);
void __wrap_os_hurry(_unused_ struct os *o, bool on)
{
	fake.hurry = on;
}

int __wrap_os_turn(struct os *o, struct error *e);
int __wrap_os_turn(_unused_ struct os *o, _unused_ struct error *e)
{
	fake.open_turns |= UINT64_C(1) << ++fake.turns;
	return fake.turns;
}

void __wrap_os_turn_ended(struct os *o, int turn);
void __wrap_os_turn_ended(_unused_ struct os *o, int turn)
{
	fake.open_turns &= ~(UINT64_C(1) << turn);
}

const char *__wrap_os_cacert(const struct os *o);
const char *__wrap_os_cacert(_unused_ const struct os *o)
{
	return NULL;
}

static inline int64_t fake_now(_unused_ void *arg)
{
	return fake.now;
}

static inline int fake_sleep(_unused_ void *arg, int64_t ms)
{
	fake.now += ms;
	return 0;
}

static const struct clock fake_clock = { .now_ms = fake_now, .sleep_ms = fake_sleep };
