/* The lock's way out: text, sorted because the lock is. */
#include "lock.h"
#include "lock_text.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "digest.h"
#include "error.h"
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

const char *const lock_reason_words[LOCK_REASONS] = {
	[LOCK_ASKED] = "asked",
	[LOCK_REQUIRED] = "required",
	[LOCK_DEPENDENCY] = "dependency",
	[LOCK_RECOMMENDED] = "recommended",
};

int64_t lock_date(const struct lock *l)
{
	int64_t newest = 0;

	for (size_t i = 0; i < l->n_sources; i++) {
		struct tm tm = { 0 };

		if (strptime(l->sources[i].date, "%Y-%m-%dT%H:%M:%SZ", &tm))
			newest = MAX(newest, (int64_t)timegm(&tm));
	}
	return newest;
}

void lock_free(struct lock *l)
{
	if (l)
		arena_free(l->arena);
}

char *lock_path(const char *definition_path)
{
	return xasprintf("%s.lock", definition_path);
}

static void format_package(const struct lock_package *p, struct buf *out)
{
	buf_printf(out, "package %s %s %s %s %s %s", p->name, p->version, p->architecture,
		p->automatic ? "auto" : "manual", p->essential ? "essential" : "-",
		lock_reason_words[p->reason]);
	if (p->because)
		buf_printf(out, ":%s", p->because);
	buf_printf(out, " %s %llu %s %s\n", p->source, (unsigned long long)p->size, p->sha256,
		p->file);
}

void lock_format(const struct lock *l, struct buf *out)
{
	buf_adds(out, LOCK_HEAD);
	buf_printf(out, "distribution %s\nrelease %s\narchitecture %s\nrecommends %s\n",
		l->distribution, l->release, l->architecture, l->recommends ? "yes" : "no");
	for (const char **p = l->asked; *p; p++)
		buf_printf(out, "asked %s\n", *p);
	for (const char **p = l->inputs; *p; p++)
		buf_printf(out, "input %s\n", *p);
	for (size_t i = 0; i < l->n_sources; i++) {
		const struct lock_source *s = &l->sources[i];

		buf_printf(out, "source %s %s %s %s %s %s%s%s\n", s->id, s->date, s->fingerprint,
			s->sha256, s->uri ? s->uri : "-", s->suite, s->components[0] ? " " : "",
			s->components);
	}
	for (size_t i = 0; i < l->n; i++)
		format_package(&l->packages[i], out);
	if (l->application)
		buf_printf(out, "application %s\n", l->application);
	for (size_t i = 0; i < l->n_containers; i++) {
		const struct lock_container *c = &l->containers[i];

		buf_printf(out, "container %s %llu %s\n", c->reference, (unsigned long long)c->size,
			c->sha256);
	}
}

void lock_set_containers(
	struct lock *l, const char *commit, struct lock_container *containers, size_t n)
{
	_buf_ text = BUF_INIT;

	l->application = commit;
	l->containers = containers;
	l->n_containers = n;
	lock_format(l, &text);
	sha256_bytes(text.data, text.len, l->digest);
}

int lock_write(const struct lock *l, const char *path, struct error *e)
{
	_buf_ b = BUF_INIT;
	int r;

	lock_format(l, &b);
	r = file_replace(AT_FDCWD, path, b.data, b.len, 0644);
	if (r < 0)
		return error_errno(e, r, "writing the lock %s", path);
	return 0;
}

int lock_write_first(struct lock **l, const char *path, struct error *e)
{
	_free_ char *fresh = xasprintf("%s.%d.tmp", path, (int)getpid());
	struct lock *other = NULL;
	int r = lock_write(*l, fresh, e);

	if (r < 0)
		return r;
	/* A link is made or not: nothing is replaced. */
	r = link(fresh, path) < 0 ? -errno : 0;
	if (r == -EEXIST || r == 0)
		(void)unlink(fresh);
	else
		r = rename(fresh, path) < 0 ? -errno : 0; /* a file system without links */
	if (r == 0)
		r = fsync_parent(AT_FDCWD, path);
	if (r == 0)
		return 0;
	if (r != -EEXIST) {
		(void)unlink(fresh);
		return error_errno(e, r, "writing the lock %s", path);
	}
	r = lock_read(&other, path, e);
	if (r == LOCK_ABSENT)
		return error_set(
			e, ERR_FAILED, "the lock %s was made and removed again meanwhile", path);
	if (r < 0)
		return r;
	lock_free(*l);
	*l = other;
	return LOCK_THERE;
}
