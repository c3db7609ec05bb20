/*
 * A Glance in memory, and transfers to it, in place of builder/cloud/openstack/glance.c and
 * common/transfer.c (linked with --wrap): for tests of uploads. Time moves when somebody waits for
 * transfers. What a PUT comes to is scripted; without a script all bytes arrive.
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

#define FAKE_IMAGES 16

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
	void (*on_show)(void);	   /* before each answer */
	int64_t interrupted_ms;	   /* 0: never */
	struct transfer *running[8], *ended[8];
	struct transfer *stalled;
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
	struct arena *a, struct glance_image **ret, size_t *ret_n, _unused_ struct error *e)
{
	fake.lists++;
	*ret = arena_alloc(a, (fake.n + 1) * sizeof **ret);
	*ret_n = 0;
	for (size_t i = fake.n; i-- > 0;) { /* the newest first */
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
	_unused_ struct arena *a, struct glance_image *ret, struct error *e)
{
	struct fake_image *i;

	fake.creates++;
	if (fake.refuse_id) {
		error_set(e, ERR_FAILED, "409 Conflict: %s", fake.refuse_id);
		return OS_CONFLICT;
	}
	if (fake_find(region, n->id)) {
		error_set(e, ERR_FAILED, "409 Conflict: Image ID %s already exists!", n->id);
		return OS_CONFLICT;
	}
	i = fake_add(n->id, region, "queued", n->digest, n->disk_format);
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

struct transfers *__wrap_transfers_new(unsigned connections);
struct transfers *__wrap_transfers_new(_unused_ unsigned connections)
{
	return (struct transfers *)&fake;
}

void __wrap_transfers_free(struct transfers *ts);
void __wrap_transfers_free(_unused_ struct transfers *ts)
{
	check_int(fake.n_running, 0); /* as its contract wants */
}

static inline const char *fake_header(const struct transfer *t, const char *name)
{
	for (const struct http_header *h = t->headers; h->name; h++) {
		if (strcmp(h->name, name) == 0)
			return h->value;
	}
	return NULL;
}

void __wrap_transfer_start(struct transfers *ts, struct transfer *t);
void __wrap_transfer_start(_unused_ struct transfers *ts, struct transfer *t)
{
	char length[24];

	snprintf(length, sizeof length, "%llu", (unsigned long long)t->body_len);
	check_str(t->method, "PUT");
	check_str(fake_header(t, "X-Auth-Token"), "tok");
	check_str(fake_header(t, "Content-Type"), "application/octet-stream");
	check_str(fake_header(t, "x-openstack-image-size"), length);
	t->handle = &fake;
	fake.running[fake.n_running++] = t;
	fake.sent++;
}

void __wrap_transfer_stop(struct transfers *ts, struct transfer *t);
void __wrap_transfer_stop(_unused_ struct transfers *ts, struct transfer *t)
{
	size_t n = 0;

	for (size_t i = 0; i < fake.n_running; i++) {
		if (fake.running[i] != t)
			fake.running[n++] = fake.running[i];
	}
	fake.n_running = n;
	fake.stalled = fake.stalled == t ? NULL : fake.stalled;
	t->handle = NULL;
}

/* The image that "https://glance-REGION/v2/images/ID/file" means. */
static inline struct fake_image *fake_target(const struct transfer *t)
{
	static const char base[] = "https://glance-";
	char region[8], id[65];

	check(strncmp(t->url, base, strlen(base)) == 0);
	snprintf(region, sizeof region, "%.*s", (int)strcspn(t->url + strlen(base), "/"),
		t->url + strlen(base));
	check_int(sscanf(strstr(t->url, "/v2"), "/v2/images/%64[^/]/file", id), 1);
	return fake_find(region, id);
}

static inline void fake_store(struct fake_image *i, struct transfer *t, const struct fake_put *p)
{
	_cleanup_(sha512_freep) struct sha512 *sum = sha512_new();
	_cleanup_(md5_freep) struct md5 *md5 = md5_new();
	uint64_t limit = p && p->taken_percent ? t->body_len * p->taken_percent / 100 : t->body_len;
	char block[4096];
	uint64_t at = 0;

	while (at < limit) {
		ssize_t n = t->read(t, block, MIN(sizeof block, limit - at));

		check(n > 0);
		if (p && p->flip && at == 0)
			block[0] ^= 1;
		sha512_add(sum, block, (size_t)n);
		md5_add(md5, block, (size_t)n);
		at += (uint64_t)n;
	}
	i->size = (int64_t)at;
	sha512_end(sum, i->hash);
	md5_end(md5, i->checksum);
	if (fake.no_hash)
		*i->hash = '\0';
	if (fake.no_checksum)
		*i->checksum = '\0';
}

static inline const struct fake_put *fake_script(void)
{
	const struct fake_put *p = fake.puts ? &fake.puts[fake.next_put] : NULL;

	if (!p || (!p->status && !p->after && !p->stall))
		return NULL;
	fake.next_put++;
	return p;
}

static inline void fake_serve(struct transfer *t)
{
	const struct fake_put *p = fake_script();
	struct fake_image *i = fake_target(t);
	long status = p ? p->status : 204;

	if (p && p->meanwhile)
		p->meanwhile();
	if (p && p->stall) {
		fake.stalled = fake.running[fake.n_running++] = t;
		return;
	}
	if (!i || i->gone)
		status = 404;
	else if (!p && strcmp(i->status, "queued") != 0)
		status = 409;
	if (i && (status == 204 || status == 0 || (p && p->taken_percent)))
		fake_store(i, t, p);
	if (i && (status == 204 || (p && p->after)))
		snprintf(i->status, sizeof i->status, "%s", p && p->after ? p->after : "active");
	if (i && strcmp(i->status, "active") != 0) {
		i->size = -1;
		*i->hash = *i->checksum = '\0';
	}
	if (p && p->answer)
		t->data(t, p->answer, strlen(p->answer));
	t->status = status;
	t->end = status ? TRANSFER_DONE : TRANSFER_CUT;
	t->why = status ? "" : "the server closed the connection half-way";
	fake.ended[fake.n_ended++] = t;
}

int __wrap_transfers_run(struct transfers *ts, int wait_ms);
int __wrap_transfers_run(_unused_ struct transfers *ts, int wait_ms)
{
	struct transfer *running[ARRAY_SIZE(fake.running)];
	size_t n = fake.n_running;

	/* The thread that hashes works in real time. */
	if (wait_ms > 0)
		usleep(200);
	fake.now += MAX(wait_ms, 1);
	memcpy(running, fake.running, sizeof running);
	fake.n_running = 0;
	for (size_t i = 0; i < n; i++) {
		if (running[i] == fake.stalled)
			fake.running[fake.n_running++] = running[i];
		else
			fake_serve(running[i]);
	}
	return fake.interrupted_ms && fake.now >= fake.interrupted_ms ? -ECANCELED : 0;
}

struct transfer *__wrap_transfers_ended(struct transfers *ts);
struct transfer *__wrap_transfers_ended(_unused_ struct transfers *ts)
{
	return fake.n_ended ? fake.ended[--fake.n_ended] : NULL;
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
