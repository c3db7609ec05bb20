/*
 * The beginning of a tree. Essential packages are unpacked by us, since dpkg cannot unpack itself
 * into nothing, and then installed properly by the dpkg that is now there.
 */
#include "alloc.h"
#include "deb.h"
#include "error.h"
#include "extract.h"
#include "fd.h"
#include "interrupt.h"
#include "lock.h"
#include "progress.h"
#include "rootfd.h"
#include "store.h"
#include "tree.h"
#include "treejob.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static int extract_one(struct job *j, size_t i, struct error *e)
{
	const struct lock_package *p = &j->q->lock->packages[i];
	const struct extract x = { .root = j->root_fd };
	_free_ char *path = NULL;
	_close_ int fd = -1;
	struct deb deb;
	int r;

	if (interrupted())
		return error_set(e, ERR_INTERRUPTED, "interrupted");
	r = store_plain(j->q->store, p->sha256, &path, e);
	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(e, errno, "opening %s", path);
	r = deb_open(&deb, fd, p->name, e);
	return r < 0 ? r : extract_deb(&x, &deb, e);
}

/*
 * /bin, /lib … as links into /usr. Newer releases have them in base-files (package `first`), which
 * was just unpacked; for older ones they must be there before anything is, so it is unpacked again
 * through them, and the package usrmerge then finds its work done. The list is that of an amd64
 * system; a link for a directory that no package uses is made all the same, as every installer of
 * these releases does.
 */
static int merge_usr(struct job *j, size_t first, struct error *e)
{
	static const char *const dirs[] = { "bin", "lib", "lib32", "lib64", "libx32", "sbin" };
	struct stat st;

	if (fstatat(j->root_fd, "bin", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		_free_ char *target = xasprintf("usr/%s", dirs[i]);
		int r = remove_all(j->root_fd, dirs[i]);

		if (r == 0)
			r = rootfd_mkdir(j->root_fd, target, 0755);
		if (r == 0 && symlinkat(target, j->root_fd, dirs[i]) < 0)
			r = -errno;
		if (r < 0)
			return error_errno(e, r, "making the link /%s", dirs[i]);
	}
	return extract_one(j, first, e);
}

/* What dpkg wants to find when it is started for the first time. */
static int prepare_database(struct job *j, struct error *e)
{
	static const char *const dirs[] = { "dev", "proc", "run", "sys", "tmp", "var/lib/dpkg/info",
		"var/lib/dpkg/updates", "var/lib/dpkg/triggers", "var/lib/dpkg/alternatives" };
	static const char *const files[] = { "var/lib/dpkg/status", "var/lib/dpkg/available" };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		int r = rootfd_mkdir(j->root_fd, dirs[i], 0755);

		if (r < 0)
			return error_errno(e, r, "making /%s", dirs[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_close_ int fd = rootfd_open(j->root_fd, files[i], O_WRONLY | O_CREAT, 0644);

		if (fd < 0)
			return error_errno(e, fd, "making /%s", files[i]);
	}
	return 0;
}

/* Packages whose scripts or files the others count on without saying so; unpacked before them. */
static unsigned rank(const char *name)
{
	static const char *const first[] = { "base-files", "base-passwd" };

	for (unsigned i = 0; i < ARRAY_SIZE(first); i++) {
		if (strcmp(name, first[i]) == 0)
			return i;
	}
	return ARRAY_SIZE(first);
}

/* The essential packages in order of rank, then of name; the array is new. */
static size_t *essentials(struct job *j, size_t *ret_n)
{
	const struct lock *l = j->q->lock;
	size_t *v = xcalloc(l->n + 1, sizeof *v), n = 0;

	for (unsigned k = 0; k <= rank(""); k++) {
		for (size_t i = 0; i < l->n; i++) {
			if (l->packages[i].essential && rank(l->packages[i].name) == k)
				v[n++] = i;
		}
	}
	*ret_n = n;
	return v;
}

/*
 * The essential packages depend on each other in circles, so dpkg is told not to mind; all are in
 * place as files already, thus every script finds what it needs.
 */
int essentials_install(struct job *j, struct error *e)
{
	static const char *const options[] = { "--install", "--force-depends", NULL };
	size_t n;
	_free_ size_t *v = essentials(j, &n);
	const struct transaction t = { "the essential packages", options, "configure", v, n };
	int r = 0;

	progress_begin(j->q->progress, "essential packages", "packages", n);
	for (size_t i = 0; i < n && r == 0; i++) {
		r = extract_one(j, v[i], e);
		if (r == 0 && i == 0)
			r = merge_usr(j, v[i], e);
	}
	if (r == 0)
		r = prepare_database(j, e);
	if (r == 0)
		r = transaction_run(j, &t, e);
	if (r == 0)
		progress_end(j->q->progress, NULL);
	return r;
}
