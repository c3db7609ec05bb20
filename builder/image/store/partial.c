/*
 * Downloads on their way. The name in partial/ is the digest, so any kbuild may go on with what
 * another left; flock() says who does. The lock is on the file that is renamed into the store at
 * the end: whoever then gets the lock must look whether the name is still that file.
 */
#include "store_parts.h"

#include "alloc.h"
#include "digest.h"
#include "error.h"
#include "fd.h"
#include "interrupt.h"
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

/* Counts and hashes what an earlier run left. */
static int read_back(struct partial *p)
{
	_free_ char *block = xmalloc(256 * KIB);

	p->hash = sha256_new();
	for (;;) {
		ssize_t n = pread(p->fd, block, 256 * KIB, (off_t)p->size);

		if (interrupted())
			return -ECANCELED;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		sha256_add(p->hash, block, (size_t)n);
		p->size += (uint64_t)n;
	}
}

static bool same_file(int dirfd, const char *name, int fd)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && fstatat(dirfd, name, &b, 0) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

void partial_close(struct partial *p)
{
	if (p->fd >= 0)
		close(p->fd);
	free(p->name);
	sha256_free(p->hash);
	*p = (struct partial)PARTIAL_INIT;
}

int partial_open(struct partial *p, struct store *s, const struct store_item *item, struct error *e)
{
	int r;

	p->item = item;
	p->name = partial_name(s, item->sha256);
	p->fd = openat(s->fd, p->name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (p->fd < 0)
		r = -errno;
	else if (flock(p->fd, LOCK_EX | LOCK_NB) < 0)
		r = errno == EWOULDBLOCK ? PARTIAL_BUSY : -errno;
	else if (store_has(s, item->sha256, item->size))
		r = PARTIAL_HAVE;
	else if (!same_file(s->fd, p->name, p->fd))
		r = PARTIAL_BUSY; /* renamed or removed between open and lock: look again */
	else
		r = read_back(p);
	if (r == PARTIAL_HAVE)
		unlinkat(s->fd, p->name, 0); /* made by our own open(), after the rename */
	if (r < 0)
		error_errno(e, r, "opening %s/%s", s->dir, p->name);
	if (r != 0)
		partial_close(p);
	return r < 0 ? -e->code : r;
}

int partial_add(struct partial *p, const void *data, size_t len)
{
	const char *from = data;
	size_t left = len;

	while (left > 0) {
		ssize_t n = pwrite(p->fd, from, left, (off_t)(p->size + (len - left)));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int r = -errno;

			/* A full disk takes part of a block: only whole blocks are counted. */
			return ftruncate(p->fd, (off_t)p->size) < 0 ? -errno : r;
		}
		from += n;
		left -= (size_t)n;
	}
	sha256_add(p->hash, data, len);
	p->size += len;
	return 0;
}

int partial_restart(struct partial *p)
{
	sha256_free(p->hash);
	p->hash = sha256_new();
	p->size = 0;
	return ftruncate(p->fd, 0) < 0 ? -errno : 0;
}

int partial_check(struct partial *p)
{
	char hex[SHA256_HEX];
	int r;

	sha256_end(p->hash, hex);
	if (strcmp(hex, p->item->sha256) == 0)
		return 0;
	r = partial_restart(p);
	return r < 0 ? r : PARTIAL_WRONG;
}

/* Gives the file its name in the store. */
static int name_it(struct partial *p, struct store *s, const char *name)
{
	_free_ char *dir = xstrndup(name, (size_t)(strrchr(name, '/') - name));
	int r = mkdir_all(s->fd, dir, 0755);

	if (r < 0)
		return r;
	return renameat(s->fd, p->name, s->fd, name) < 0 ? -errno : 0;
}

int partials_move_in(struct partial *parts, size_t n, struct store *s, struct error *e)
{
	/* In rounds, so that the first fsync of each does the work of all. */
	for (int round = 0; round < 4; round++)
		for (size_t i = 0; i < n; i++) {
			struct partial *p = &parts[i];
			_free_ char *name = store_name(s, p->item->sha256);
			int r = 0;

			if (round == 0)
				sync_file_range(p->fd, 0, 0, SYNC_FILE_RANGE_WRITE); /* begins */
			else if (round == 1)
				r = fsync(p->fd) < 0 ? -errno : 0;
			else if (round == 2)
				r = name_it(p, s, name);
			else
				r = fsync_parent(s->fd, name);
			if (r < 0)
				return error_errno(
					e, r, "moving %s into %s", p->item->name, s->dir);
		}
	return 0;
}
