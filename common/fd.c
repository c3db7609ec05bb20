/* Files and directories. Durable replacement is the heart: temp, fsync, rename, fsync the directory. */
#include "fd.h"

#include "alloc.h"
#include "buf.h"
#include "interrupt.h"
#include "names.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>

#define COPY_PIECE (64 * MIB)

int fd_read(int fd, size_t max, struct buf *ret)
{
	size_t start = ret->len;

	for (;;) {
		char *p = buf_reserve(ret, 64 * KIB);
		ssize_t n = read(fd, p, 64 * KIB);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || ret->len - start + (size_t)n > max) {
			int r = n < 0 ? -errno : -EFBIG;

			ret->len = start;
			ret->data[start] = '\0';
			return r;
		}
		ret->len += (size_t)n;
		ret->data[ret->len] = '\0';
		if (n == 0)
			return 0;
	}
}

int file_read(int dirfd, const char *path, size_t max, struct buf *ret)
{
	_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return fd_read(fd, max, ret);
}

int fd_write(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int fd_write_at(int fd, const void *data, size_t len, uint64_t offset)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = pwrite(fd, p, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

bool stat_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

int fsync_parent(int dirfd, const char *path)
{
	const char *slash = strrchr(path, '/');
	_free_ char *dir = slash ? xstrndup(path, MAX((size_t)(slash - path), 1)) : xstrdup(".");
	_close_ int fd = openat(dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return -errno;
	return 0;
}

int atomic_open(struct atomic *f, int dirfd, const char *path, mode_t mode)
{
	for (int i = 0; i < 100; i++) {
		uint64_t id;
		_free_ char *tmp = NULL;
		int fd;

		if (getrandom(&id, sizeof id, 0) != sizeof id)
			return -EIO;
		tmp = xasprintf("%s.tmp-%016llx", path, (unsigned long long)id);
		fd = openat(dirfd, tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
		if (fd < 0 && errno == EEXIST)
			continue;
		if (fd < 0)
			return -errno;
		if (fchmod(fd, mode) < 0) {
			int r = -errno;

			unlinkat(dirfd, tmp, 0);
			close(fd);
			return r;
		}
		*f = (struct atomic){
			.fd = fd, .dirfd = dirfd, .name = xstrdup(path), .tmp = TAKE(tmp)
		};
		return 0;
	}
	return -EEXIST;
}

void atomic_abort(struct atomic *f)
{
	if (f->fd >= 0)
		close(f->fd);
	if (f->tmp)
		unlinkat(f->dirfd, f->tmp, 0);
	free(f->tmp);
	free(f->name);
	*f = (struct atomic)ATOMIC_INIT;
}

int atomic_commit(struct atomic *f)
{
	int r;

	if (fsync(f->fd) < 0 || renameat(f->dirfd, f->tmp, f->dirfd, f->name) < 0) {
		r = -errno;
		atomic_abort(f);
		return r;
	}
	r = fsync_parent(f->dirfd, f->name);
	free(TAKE(f->tmp)); /* renamed: nothing left to unlink */
	atomic_abort(f);
	return r;
}

int file_replace(int dirfd, const char *path, const void *data, size_t len, mode_t mode)
{
	_cleanup_(atomic_abort) struct atomic f = ATOMIC_INIT;
	int r;

	r = atomic_open(&f, dirfd, path, mode);
	if (r < 0)
		return r;
	r = fd_write(f.fd, data, len);
	if (r < 0)
		return r;
	return atomic_commit(&f);
}

int mkdir_all(int dirfd, const char *path, mode_t mode)
{
	_free_ char *copy = xstrdup(path);

	for (char *p = copy + (*copy == '/'); *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdirat(dirfd, copy, mode) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	if (mkdirat(dirfd, copy, mode) < 0) {
		struct stat st;

		if (errno != EEXIST)
			return -errno;
		if (fstatat(dirfd, copy, &st, 0) < 0)
			return -errno;
		if (!S_ISDIR(st.st_mode))
			return -ENOTDIR;
	}
	return 0;
}

/* A bind mount of a directory of the same file system has the same device; only statx() tells. */
static bool is_mount_point(int fd)
{
	struct statx x;

	return statx(fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &x) == 0 &&
	       (x.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

static int remove_children(int fd, dev_t dev);

static int remove_one(int dirfd, const char *name, dev_t dev)
{
	_close_ int fd = -1;
	struct stat st;
	int r;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	/* Who else removes the same may be faster, at each step. */
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if ((dev != 0 && st.st_dev != dev) || is_mount_point(fd))
		return -EXDEV; /* a mount: never ours to empty */
	r = remove_children(fd, st.st_dev);
	if (r < 0)
		return r;
	return unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

static int remove_children(int fd, dev_t dev)
{
	_cleanup_(names_free) struct names names = NAMES_INIT;
	int r = names_read(&names, fd, ".");

	for (size_t i = 0; r == 0 && i < names.n; i++)
		r = remove_one(fd, names.v[i], dev);
	return r;
}

int remove_all(int dirfd, const char *path)
{
	return remove_one(dirfd, path, 0);
}

/* The part [off, end) by read and write, where the kernel cannot copy between the two files. */
static int copy_plain(int from, int to, off_t off, off_t end)
{
	_free_ char *block = xmalloc(MIB);

	while (off < end) {
		ssize_t n = pread(from, block, MIN((size_t)(end - off), MIB), off);
		int r;

		if (interrupted())
			return -ECANCELED;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		r = fd_write_at(to, block, (size_t)n, (uint64_t)off);
		if (r < 0)
			return r;
		off += n;
	}
	return 0;
}

/* One stretch of data, in pieces small enough that an interrupt is seen soon. */
static int copy_data(int from, int to, off_t data, off_t hole)
{
	off_t in = data, out = data;

	while (in < hole) {
		size_t len = MIN((size_t)(hole - in), COPY_PIECE);
		ssize_t n = copy_file_range(from, &in, to, &out, len, 0);

		if (interrupted())
			return -ECANCELED;
		if (n > 0 || (n < 0 && errno == EINTR))
			continue;
		if (n < 0 && errno != EXDEV && errno != EINVAL && errno != EOPNOTSUPP &&
			errno != ENOSYS)
			return -errno;
		return copy_plain(from, to, in, hole);
	}
	return 0;
}

int fd_copy(int from, int to)
{
	off_t pos = 0, end = lseek(from, 0, SEEK_END);

	/* Emptied first: what stood where from has a hole must not show through. */
	if (end < 0 || ftruncate(to, 0) < 0 || ftruncate(to, end) < 0)
		return -errno;
	if (end == 0 || ioctl(to, FICLONE, from) == 0)
		return 0;
	while (pos < end) {
		off_t data = lseek(from, pos, SEEK_DATA), hole;
		int r;

		if (data < 0)
			return errno == ENXIO ? 0 : -errno; /* only a hole is left */
		hole = lseek(from, data, SEEK_HOLE);
		if (hole < 0)
			return -errno;
		r = copy_data(from, to, data, hole);
		if (r < 0)
			return r;
		pos = hole;
	}
	return 0;
}
