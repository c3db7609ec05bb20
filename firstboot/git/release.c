/*
 * See release.h. The tree is new and nobody else writes into it, so each name is made with O_EXCL below the fd
 * of its directory; links are made last, when no name can be reached through one any more, and then the
 * kernel is asked (RESOLVE_BENEATH) whether each stays inside.
 */
#include "release.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "fd.h"
#include "libgit.h"
#include "object.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define DEPTH_MAX  64
#define TREE_MAX   (16 * MIB) /* of one directory's list */
#define TARGET_MAX 4096

struct link {
	char *path, *target;
};

struct release {
	struct libgit *g;
	const struct release_limits *limits;
	uint64_t files, bytes;
	struct link *links;
	size_t n_links, cap_links;
	struct buf path; /* where we are, for messages and links */
};

static void release_free(struct release *w)
{
	for (size_t i = 0; i < w->n_links; i++) {
		free(w->links[i].path);
		free(w->links[i].target);
	}
	free(w->links);
	buf_free(&w->path);
}

static int refuse(struct release *w, struct error *e, const char *why)
{
	return error_set(
		e, ERR_INVALID, "the revision is refused: '%s' %s", buf_str(&w->path), why);
}

static int cannot(struct release *w, int err, struct error *e)
{
	return error_errno(e, err, "cannot write '%s' of the revision", buf_str(&w->path));
}

static int write_file(struct release *w, int dir, const struct tree_entry *t, struct error *e)
{
	_buf_ data = BUF_INIT;
	_close_ int fd = -1;
	int r = libgit_read(w->g, t->sha, LIBGIT_BLOB, w->limits->file, &data, e);

	if (r < 0)
		return error_prefix(e, "the revision is refused: '%s'", buf_str(&w->path));
	if (r > 0)
		return r;
	w->bytes += data.len;
	if (w->bytes > w->limits->bytes)
		return error_set(e, ERR_INVALID,
			"the revision is refused: it has more than the %" PRIu64
			" MiB that are allowed",
			w->limits->bytes / MIB);
	fd = openat(dir, t->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno == EEXIST ? refuse(w, e, "is there twice") : cannot(w, errno, e);
	r = fd_write(fd, buf_str(&data), data.len);
	if (r >= 0 && fchmod(fd, t->kind == TREE_PROGRAM ? 0755 : 0644) < 0)
		r = -errno;
	return r < 0 ? cannot(w, r, e) : 0;
}

static int note_link(struct release *w, const struct tree_entry *t, unsigned depth, struct error *e)
{
	_buf_ target = BUF_INIT;
	int r = libgit_read(w->g, t->sha, LIBGIT_BLOB, TARGET_MAX, &target, e);

	if (r != 0)
		return r < 0 ? error_prefix(e, "the revision is refused: '%s'", buf_str(&w->path))
			     : r;
	if (strlen(buf_str(&target)) != target.len || !tree_target_good(buf_str(&target), depth))
		return refuse(w, e, "is a link that leads out of the repository, or may");
	w->links = grow(w->links, w->n_links, &w->cap_links, sizeof *w->links);
	w->links[w->n_links++] = (struct link){ xstrdup(buf_str(&w->path)), buf_detach(&target) };
	return 0;
}

static int write_tree(struct release *w, int dir, const char *sha, unsigned depth, struct error *e);

static int write_directory(
	struct release *w, int dir, const struct tree_entry *t, unsigned depth, struct error *e)
{
	_close_ int sub = -1;

	if (depth == DEPTH_MAX)
		return refuse(w, e, "lies too deep");
	if (mkdirat(dir, t->name, 0700) < 0)
		return errno == EEXIST ? refuse(w, e, "is there twice") : cannot(w, errno, e);
	sub = openat(dir, t->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (sub < 0 || fchmod(sub, 0755) < 0)
		return cannot(w, errno, e);
	return write_tree(w, sub, t->sha, depth + 1, e);
}

static int write_entry(
	struct release *w, int dir, const struct tree_entry *t, unsigned depth, struct error *e)
{
	if (!tree_name_good(t->name))
		return refuse(w, e, "is a name that means something else to some systems");
	if (++w->files > w->limits->files)
		return error_set(e, ERR_INVALID,
			"the revision is refused: it has more than the %" PRIu64
			" files that are allowed",
			w->limits->files);
	switch (t->kind) {
	case TREE_FILE:
	case TREE_PROGRAM:
		return write_file(w, dir, t, e);
	case TREE_LINK:
		return note_link(w, t, depth, e);
	case TREE_DIRECTORY:
		return write_directory(w, dir, t, depth, e);
	default:
		return refuse(w, e, "is a submodule; these are not fetched");
	}
}

static int write_tree(struct release *w, int dir, const char *sha, unsigned depth, struct error *e)
{
	const size_t outer = w->path.len;
	_buf_ data = BUF_INIT;
	struct tree_entry t;
	size_t pos = 0;
	int r = libgit_read(w->g, sha, LIBGIT_TREE, TREE_MAX, &data, e);

	if (r != 0)
		return r < 0 ? error_prefix(e, "the revision is refused") : r;
	while ((r = tree_next(buf_str(&data), data.len, &pos, &t)) > 0) {
		buf_printf(&w->path, "%s%s", outer ? "/" : "", t.name);
		r = write_entry(w, dir, &t, depth, e);
		if (r != 0)
			return r;
		w->path.len = outer;
		w->path.data[outer] = '\0';
	}
	return r < 0 ? refuse(w, e, "is no directory that git writes") : 0;
}

static int write_links(struct release *w, int root, struct error *e)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};

	for (size_t i = 0; i < w->n_links; i++) {
		buf_reset(&w->path);
		buf_adds(&w->path, w->links[i].path);
		if (symlinkat(w->links[i].target, root, w->links[i].path) < 0)
			return errno == EEXIST ? refuse(w, e, "is there twice")
					       : cannot(w, errno, e);
	}
	for (size_t i = 0; i < w->n_links; i++) {
		int fd = (int)syscall(SYS_openat2, root, w->links[i].path, &how, sizeof how);

		if (fd >= 0) {
			close(fd);
			continue;
		}
		/*
		 * One that leads to nothing inside is harmless: by its text it goes nowhere else. So does
		 * each that openat2() cannot be asked about: units with RestrictSUIDSGID= have none.
		 */
		if (errno == ENOENT || errno == ENOTDIR || errno == ENOSYS)
			continue;
		buf_reset(&w->path);
		buf_adds(&w->path, w->links[i].path);
		return refuse(w, e,
			errno == ELOOP ? "is a link that leads to itself"
				       : "is a link that leads out of the repository");
	}
	return 0;
}

static int fill(struct release *w, int root, const char *sha, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	_buf_ data = BUF_INIT;
	struct commit c;
	int r = libgit_read(w->g, sha, LIBGIT_COMMIT, MIB, &data, e);

	if (r != 0)
		return r < 0 ? error_prefix(e, "the revision is refused") : r;
	if (!commit_parse(buf_str(&data), data.len, arena, &c))
		return error_set(e, ERR_INVALID, "the revision is refused: it is no commit");
	r = write_tree(w, root, c.tree, 0, e);
	return r == 0 ? write_links(w, root, e) : r;
}

int release_write(struct libgit *g, int releases, const char *sha,
	const struct release_limits *limits, struct error *e)
{
	_cleanup_(release_free) struct release w = { .g = g, .limits = limits };
	_free_ char *tmp = xasprintf(".new-%s", sha);
	_close_ int root = -1;
	struct stat st;
	int r;

	if (fstatat(releases, sha, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	r = remove_all(releases, tmp);
	if (r < 0 || mkdirat(releases, tmp, 0700) < 0)
		return cannot(&w, r < 0 ? r : errno, e);
	root = openat(releases, tmp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (root < 0)
		return cannot(&w, errno, e);
	r = fill(&w, root, sha, e);
	if (r == 0 && fchmod(root, 0755) < 0)
		r = cannot(&w, errno, e);
	/* One call for all files instead of one a file. */
	if (r == 0 && (syncfs(root) < 0 || renameat(releases, tmp, releases, sha) < 0 ||
			      fsync(releases) < 0))
		r = cannot(&w, errno, e);
	if (r != 0)
		(void)remove_all(releases, tmp);
	return r;
}

static bool kept(const char *name, const char *const *keep)
{
	for (; *keep; keep++) {
		if (strcmp(*keep, name) == 0)
			return true;
	}
	return false;
}

int release_clean(int releases, const char *const *keep, struct error *e)
{
	int fd = openat(releases, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

	if (!d)
		return error_errno(e, errno, "cannot list the releases");
	for (struct dirent *f; r >= 0 && (f = readdir(d));) {
		if (strcmp(f->d_name, ".") == 0 || strcmp(f->d_name, "..") == 0 ||
			kept(f->d_name, keep))
			continue;
		r = remove_all(releases, f->d_name);
		if (r < 0)
			error_errno(e, r, "cannot remove the release %s", f->d_name);
	}
	closedir(d);
	return r < 0 ? -e->code : 0;
}
