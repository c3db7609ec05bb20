/* See spare.h. */
#include "spare.h"

#include "agent.h"
#include "buf.h"
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define PATH_LEN 32

/* A pool a directory: Landlock at its first ABI lets nothing change its directory. */
static const struct pool {
	const char *directory; /* "" or "…/" */
	unsigned n;
	size_t size;
} pools[] = {
	{ "", SPARES, SPARE_SIZE },
	{ "alerts/", SPARES_ALERT, SPARE_SIZE_ALERT },
};

static void name_spare(const struct pool *p, unsigned i, char ret[PATH_LEN])
{
	snprintf(ret, PATH_LEN, "%sspare-%02u", p->directory, i);
}

/* The one of the directory that a name is in. */
static const struct pool *pool_of(const char *name)
{
	for (size_t i = ARRAY_SIZE(pools) - 1; i > 0; i--)
		if (strncmp(name, pools[i].directory, strlen(pools[i].directory)) == 0)
			return &pools[i];
	return &pools[0];
}

static int keep(const struct agent *a, const struct pool *p)
{
	_buf_ lines = BUF_INIT;

	while (lines.len < p->size)
		buf_addc(&lines, '\n');
	for (unsigned i = 0; i < p->n; i++) {
		char path[PATH_LEN];
		struct stat st;
		int r;

		name_spare(p, i, path);
		if (fstatat(a->state_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			st.st_size >= (off_t)p->size)
			continue;
		/* Written, not only reserved: what was reserved may need a block when it is written. */
		r = file_replace(a->state_fd, path, lines.data, lines.len, 0600);
		if (r < 0)
			return r;
	}
	return 0;
}

void spare_keep(const struct agent *a)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(pools); i++)
		r = keep(a, &pools[i]);
}

/* Opens one that still has this name, for us alone, and how large it is; -1: not this one. */
static int take(const struct agent *a, const char *path, off_t *ret_size)
{
	_close_ int fd = openat(a->state_fd, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat mine, named;

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &mine) < 0 ||
		fstatat(a->state_fd, path, &named, AT_SYMLINK_NOFOLLOW) < 0 ||
		mine.st_ino != named.st_ino || mine.st_dev != named.st_dev)
		return -1;
	*ret_size = mine.st_size;
	return TAKE_FD(fd);
}

/* The smallest that is large enough: large ones are for large texts. */
static int choose(const struct agent *a, const struct pool *p, size_t len, char ret_path[PATH_LEN],
	off_t *ret_size)
{
	_close_ int best = -1;

	for (unsigned i = 0; i < p->n; i++) {
		char path[PATH_LEN];
		off_t size = 0;
		int fd;

		name_spare(p, i, path);
		fd = take(a, path, &size);
		if (fd >= 0 && size >= (off_t)len && (best < 0 || size < *ret_size)) {
			closep(&best);
			best = fd;
			*ret_size = size;
			memcpy(ret_path, path, PATH_LEN);
		} else if (fd >= 0) {
			close(fd);
		}
	}
	return best < 0 ? -ENOSPC : TAKE_FD(best);
}

int spare_write(const struct agent *a, const char *name, const struct buf *text)
{
	char path[PATH_LEN];
	_buf_ padded = BUF_INIT;
	off_t size = 0;
	_close_ int fd = choose(a, pool_of(name), text->len, path, &size);
	int r;

	if (fd < 0)
		return fd;
	buf_add(&padded, buf_str(text), text->len);
	while (padded.len < (size_t)size)
		buf_addc(&padded, '\n');
	r = fd_write_at(fd, padded.data, padded.len, 0);
	if (r < 0)
		return r;
	if (fsync(fd) < 0)
		return -errno;
	/* A new file has nothing to give back. */
	if (renameat2(a->state_fd, path, a->state_fd, name, RENAME_EXCHANGE) < 0 &&
		(errno != ENOENT || renameat(a->state_fd, path, a->state_fd, name) < 0))
		return -errno;
	return fsync_parent(a->state_fd, name);
}
