/* See repair.h. */
#include "repair.h"

#include "alloc.h"
#include "fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* Calls f for each name of a directory; absent: none. */
static int each(
	int repo, const char *path, int (*f)(int dir, const char *name, void *arg), void *arg)
{
	int fd = openat(repo, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), r = 0;
	DIR *d;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	d = fdopendir(fd);
	for (struct dirent *entry; r >= 0 && (entry = readdir(d));) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = f(fd, entry->d_name, arg);
	}
	closedir(d);
	return r;
}

static bool ends(const char *name, const char *with)
{
	size_t n = strlen(name), k = strlen(with);

	return n >= k && strcmp(name + n - k, with) == 0;
}

static int drop_lock(int dir, const char *name, _unused_ void *arg)
{
	return ends(name, ".lock") ? remove_all(dir, name) : 0;
}

/* A pack has its name last; an index without its pack is of one that was being removed. */
static int drop_half(int dir, const char *name, _unused_ void *arg)
{
	_free_ char *pack = NULL;

	if (strncmp(name, "pack-", 5) != 0)
		return remove_all(dir, name);
	if (!ends(name, ".idx"))
		return 0;
	pack = xasprintf("%.*s.pack", (int)(strlen(name) - 4), name);
	return faccessat(dir, pack, F_OK, AT_SYMLINK_NOFOLLOW) < 0 ? remove_all(dir, name) : 0;
}

int repair_sweep(int repo)
{
	int r = each(repo, ".", drop_lock, NULL);

	if (r >= 0)
		r = each(repo, "refs/kbuild", drop_lock, NULL);
	return r >= 0 ? each(repo, "objects/pack", drop_half, NULL) : r;
}

static int drop(int dir, const char *name, _unused_ void *arg)
{
	return remove_all(dir, name);
}

int repair_empty(int repo)
{
	return each(repo, ".", drop, NULL);
}

static int count_pack(_unused_ int dir, const char *name, void *arg)
{
	size_t *n = arg;

	*n += ends(name, ".pack");
	return 0;
}

int repair_packs(int repo, size_t *ret)
{
	*ret = 0;
	return each(repo, "objects/pack", count_pack, ret);
}

static int drop_other(int dir, const char *name, void *arg)
{
	const char *keep = arg;

	/* Indexes first or packs first: repair_sweep() knows what to do with either half. */
	return strncmp(name, "pack-", 5) == 0 && strncmp(name + 5, keep, REPO_SHA - 1) != 0
		       ? remove_all(dir, name)
		       : 0;
}

/* Loose objects are in directories of two hexadecimal digits. */
static int drop_loose(int dir, const char *name, _unused_ void *arg)
{
	return strlen(name) == 2 ? remove_all(dir, name) : 0;
}

int repair_keep_pack(int repo, const char name[REPO_SHA])
{
	_free_ char *pack = xasprintf("objects/pack/pack-%s.pack", name);
	int r;

	/* Nothing goes before what replaces it is there. */
	if (faccessat(repo, pack, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	r = fsync_parent(repo, pack);
	if (r >= 0)
		r = each(repo, "objects/pack", drop_other, (void *)(uintptr_t)name);
	return r >= 0 ? each(repo, "objects", drop_loose, NULL) : r;
}
