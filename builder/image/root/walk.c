/* Recursion over directory fds; depth is bounded by what the kernel lets a path be. */
#include "walk.h"
#include "alloc.h"
#include "interrupt.h"
#include "names.h"
#include "rootfd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct walk {
	int (*visit)(void *arg, const struct walk_entry *e);
	void *arg;
	dev_t dev;
};

static int walk_fd(const struct walk *w, int fd, const char *path);

static int walk_entry(const struct walk *w, int dir, const char *parent, const char *name)
{
	_free_ char *path = xasprintf("%s/%s", parent, name);
	struct walk_entry entry = { dir, name, path, NULL };
	struct stat st;

	if (interrupted())
		return -ECANCELED;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (S_ISDIR(st.st_mode)) {
		int fd, r;

		if (st.st_dev != w->dev)
			return 0;
		fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		r = walk_fd(w, fd, path);
		if (r < 0)
			return r;
	}
	entry.st = &st;
	return w->visit(w->arg, &entry);
}

static int walk_fd(const struct walk *w, int fd, const char *path)
{
	_cleanup_(names_free) struct names names = NAMES_INIT;
	int r = names_read(&names, fd, ".");

	for (size_t i = 0; r == 0 && i < names.n; i++)
		r = walk_entry(w, fd, path, names.v[i]);
	return r;
}

int walk_below(
	int root, const char *path, int (*visit)(void *arg, const struct walk_entry *e), void *arg)
{
	struct walk w = { visit, arg, 0 };
	struct stat st;
	int fd = rootfd_open(root, path, O_RDONLY | O_DIRECTORY, 0);

	if (fd == -ENOENT || fd == -ENOTDIR)
		return 0;
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0) {
		close(fd);
		return -errno;
	}
	w.dev = st.st_dev;
	return walk_fd(&w, fd, strcmp(path, "/") == 0 ? "" : path);
}
