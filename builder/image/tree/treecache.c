/*
 * The cache of trees. Kept by number rather than by size: a tree is shared between all images that
 * have its packages, and more than a handful of package sets in turn is rare.
 */
#include "treecache.h"

#include "alloc.h"
#include "error.h"
#include "fd.h"
#include "names.h"
#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

struct entry {
	char name[NAME_MAX + 1];
	struct timespec used;
};

static char *entry_path(const char *cache_dir, const char *digest)
{
	return xasprintf("%s/trees/%s", cache_dir, digest);
}

/* True when path still names what fd is: it was not swept between open and lock. */
static bool still_there(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_ino == b.st_ino &&
	       a.st_dev == b.st_dev;
}

int treecache_find(
	const char *cache_dir, const char *digest, char **ret_root, int *ret_lock, struct error *e)
{
	_free_ char *path = entry_path(cache_dir, digest);

	for (;;) {
		_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0 && errno == ENOENT)
			return TREECACHE_ABSENT;
		if (fd < 0 || flock(fd, LOCK_SH) < 0)
			return error_errno(e, errno, "opening the package tree %s", path);
		if (!still_there(fd, path))
			continue;
		(void)futimens(fd, NULL); /* only the order of sweeping depends on it */
		*ret_root = xasprintf("%s/root", path);
		*ret_lock = TAKE_FD(fd);
		return 0;
	}
}

int treecache_claim(const char *cache_dir, const char *digest, struct progress *p, struct error *e)
{
	_free_ char *dir = xasprintf("%s/trees", cache_dir);
	/* Named by the first two digits, so that there is a bounded number of them. */
	_free_ char *path = xasprintf("%s/.lock-%.2s", dir, digest);
	int r = mkdir_all(AT_FDCWD, dir, 0755);

	if (r < 0)
		return error_errno(e, r, "making %s", dir);
	return work_lock(path, "the same package tree", p, e);
}

int treecache_publish(
	const char *cache_dir, const char *digest, const struct work *w, struct error *e)
{
	_free_ char *path = entry_path(cache_dir, digest);
	int r;

	/* Nothing was synced while it grew; now all of it at once. */
	if (syncfs(w->fd) < 0)
		return error_errno(e, errno, "syncing the package tree");
	if (renameat(w->fd, "entry", AT_FDCWD, path) < 0)
		return error_errno(e, errno, "moving the package tree to %s", path);
	r = fsync_parent(AT_FDCWD, path);
	return r < 0 ? error_errno(e, r, "syncing %s", path) : 0;
}

static int newest_first(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->used.tv_sec != y->used.tv_sec)
		return x->used.tv_sec < y->used.tv_sec ? 1 : -1;
	if (x->used.tv_nsec != y->used.tv_nsec)
		return x->used.tv_nsec < y->used.tv_nsec ? 1 : -1;
	return strcmp(x->name, y->name);
}

static struct entry *list_entries(int dir, size_t *ret_n)
{
	_cleanup_(names_free) struct names names = NAMES_INIT;
	struct entry *v = NULL;
	size_t n = 0, cap = 0;
	struct stat st;

	(void)names_read(&names, dir, ".");
	for (size_t i = 0; i < names.n; i++) {
		if (names.v[i][0] == '.' || fstatat(dir, names.v[i], &st, 0) < 0 ||
			!S_ISDIR(st.st_mode))
			continue;
		v = grow(v, n, &cap, sizeof *v);
		snprintf(v[n].name, sizeof v[n].name, "%s", names.v[i]);
		v[n++].used = st.st_mtim;
	}
	*ret_n = n;
	return v;
}

/* Moves it out of sight first, so that a kill leaves a dead work directory and no half tree. */
static void sweep_one(int dir, const char *name, const struct work *grave)
{
	_close_ int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		(void)renameat(dir, name, grave->fd, name);
}

void treecache_sweep(const char *cache_dir)
{
	_free_ char *path = xasprintf("%s/trees", cache_dir);
	_free_ char *work_dir = xasprintf("%s/work", cache_dir);
	_close_ int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(work_close) struct work grave = WORK_INIT;
	_free_ struct entry *v = NULL;
	struct error ignored;
	size_t n = 0;

	if (dir < 0)
		return;
	v = list_entries(dir, &n);
	if (n <= TREECACHE_KEEP || work_open(&grave, work_dir, &ignored) < 0)
		return;
	qsort(v, n, sizeof *v, newest_first);
	for (size_t i = TREECACHE_KEEP; i < n; i++)
		sweep_one(dir, v[i].name, &grave);
}
