/* Extended attributes. Most files have none; that case is one system call. */
#include "xattr.h"

#include "alloc.h"
#include "arena.h"
#include "error.h"
#include "ext4.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

/* What is looked at: an fd, or (for what cannot be opened) a path through /proc. */
struct where {
	int fd;
	char path[64 + 256]; /* "" for the fd itself */
};

bool xattr_wanted(const char *name)
{
	static const char *const wanted[] = {
		"security.capability",
		"system.posix_acl_access",
		"system.posix_acl_default",
	};

	if (strncmp(name, "user.overlay.", 13) == 0)
		return false;
	if (strncmp(name, "user.", 5) == 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (strcmp(name, wanted[i]) == 0)
			return true;
	return false;
}

static ssize_t list(const struct where *at, char *names, size_t size)
{
	return at->path[0] ? llistxattr(at->path, names, size) : flistxattr(at->fd, names, size);
}

static ssize_t get(const struct where *at, const char *name, void *value, size_t size)
{
	return at->path[0] ? lgetxattr(at->path, name, value, size)
			   : fgetxattr(at->fd, name, value, size);
}

static int compare(const void *a, const void *b)
{
	const struct ext4_xattr *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int read_one(const struct where *at, const char *name, struct arena *a, struct ext4_xattr *x,
	struct error *e)
{
	ssize_t n = get(at, name, NULL, 0);
	void *value = arena_alloc(a, n > 0 ? (size_t)n : 1);

	if (n > 0)
		n = get(at, name, value, (size_t)n);
	if (n < 0)
		return error_errno(e, errno, "cannot read the extended attribute %s", name);
	*x = (struct ext4_xattr){ name, value, (size_t)n };
	return 0;
}

static int copy_listed(const struct where *at, const char *names, size_t len, struct ext4 *fs,
	uint32_t ino, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = NULL;
	_free_ struct ext4_xattr *v = NULL;
	size_t n = 0, cap = 0;

	for (const char *p = names; p < names + len; p += strlen(p) + 1) {
		int r;

		if (!xattr_wanted(p))
			continue;
		a = a ? a : arena_new();
		v = grow(v, n, &cap, sizeof *v);
		r = read_one(at, p, a, &v[n], e);
		if (r < 0)
			return r;
		n++;
	}
	if (n == 0)
		return 0;
	qsort(v, n, sizeof *v, compare);
	return ext4_xattrs_write(fs, ino, v, n, e);
}

int xattr_copy(int fd, const char *name, struct ext4 *fs, uint32_t ino, struct error *e)
{
	struct where at = { .fd = fd };
	_free_ char *names = NULL;
	ssize_t n;

	if (name)
		snprintf(at.path, sizeof at.path, "/proc/self/fd/%d/%s", fd, name);
	n = list(&at, NULL, 0);
	if (n == 0 || (n < 0 && errno == ENOTSUP))
		return 0;
	if (n > 0) {
		names = xmalloc((size_t)n);
		n = list(&at, names, (size_t)n);
	}
	if (n < 0)
		return error_errno(e, errno, "cannot list the extended attributes");
	return copy_listed(&at, names, (size_t)n, fs, ino, e);
}
