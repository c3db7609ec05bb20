/*
 * Files below a root fd. The kernel does the confinement; what is ours is only to split paths where
 * a directory must be made, because there is no mkdirat2.
 */
#include "rootfd.h"
#include "alloc.h"
#include "buf.h"
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* The kernel answers EAGAIN when something was renamed meanwhile; a few tries are plenty. */
#define OPEN_TRIES 16

static int open_in_root(int root, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.mode = flags & O_CREAT ? mode : 0,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	for (int i = 0; i < OPEN_TRIES; i++) {
		long fd = syscall(SYS_openat2, root, *path ? path : "/", &how, sizeof how);

		if (fd >= 0)
			return (int)fd;
		if (errno != EAGAIN && errno != EINTR)
			break;
	}
	return -errno;
}

int rootfd_open(int root, const char *path, int flags, mode_t mode)
{
	_close_ int fd = -1;
	struct stat st;

	if (flags & O_PATH)
		return open_in_root(root, path, flags, mode);
	fd = open_in_root(root, path, flags | O_NONBLOCK | O_NOCTTY, mode);
	if (fd < 0)
		return TAKE_FD(fd);
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return -EINVAL;
	return TAKE_FD(fd);
}

/* Makes one directory whose parent exists. */
static int make_one(int root, const char *path, mode_t mode)
{
	_close_ int parent = -1;
	const char *name;
	int r;

	r = rootfd_parent(root, path, false, &parent, &name);
	if (r < 0)
		return r;
	if (mkdirat(parent, name, mode) < 0)
		return -errno;
	return fchmodat(parent, name, mode, 0) < 0 ? -errno : 0;
}

int rootfd_mkdir(int root, const char *path, mode_t mode)
{
	_free_ char *part = xstrdup(path);
	char *end = part;

	do {
		_close_ int fd = -1;
		char keep;
		int r = 0;

		end += strspn(end, "/");
		end += strcspn(end, "/");
		keep = *end;
		*end = '\0';
		fd = open_in_root(root, part, O_PATH | O_DIRECTORY, 0);
		if (fd == -ENOENT)
			r = make_one(root, part, keep ? 0755 : mode);
		else if (fd < 0)
			r = fd;
		if (r < 0)
			return r;
		*end = keep;
	} while (*end);
	return 0;
}

int rootfd_parent(int root, const char *path, bool make, int *ret_fd, const char **ret_name)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	_free_ char *dir = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup("");
	int fd, r;

	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return -EINVAL;
	if (make && *dir) {
		r = rootfd_mkdir(root, dir, 0755);
		if (r < 0)
			return r;
	}
	fd = open_in_root(root, dir, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fd;
	*ret_fd = fd;
	*ret_name = name;
	return 0;
}

static int write_file(
	int root, const char *path, int flags, const void *data, size_t len, mode_t mode)
{
	_close_ int fd = -1, parent = -1;
	const char *name;
	int r;

	r = rootfd_parent(root, path, true, &parent, &name);
	if (r < 0)
		return r;
	fd = rootfd_open(root, path, O_WRONLY | O_CREAT | flags, 0600);
	if (fd < 0)
		return fd;
	r = fd_write(fd, data, len);
	if (r < 0)
		return r;
	return fchmod(fd, mode) < 0 ? -errno : 0;
}

int rootfd_write(int root, const char *path, const void *data, size_t len, mode_t mode)
{
	return write_file(root, path, O_TRUNC, data, len, mode);
}

int rootfd_puts(int root, const char *path, const char *text, mode_t mode)
{
	return rootfd_write(root, path, text, strlen(text), mode);
}

int rootfd_append(int root, const char *path, const void *data, size_t len, mode_t mode)
{
	return write_file(root, path, O_APPEND, data, len, mode);
}

int rootfd_read(int root, const char *path, size_t max, struct buf *ret)
{
	_close_ int fd = rootfd_open(root, path, O_RDONLY, 0);

	return fd < 0 ? fd : fd_read(fd, max, ret);
}

int rootfd_symlink(int root, const char *target, const char *path)
{
	_close_ int parent = -1;
	const char *name;
	int r;

	r = rootfd_parent(root, path, true, &parent, &name);
	if (r < 0)
		return r;
	if (unlinkat(parent, name, 0) < 0 && errno != ENOENT)
		return -errno;
	return symlinkat(target, parent, name) < 0 ? -errno : 0;
}

int rootfd_remove(int root, const char *path)
{
	_close_ int parent = -1;
	const char *name;
	int r;

	r = rootfd_parent(root, path, false, &parent, &name);
	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	return r < 0 ? r : remove_all(parent, name);
}

int rootfd_chown(int root, const char *path, uid_t uid, gid_t gid)
{
	_close_ int fd = open_in_root(root, path, O_PATH, 0);

	if (fd < 0)
		return TAKE_FD(fd);
	return fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

int rootfd_chmod(int root, const char *path, mode_t mode)
{
	_close_ int fd = rootfd_open(root, path, O_RDONLY, 0);

	if (fd < 0)
		return TAKE_FD(fd);
	return fchmod(fd, mode) < 0 ? -errno : 0;
}

int rootfd_stat(int root, const char *path, struct stat *ret)
{
	_close_ int fd = open_in_root(root, path, O_PATH, 0);

	if (fd < 0)
		return TAKE_FD(fd);
	return fstat(fd, ret) < 0 ? -errno : 0;
}

bool rootfd_exists(int root, const char *path)
{
	_close_ int fd = open_in_root(root, path, O_PATH, 0);

	return fd >= 0;
}
