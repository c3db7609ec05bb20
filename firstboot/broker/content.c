/* See content.h. The copy is made first and named by what was copied: what changes meanwhile is seen. */
#include "content.h"

#include "alloc.h"
#include "buf.h"
#include "digest.h"
#include "error.h"
#include "fd.h"
#include "ops.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define FILES_MAX 20000
#define BYTES_MAX (512 * MIB)
#define DEPTH_MAX 32

struct copy {
	const struct content_extra *extra;
	struct sha256 *hash;
	bool look; /* nothing is written: only the hash is wanted */
	size_t files, depth;
	uint64_t bytes;
};

static int open_in(int dirfd, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, dirfd, path, &how, sizeof how);
}

static int too_large(struct error *e)
{
	return error_set(e, ERR_INVALID,
		"what the services bind is too large (more than %d files or 512 MiB)", FILES_MAX);
}

/* The same bytes in the hash and in the file; its mode is "may be run" or not. */
static int copy_file(struct copy *c, int from, const struct stat *st, int to_dir, const char *name,
	const char *path, struct error *e)
{
	bool run = st->st_mode & 0111;
	_close_ int to =
		c->look ? -1 : openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	char head[64], block[64 * KIB];
	uint64_t size = 0;
	ssize_t n;
	int r;

	if (to < 0 && !c->look)
		return error_errno(e, errno, "cannot copy %s", path);
	snprintf(head, sizeof head, "file %d", run);
	sha256_adds(c->hash, head);
	sha256_adds(c->hash, path);
	while ((n = read(from, block, sizeof block)) > 0) {
		size += (uint64_t)n;
		c->bytes += (uint64_t)n;
		if (c->bytes > BYTES_MAX)
			return too_large(e);
		sha256_add(c->hash, block, (size_t)n);
		r = c->look ? 0 : fd_write(to, block, (size_t)n);
		if (r < 0)
			return error_errno(e, r, "cannot copy %s", path);
	}
	if (n < 0 || (!c->look && fchmod(to, run ? 0755 : 0644) < 0))
		return error_errno(e, errno, "cannot copy %s", path);
	/* After the bytes, so that no other split of the same bytes is equal. */
	snprintf(head, sizeof head, "%" PRIu64, size);
	sha256_adds(c->hash, head);
	return 0;
}

static int copy_data(struct copy *c, const struct buf *data, int to_dir, const char *name,
	const char *path, struct error *e)
{
	_close_ int from = ipc_memfd(buf_str(data), data->len);
	struct stat st = { .st_mode = S_IFREG | 0644 };

	if (from < 0)
		return error_errno(e, from, "cannot copy %s", path);
	if (lseek(from, 0, SEEK_SET) < 0)
		return error_errno(e, errno, "cannot copy %s", path);
	return copy_file(c, from, &st, to_dir, name, path, e);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void free_list(char ***list)
{
	for (char **p = *list; p && *p; p++)
		free(*p);
	free(*list);
}

/* The names of a directory in order, NULL-terminated; with the extra file's, where it belongs. */
static int list_dir(const struct copy *c, int fd, const char *path, char ***ret)
{
	const char *more = c->extra ? c->extra->path : NULL;
	size_t n = 0, cap = 0, len = strlen(path);
	const struct dirent *entry;
	char **list = NULL;
	DIR *d = fdopendir(dup(fd));

	if (!d)
		return -errno;
	while ((entry = readdir(d))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		list = grow(list, n + 1, &cap, sizeof *list);
		list[n++] = xstrdup(entry->d_name);
	}
	closedir(d);
	list = grow(list, n + 2, &cap, sizeof *list);
	/* Only a file right here: in a directory that the release lacks it is seen by Compose alone. */
	if (more && strncmp(more, path, len) == 0 && (len == 0 || more[len] == '/')) {
		const char *rest = more + len + (len > 0);
		bool there = false;

		for (size_t i = 0; i < n; i++)
			there = there || strcmp(list[i], rest) == 0;
		if (!strchr(rest, '/') && !there)
			list[n++] = xstrdup(rest);
	}
	list[n] = NULL;
	if (n > 0)
		qsort(list, n, sizeof *list, compare);
	*ret = list;
	return 0;
}

static int copy_entry(struct copy *c, int from_dir, const char *name, int to_dir,
	const char *to_name, const char *path, struct error *e);

static int copy_dir(
	struct copy *c, int from, int to_dir, const char *name, const char *path, struct error *e)
{
	_cleanup_(free_list) char **list = NULL;
	_close_ int to = -1;
	int r;

	if (++c->depth > DEPTH_MAX)
		return error_set(e, ERR_INVALID, "%s is too deep", path);
	if (!c->look && mkdirat(to_dir, name, 0700) < 0)
		return error_errno(e, errno, "cannot copy %s", path);
	to = c->look ? -1 : openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (to < 0 && !c->look)
		return error_errno(e, errno, "cannot copy %s", path);
	r = list_dir(c, from, path, &list);
	if (r < 0)
		return error_errno(e, r, "cannot read %s", path);
	sha256_adds(c->hash, "directory");
	sha256_adds(c->hash, path);
	for (char **p = list; p && *p; p++) {
		_free_ char *below = xasprintf("%s%s%s", path, *path ? "/" : "", *p);

		r = copy_entry(c, from, *p, to, *p, below, e);
		if (r < 0)
			return r;
	}
	sha256_adds(c->hash, "end");
	c->depth--;
	return !c->look && fchmod(to, 0755) < 0 ? error_errno(e, errno, "cannot copy %s", path) : 0;
}

/* path is the entry's place in the release; its name in the copy may be another. */
static int copy_entry(struct copy *c, int from_dir, const char *name, int to_dir,
	const char *to_name, const char *path, struct error *e)
{
	_close_ int fd = -1;
	struct stat st;

	if (++c->files > FILES_MAX)
		return too_large(e);
	if (c->extra && c->extra->path && strcmp(c->extra->path, path) == 0)
		return copy_data(c, c->extra->data, to_dir, to_name, path, e);
	fd = open_in(from_dir, name);
	if (fd < 0)
		return error_set(e, ERR_INVALID,
			errno == ENOENT ? "'%s' is bound, and not in the repository"
			: errno == ELOOP || errno == EXDEV ? "'%s' is a link: links cannot be bound"
							   : "'%s' cannot be read",
			path);
	if (fstat(fd, &st) < 0)
		return error_errno(e, errno, "cannot look at %s", path);
	if (S_ISREG(st.st_mode))
		return copy_file(c, fd, &st, to_dir, to_name, path, e);
	if (S_ISDIR(st.st_mode))
		return copy_dir(c, fd, to_dir, to_name, path, e);
	return error_set(e, ERR_INVALID, "'%s' is neither a file nor a directory", path);
}

/* The last name of a path. */
static const char *last_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return *path == '\0' ? "release" : slash ? slash + 1 : path;
}

/* Whether a copy still holds what its name says. path: what it is a copy of. */
static bool is_whole(int content, const char *digest, const char *path)
{
	_cleanup_(sha256_freep) struct sha256 *hash = sha256_new();
	struct copy c = { .hash = hash, .look = true };
	_close_ int fd = openat(content, digest, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct error ignored = { 0 };
	char now[SHA256_HEX];

	if (fd < 0 || copy_entry(&c, fd, last_name(path), -1, NULL, path, &ignored) < 0)
		return false;
	sha256_end(hash, now);
	return strcmp(now, digest) == 0;
}

/* Gives the copy its name; an equal one that is there already is as good, one that was changed is not. */
static int publish(
	int content, const char *scratch, const char *name, const char *path, struct error *e)
{
	_close_ int fd = openat(content, scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (fd < 0 || fchmod(fd, 0755) < 0 || syncfs(fd) < 0)
		return error_errno(e, errno, "cannot keep what the services bind");
	r = renameat(content, scratch, content, name) < 0 ? -errno : 0;
	if (r == -EEXIST || r == -ENOTEMPTY) {
		if (is_whole(content, name, path))
			return 0;
		/* The old one goes with the scratch's name. */
		r = renameat2(content, scratch, content, name, RENAME_EXCHANGE) < 0 ? -errno : 0;
	}
	if (r == 0)
		r = fsync(content) < 0 ? -errno : 0;
	return r < 0 ? error_errno(e, r, "cannot keep what the services bind") : 0;
}

int content_keep(const struct broker *b, int release_fd, const char *path,
	const struct content_extra *extra, char **ret_path, struct error *e)
{
	_cleanup_(sha256_freep) struct sha256 *hash = sha256_new();
	struct copy c = { .extra = extra, .hash = hash };
	_free_ char *top = xasprintf("%s/content", b->state);
	_close_ int content = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_free_ char *scratch = xasprintf(".new-%d", (int)getpid());
	const char *name = last_name(path);
	_close_ int to = -1;
	char digest[SHA256_HEX];
	int r;

	if (content < 0)
		return error_errno(e, errno, "cannot open %s", top);
	r = remove_all(content, scratch);
	if (r < 0 || mkdirat(content, scratch, 0700) < 0)
		return error_errno(e, r < 0 ? r : errno, "cannot write to %s", top);
	to = openat(content, scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (to < 0)
		return error_errno(e, errno, "cannot write to %s", top);
	r = copy_entry(&c, release_fd, *path ? path : ".", to, name, path, e);
	if (r >= 0) {
		sha256_end(hash, digest);
		r = publish(content, scratch, digest, path, e);
	}
	(void)remove_all(content, scratch);
	if (r >= 0)
		*ret_path = xasprintf("%s/%s/%s", top, digest, name);
	return r;
}
