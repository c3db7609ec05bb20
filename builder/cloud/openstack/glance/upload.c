/* The upload as a whole: the file, its regions in turn and at once, and what came of them. */
#include "upload.h"

#include "arena.h"
#include "clock.h"
#include "digest.h"
#include "disk_file.h"
#include "fd.h"
#include "os.h"
#include "progress.h"
#include "provider.h"
#include "upload_hash.h"
#include "upload_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define TICK_MS	     1000
#define HELD_UP_MS   1000 /* a step that took longer was felt by those that send */
#define TROUBLES_MAX 12
#define TROUBLE_MS   10000

static int open_disk(struct upload *u, struct stat *ret_st, struct error *e)
{
	struct disk_facts facts;
	uint64_t disk;
	int r;

	u->fd = open(u->q->disk, O_RDONLY | O_CLOEXEC);
	if (u->fd < 0)
		return error_errno(e, errno, "reading %s", u->q->disk);
	r = disk_facts_read(u->fd, u->q->disk, ret_st, &facts, e);
	if (r == 0 && u->q->disk_stat && !stat_same(ret_st, u->q->disk_stat))
		r = error_set(e, ERR_FAILED, "%s was built anew meanwhile; again", u->q->disk);
	if (r < 0)
		return r;
	u->size = (uint64_t)ret_st->st_size;
	if (u->q->format && strcmp(u->q->format, facts.format) != 0)
		return error_set(
			e, ERR_USAGE, "%s is %s, not %s", u->q->disk, facts.format, u->q->format);
	u->format = facts.format;
	disk = MAX(u->q->min_disk, facts.size);
	u->min_disk = (int64_t)((disk + GIB - 1) / GIB);
	return 0;
}

/*
 * A file that nobody has named the image of: itself is its name until its bytes are known, so that a
 * killed upload of it is found again.
 */
static const char *digest_of_file(const struct stat *st, struct arena *a)
{
	const char *text = arena_printf(a, "file %llu %llu %lld %lld.%09ld",
		(unsigned long long)st->st_dev, (unsigned long long)st->st_ino,
		(long long)st->st_size, (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
	char *hex = arena_alloc(a, SHA256_HEX);

	sha256_bytes(text, strlen(text), hex);
	return hex;
}

static void make_parts(struct upload *u)
{
	const char *const *regions = u->q->regions;
	size_t n = 0;

	while (regions && regions[n])
		n++;
	u->n = MAX(n, 1);
	u->parts = arena_alloc(u->a, u->n * sizeof *u->parts);
	for (size_t i = 0; i < u->n; i++) {
		u->parts[i].u = u;
		u->parts[i].region = n > 0 ? regions[i] : NULL;
	}
}

/*
 * Once gigabytes are on their way, a service that cannot be asked is asked again for some minutes: it is
 * restarting, as often as not. So is one that was given no time to answer.
 */
static bool is_patient(struct part *p, const struct error *e)
{
	if (e->code != ERR_NETWORK || !e->transient || (p->tries == 0 && !p->hurried) ||
		p->troubles++ >= TROUBLES_MAX)
		return false;
	p->not_before = clock_now_ms(p->u->c->clock) + TROUBLE_MS;
	return true;
}

static void part_failed(struct part *p, const struct error *e)
{
	if (is_patient(p, e))
		return;
	put_stop(p);
	p->stage = STAGE_FAILED;
	p->error = *e;
}

static void put_details(const struct upload *u)
{
	_buf_ text = BUF_INIT;
	uint64_t total = 0;

	for (size_t i = 0; i < u->n; i++) {
		const struct part *p = &u->parts[i];

		if (p->tries > 0)
			total += u->size;
		buf_printf(&text, "%s%s", i > 0 ? ", " : "", p->region ? p->region : "");
		if (p->stage == STAGE_SENDING)
			buf_printf(&text, " %u %%", (unsigned)(p->offset * 100 / u->size));
		else
			buf_adds(&text, p->stage == STAGE_DONE	   ? " done"
					: p->stage == STAGE_FAILED ? " failed"
					: p->stage == STAGE_SEND   ? " waits to try again"
								   : " …");
	}
	progress_total(u->c->progress, total);
	progress_detail(u->c->progress, "%s", buf_str(&text));
}

static bool others_send(const struct part *p)
{
	for (size_t i = 0; i < p->u->n; i++) {
		if (&p->u->parts[i] != p && p->u->parts[i].stage == STAGE_SENDING)
			return true;
	}
	return false;
}

/*
 * The calls of a step hold up what is sent to other regions, all of it by this thread. So they are brief, and
 * their time does not count as time in which those took no bytes. True: that was noticeable.
 */
static bool make_step(struct part *p, int (*step)(struct part *, struct error *), struct error *e)
{
	struct upload *u = p->u;
	int64_t begun = clock_now_ms(u->c->clock), took;

	p->hurried = others_send(p);
	os_hurry(u->o, p->hurried);
	if (step(p, e) < 0)
		part_failed(p, e);
	os_hurry(u->o, false);
	took = clock_now_ms(u->c->clock) - begun;
	for (size_t i = 0; i < u->n && took > HELD_UP_MS; i++) {
		if (&u->parts[i] != p && u->parts[i].stage == STAGE_SENDING)
			u->parts[i].seen_ms += took;
	}
	return took > HELD_UP_MS;
}

/* All steps that are due. Returns the ms until the next one, or negative when interrupted. */
static int make_steps(struct upload *u, struct error *e)
{
	int64_t wait = TICK_MS;
	bool held_up = false; /* what is sent is seen to before the next step */

	for (size_t i = 0; i < u->n && !held_up; i++) {
		struct part *p = &u->parts[i];
		struct error why = {};
		int64_t now = clock_now_ms(u->c->clock);

		if (part_over(p))
			continue;
		if (p->stage == STAGE_SENDING ? put_stalled(p) : p->not_before <= now) {
			if (p->stage != STAGE_SENDING)
				held_up = make_step(p, part_step, &why);
			wait = 0;
		} else if (p->stage != STAGE_SENDING) {
			wait = MIN(wait, p->not_before - now);
		}
		if (why.code == ERR_INTERRUPTED) {
			*e = why;
			return -e->code;
		}
	}
	return (int)wait;
}

static void take_ended(struct upload *u)
{
	struct transfer *t;

	while ((t = transfers_ended(u->transfers))) {
		struct part *p = t->arg;
		struct error why = {};

		(void)make_step(p, put_ended, &why);
	}
}

static bool all_over(const struct upload *u)
{
	for (size_t i = 0; i < u->n; i++) {
		if (!part_over(&u->parts[i]))
			return false;
	}
	return true;
}

static int run(struct upload *u, struct error *e)
{
	while (!all_over(u)) {
		int wait = make_steps(u, e), r;

		if (wait < 0)
			return wait;
		put_details(u);
		r = transfers_run(u->transfers, wait);
		if (r < 0)
			return error_errno(e, r, "uploading");
		take_ended(u);
		progress_tick(u->c->progress);
	}
	return 0;
}

/* The first failure, with what is in order nevertheless. */
static int sum_up(const struct upload *u, struct error *e)
{
	const struct part *failed = NULL;
	_buf_ done = BUF_INIT;

	for (size_t i = 0; i < u->n; i++) {
		const struct part *p = &u->parts[i];

		if (p->stage == STAGE_FAILED && !failed)
			failed = p;
		else if (p->stage == STAGE_DONE)
			buf_printf(&done, "%s%s", done.len ? ", " : "", p->region ? p->region : "");
	}
	if (!failed)
		return 0;
	*e = failed->error;
	if (failed->region && !strstr(e->msg, failed->region))
		error_prefix(e, "%s", failed->region);
	if (done.len)
		error_append(e, "\nit is in %s", buf_str(&done));
	return -e->code;
}

static void fill(const struct upload *u, struct cloud_image **ret, size_t *ret_n)
{
	struct cloud_image *v = arena_alloc(u->a, u->n * sizeof *v);

	for (size_t i = 0; i < u->n; i++) {
		glance_to_cloud(&u->parts[i].image, u->parts[i].region, &v[i]);
		v[i].uploaded = u->parts[i].sent;
	}
	*ret = v;
	*ret_n = u->n;
}

/* Its bytes are those of two moments: nobody wants it, and it would count as the newest of its definition. */
static int remove_sent(const struct upload *u, struct error *e)
{
	for (size_t i = 0; i < u->n; i++) {
		const struct part *p = &u->parts[i];
		struct error why = {};

		if (p->sent && glance_delete(u->o, p->region, p->image.id, &why) < 0)
			error_append(e, "\nthe image %s in %s could not be removed again: %s",
				p->image.id, p->region, why.msg);
	}
	return -e->code;
}

static int check_unchanged(const struct upload *u, const struct stat *before, struct error *e)
{
	struct stat st;

	if (fstat(u->fd, &st) < 0)
		return error_errno(e, errno, "reading %s", u->q->disk);
	if (stat_same(&st, before))
		return 0;
	error_set(e, ERR_FAILED, "%s was written to while it was being sent; again", u->q->disk);
	return remove_sent(u, e);
}

static void upload_close(struct upload *u)
{
	for (size_t i = 0; i < u->n; i++) {
		put_stop(&u->parts[i]);
		buf_free(&u->parts[i].answer);
	}
	if (u->hash)
		upload_hash_free(u->hash);
	if (u->transfers)
		transfers_free(u->transfers);
	closep(&u->fd);
}

int upload_run(struct os *o, const struct cloud *c, const struct upload_request *q, struct arena *a,
	struct cloud_image **ret, size_t *ret_n, struct error *e)
{
	struct upload u = {
		.o = o, .c = c, .q = q, .a = a, .fd = -1, .digest = q->digest, .sha512 = q->sha512
	};
	struct stat st;
	int r = open_disk(&u, &st, e);

	if (r == 0) {
		u.foreign = !u.digest;
		if (u.foreign)
			u.digest = digest_of_file(&st, a);
		make_parts(&u);
		u.transfers = transfers_new((unsigned)u.n);
		progress_begin(c->progress, "uploading", "B", 0);
		r = run(&u, e);
	}
	if (r == 0)
		r = sum_up(&u, e);
	if (r == 0)
		r = check_unchanged(&u, &st, e);
	if (r == 0) {
		fill(&u, ret, ret_n);
		progress_end(c->progress, NULL);
	}
	upload_close(&u);
	return r;
}
