/*
 * Every name is taken in two parts: its directory, resolved by the kernel inside the root
 * (RESOLVE_IN_ROOT: neither ".." nor a symlink, absolute or not, leads out), and its last part,
 * which is made by an *at() call that follows nothing. No chdir, no chroot, so several threads may
 * unpack at once.
 */
#include "extract.h"

#include "alloc.h"
#include "deb.h"
#include "error.h"
#include "fd.h"
#include "tarball.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#define EXTRACT_MAX (16 * GIB)

struct job {
	const struct extract *x;
	int dir; /* the directory of the last name; packages are sorted, so it serves often */
	char *dir_path; /* its path; NULL: none */
	uint64_t written;
};

static int open_in_root(int root, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof how);

	return fd < 0 ? -errno : (int)fd;
}

/* Directories that a package did not list itself are made root's, 0755, as dpkg does. */
static int make_parents(int root, const char *path)
{
	_free_ char *copy = xstrdup(path);

	for (char *p = copy;; p++) {
		_close_ int up = -1, self = -1;
		char *slash, end = *p;

		if (end != '/' && end != '\0')
			continue;
		*p = '\0';
		self = open_in_root(root, copy, O_PATH | O_DIRECTORY);
		if (self == -ENOENT) {
			slash = strrchr(copy, '/');
			if (slash)
				*slash = '\0';
			up = open_in_root(root, slash ? copy : "", O_PATH | O_DIRECTORY);
			if (up < 0)
				return up;
			if (mkdirat(up, slash ? slash + 1 : copy, 0755) < 0 && errno != EEXIST)
				return -errno;
			if (slash)
				*slash = '/';
		} else if (self < 0) {
			return self;
		}
		*p = end;
		if (end == '\0')
			return 0;
	}
}

/* The directory of path, kept for the next name; *ret_base is the last part. */
static int open_dir(struct job *j, const char *path, const char **ret_base)
{
	const char *slash = strrchr(path, '/');
	_free_ char *dir = xstrndup(path, slash ? (size_t)(slash - path) : 0);
	int fd, r;

	*ret_base = slash ? slash + 1 : path;
	if (j->dir_path && strcmp(j->dir_path, dir) == 0)
		return j->dir;
	fd = open_in_root(j->x->root, dir, O_PATH | O_DIRECTORY);
	if (fd == -ENOENT) {
		r = make_parents(j->x->root, dir);
		if (r < 0)
			return r;
		fd = open_in_root(j->x->root, dir, O_PATH | O_DIRECTORY);
	}
	if (fd < 0)
		return fd;
	if (j->dir >= 0)
		close(j->dir);
	free(j->dir_path);
	j->dir = fd;
	j->dir_path = TAKE(dir);
	return fd;
}

static void job_end(struct job *j)
{
	if (j->dir >= 0)
		close(j->dir);
	free(j->dir_path);
}

/* Makes way for a file: whatever is no directory goes. */
static int make_way(int dir, const char *base)
{
	return unlinkat(dir, base, 0) < 0 && errno != ENOENT ? -errno : 0;
}

static int set_xattrs(int fd, const struct tar_entry *ent)
{
	for (size_t i = 0; i < ent->n_xattrs; i++) {
		const struct tar_xattr *x = &ent->xattrs[i];

		/* What the tree may carry into an image; labels of the packer's machine may not. */
		if (strcmp(x->name, "security.capability") != 0 &&
			strncmp(x->name, "user.", 5) != 0)
			continue;
		if (fsetxattr(fd, x->name, x->value, x->size, 0) < 0)
			return -errno;
	}
	return 0;
}

/* Owner before mode (chown clears set-id bits), and both before capabilities, which it clears too. */
static int set_owner_and_mode(const struct job *j, int fd, const struct tar_entry *ent)
{
	if (!j->x->no_owner && fchown(fd, ent->uid, ent->gid) < 0)
		return -errno;
	return fchmod(fd, ent->mode) < 0 ? -errno : 0;
}

static int write_block(struct job *j, int fd, const void *data, size_t len, uint64_t offset)
{
	if (__builtin_add_overflow(j->written, len, &j->written) ||
		j->written > (j->x->max ? j->x->max : EXTRACT_MAX) || offset > INT64_MAX - len)
		return -EFBIG;
	return fd_write_at(fd, data, len, offset);
}

static int write_content(struct job *j, struct tar *t, int fd, uint64_t size, struct error *e)
{
	uint64_t end = 0;

	for (;;) {
		const void *data;
		uint64_t offset;
		size_t len;
		int r = tar_block(t, &data, &len, &offset, e);

		if (r < 0)
			return r;
		if (r == TAR_END)
			break;
		r = write_block(j, fd, data, len, offset);
		if (r < 0)
			return error_errno(e, r, "writing");
		end = offset + len;
	}
	/* A hole at the end was not written. A size beyond the bound is a lie of the header. */
	if (end < size &&
		(size > (j->x->max ? j->x->max : EXTRACT_MAX) || ftruncate(fd, (off_t)size) < 0))
		return error_errno(e, size > EXTRACT_MAX ? EFBIG : errno, "writing");
	return 0;
}

static int make_file(struct job *j, struct tar *t, const struct tar_entry *ent, struct error *e)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
		{ ent->mtime, ent->mtime_nsec } };
	const char *base;
	int dir = open_dir(j, ent->path, &base), r;
	_close_ int fd = -1;

	if (dir < 0)
		return error_errno(e, dir, "opening its directory");
	r = make_way(dir, base);
	if (r < 0)
		return error_errno(e, r, "replacing what is there");
	fd = openat(dir, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_errno(e, errno, "creating");
	r = write_content(j, t, fd, ent->size, e);
	if (r < 0)
		return r;
	r = set_owner_and_mode(j, fd, ent);
	if (r == 0)
		r = set_xattrs(fd, ent);
	if (r == 0 && futimens(fd, times) < 0)
		r = -errno;
	return r < 0 ? error_errno(e, r, "setting owner, mode or time") : 0;
}

static int make_dir(struct job *j, const struct tar_entry *ent, struct error *e)
{
	const char *base;
	int dir, there, r;
	_close_ int fd = -1;

	there = open_in_root(j->x->root, ent->path, O_PATH | O_DIRECTORY);
	if (there >= 0) {
		close(there); /* a directory, or a symlink to one: stays as it is */
		return 0;
	}
	dir = open_dir(j, ent->path, &base);
	if (dir < 0)
		return error_errno(e, dir, "opening its directory");
	if (mkdirat(dir, base, 0700) < 0)
		return error_errno(e, errno, "making the directory");
	fd = openat(dir, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	r = fd < 0 ? -errno : set_owner_and_mode(j, fd, ent);
	return r < 0 ? error_errno(e, r, "setting owner or mode") : 0;
}

/* Owner and time of what cannot be opened: symlinks and fifos. */
static int set_by_name(struct job *j, int dir, const char *base, const struct tar_entry *ent)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
		{ ent->mtime, ent->mtime_nsec } };

	if (!j->x->no_owner && fchownat(dir, base, ent->uid, ent->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return utimensat(dir, base, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int make_link(struct job *j, const struct tar_entry *ent, int dir, const char *base)
{
	_free_ char *target = xstrdup(ent->target);
	char *slash = strrchr(target, '/');
	_close_ int from = -1;

	if (slash)
		*slash = '\0';
	from = open_in_root(j->x->root, slash ? target : "", O_PATH | O_DIRECTORY);
	if (from < 0)
		return from;
	return linkat(from, slash ? slash + 1 : target, dir, base, 0) < 0 ? -errno : 0;
}

static int make_other(struct job *j, const struct tar_entry *ent, struct error *e)
{
	const char *base;
	int dir = open_dir(j, ent->path, &base), r;

	if (dir < 0)
		return error_errno(e, dir, "opening its directory");
	r = make_way(dir, base);
	if (r < 0)
		return error_errno(e, r, "replacing what is there");
	switch (ent->type) {
	case TAR_HARDLINK:
		r = make_link(j, ent, dir, base);
		return r < 0 ? error_errno(e, r, "linking to '%s'", ent->target) : 0;
	case TAR_SYMLINK:
		r = symlinkat(ent->target, dir, base) < 0 ? -errno : 0;
		break;
	case TAR_FIFO:
		r = mkfifoat(dir, base, ent->mode) < 0 ? -errno : 0;
		break;
	default:
		return error_set(e, ERR_FAILED, "device nodes are not unpacked");
	}
	if (r == 0)
		r = set_by_name(j, dir, base, ent);
	return r < 0 ? error_errno(e, r, "creating") : 0;
}

static int make_entry(struct job *j, struct tar *t, const struct tar_entry *ent, struct error *e)
{
	if (ent->type == TAR_DIR)
		return *ent->path ? make_dir(j, ent, e) : 0;
	if (!*ent->path)
		return error_set(e, ERR_FAILED, "the root is not a directory");
	if (ent->type == TAR_FILE)
		return make_file(j, t, ent, e);
	return make_other(j, ent, e);
}

int extract_tar(const struct extract *x, struct tar *t, struct error *e)
{
	_cleanup_(job_end) struct job j = { .x = x, .dir = -1 };

	for (;;) {
		const struct tar_entry *ent;
		int r = tar_next(t, &ent, e);

		if (r != 0)
			return r < 0 ? r : 0;
		r = make_entry(&j, t, ent, e);
		if (r < 0)
			return error_prefix(e, "unpacking '%s'", ent->path);
		if (x->each)
			x->each(x->arg, ent->path);
	}
}

int extract_deb(const struct extract *x, const struct deb *d, struct error *e)
{
	_cleanup_(tar_closep) struct tar *t = NULL;
	int r = tar_open(&t, &d->data, e);

	if (r == 0)
		r = extract_tar(x, t, e);
	return r < 0 ? error_prefix(e, "%s", d->name) : 0;
}
