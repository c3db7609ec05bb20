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

	p->name = xasprintf("store/partial/%s", item->sha256);
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

static int move_in(struct partial *p, struct store *s, const char *name)
{
	_free_ char *dir = xstrndup(name, (size_t)(strrchr(name, '/') - name));
	int r;

	if (fsync(p->fd) < 0)
		return -errno;
	r = mkdir_all(s->fd, dir, 0755);
	if (r < 0)
		return r;
	if (renameat(s->fd, p->name, s->fd, name) < 0)
		return -errno;
	return fsync_parent(s->fd, name);
}

int partial_commit(
	struct partial *p, struct store *s, const struct store_item *item, struct error *e)
{
	_free_ char *name = store_name(item->sha256);
	char hex[SHA256_HEX];
	int r;

	sha256_end(p->hash, hex);
	if (strcmp(hex, item->sha256) != 0) {
		r = partial_restart(p);
		return r < 0 ? error_errno(e, r, "emptying %s/%s", s->dir, p->name) : PARTIAL_WRONG;
	}
	r = move_in(p, s, name);
	if (r < 0)
		return error_errno(e, r, "moving %s into %s", item->name, s->dir);
	partial_close(p);
	return 0;
}
