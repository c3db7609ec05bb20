/* Paths inside a tree, by openat2(RESOLVE_IN_ROOT). */
#include "intree.h"

#include "alloc.h"
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

int intree_open(int root, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)flags | O_CLOEXEC,
		.mode = flags & O_CREAT ? mode : 0,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof how);

	return fd < 0 ? -errno : (int)fd;
}

int intree_read(int root, const char *path, size_t max, struct buf *ret)
{
	_close_ int fd = intree_open(root, path, O_RDONLY, 0);

	return fd < 0 ? fd : fd_read(fd, max, ret);
}

/* Makes one directory; the ones above are there. */
static int make_one(int root, const char *path, mode_t mode)
{
	const char *slash = strrchr(path, '/');
	_free_ char *above = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup("");
	_close_ int dir = intree_open(root, above, O_PATH | O_DIRECTORY, 0);

	if (dir < 0)
		return dir;
	if (mkdirat(dir, slash ? slash + 1 : path, mode) < 0)
		return errno == EEXIST ? 0 : -errno;
	return fchmodat(dir, slash ? slash + 1 : path, mode, 0) < 0 ? -errno : 0;
}

int intree_mkdir(int root, const char *path, mode_t mode)
{
	for (const char *p = path + strspn(path, "/"); *p;) {
		_free_ char *upto = NULL;
		bool last;
		int r;

		p += strcspn(p, "/");
		upto = xstrndup(path, (size_t)(p - path));
		p += strspn(p, "/");
		last = *p == '\0';
		r = make_one(root, upto, last ? mode : 0755);
		if (r < 0)
			return r;
	}
	return 0;
}

int intree_write(int root, const char *path, const void *data, size_t len, mode_t mode)
{
	const char *slash = strrchr(path, '/');
	_free_ char *above = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup("");
	int r = intree_mkdir(root, above, 0755);
	_close_ int fd = -1;

	if (r < 0)
		return r;
	fd = intree_open(root, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
	if (fd < 0)
		return fd;
	r = fd_write(fd, data, len);
	if (r == 0 && fchmod(fd, mode) < 0) /* whatever the umask is */
		r = -errno;
	return r;
}
