/*
 * Transfers to the Glance of fake_glance.h, in place of common/transfer.c (linked with --wrap).
 */
#pragma once

#include "fake_glance.h"

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
	fake.held = fake.held == t ? NULL : fake.held;
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

	if (!p || (!p->status && !p->after && !p->stall && !p->lasts_ms))
		return NULL;
	fake.next_put++;
	return p;
}

static inline void fake_end(struct transfer *t, const struct fake_put *p)
{
	struct fake_image *i = fake_target(t);
	long status = p ? p->status : 204;

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

static inline void fake_serve(struct transfer *t)
{
	const struct fake_put *p = fake_script();

	if (p && p->meanwhile)
		p->meanwhile();
	if (!p || (!p->stall && !p->lasts_ms)) {
		fake_end(t, p);
		return;
	}
	fake.held = fake.running[fake.n_running++] = t;
	fake.held_until = p->stall ? INT64_MAX : fake.now + p->lasts_ms;
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
		if (running[i] != fake.held)
			fake_serve(running[i]);
		else if (fake.now < fake.held_until)
			fake.running[fake.n_running++] = running[i];
		else
			fake_end(running[i], NULL);
	}
	return fake.interrupted_ms && fake.now >= fake.interrupted_ms ? -ECANCELED : 0;
}

struct transfer *__wrap_transfers_ended(struct transfers *ts);
struct transfer *__wrap_transfers_ended(_unused_ struct transfers *ts)
{
	return fake.n_ended ? fake.ended[--fake.n_ended] : NULL;
}
