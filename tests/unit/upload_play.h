/* Uploads into the Glance of fake_glance.h. */
#pragma once

#include "fake_transfers.h"

#include "provider.h"
#include "tmpdir.h"
#include "upload.h"
#include "upload_parts.h"

#define DIGEST "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define OTHER  "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define SIZE   100000

struct play {
	struct upload_request q;
	struct arena *arena;
	struct cloud_image *images;
	size_t n;
	char sha512[SHA512_HEX];
	struct error e;
};

static inline void play_end(struct play *p)
{
	arena_free(p->arena);
}
#define PLAY _cleanup_(play_end) struct play p

static inline void write_disk(char first)
{
	static char bytes[SIZE];

	memset(bytes, 'x', sizeof bytes);
	bytes[0] = first;
	check_int(file_replace(tmp_fd(), "disk.raw", bytes, sizeof bytes, 0600), 0);
}

/* A file, and an empty Glance. known: the request says digest and hash, as of what kbuild has built. */
static inline void begin(struct play *p, bool known)
{
	_close_ int fd = -1;

	fake = (struct fake_glance){ .room = { -1, -1 }, .now = 1000 };
	*p = (struct play){ .arena = arena_new() };
	write_disk('k');
	fd = openat(tmp_fd(), "disk.raw", O_RDONLY | O_CLOEXEC);
	check_int(sha512_fd(fd, p->sha512), 0);
	p->q = (struct upload_request){ .disk = tmp_name("disk.raw"), .definition = "demo" };
	if (known) {
		p->q.digest = DIGEST;
		p->q.sha512 = p->sha512;
	}
}

static inline int upload(struct play *p)
{
	const struct cloud c = { .clock = &fake_clock };
	int r;

	p->e = (struct error){};
	r = upload_run((struct os *)&fake, &c, &p->q, p->arena, &p->images, &p->n, &p->e);
	check_int((int64_t)fake.open_turns, 0);
	if (r < 0)
		check_int(r, -p->e.code);
	return r;
}

static inline struct fake_image *there(
	struct play *p, const char *id, const char *status, const char *digest)
{
	struct fake_image *i = fake_add(id, NULL, status, digest, "raw");

	if (strcmp(status, "active") == 0) {
		snprintf(i->hash, sizeof i->hash, "%s", p->sha512);
		i->size = SIZE;
	}
	return i;
}

/* How many images there are, and that all of them are right. */
static inline size_t count_active(const struct play *p)
{
	size_t n = 0;

	for (size_t i = 0; i < fake.n; i++) {
		if (fake.v[i].gone)
			continue;
		check_str(fake.v[i].status, "active");
		if (!fake.no_hash)
			check_str(fake.v[i].hash, p->sha512);
		check_str(fake.v[i].sha512, p->sha512);
		n++;
	}
	return n;
}
