/*
 * From a lock to a configured tree. Essential packages are unpacked by us, since dpkg cannot unpack
 * itself into nothing, then installed by the dpkg that is now there; the rest follows in a few
 * large transactions, while later packages are still being decompressed. What each phase does and
 * why stands at its function; they are listed in order in build_tree().
 */
#include "tree.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "chroot.h"
#include "deb.h"
#include "deb822.h"
#include "digest.h"
#include "dpkg.h"
#include "error.h"
#include "extract.h"
#include "fd.h"
#include "interrupt.h"
#include "lock.h"
#include "order.h"
#include "progress.h"
#include "store.h"
#include "treecache.h"
#include "treefinish.h"
#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/*
 * Part of the digest: raise it when the same packages would give another tree, so that trees of an
 * older kbuild are not taken.
 */
#define TREE_ENGINE "1"

/* Where the tree sees the store, while packages are installed. */
#define PLAIN_DIR "/run/kbuild/plain"

/*
 * Packages of one transaction. A run of dpkg reads and writes its whole database (about 0.1 s), but
 * it can only begin when all its packages are decompressed.
 */
#define TRANSACTION 48

struct job {
	const struct tree_request *q;
	struct arena *arena;
	struct order_package *order; /* of each locked package; in the arena */
	unsigned levels;
	struct work work; /* WORK/entry/root is the tree */
	char *root;
	int root_fd;
	char *plain; /* CACHE/plain */
	struct chroot_bind binds[2];
};

void tree_digest(const struct lock *l, char ret_hex[SHA256_HEX])
{
	_cleanup_(sha256_freep) struct sha256 *h = sha256_new();

	sha256_adds(h, TREE_ENGINE);
	sha256_adds(h, l->distribution);
	sha256_adds(h, l->release);
	for (size_t i = 0; i < l->n; i++) {
		const struct lock_package *p = &l->packages[i];

		sha256_adds(h, p->name);
		sha256_adds(h, p->version);
		sha256_adds(h, p->architecture);
		sha256_adds(h, p->sha256);
		sha256_adds(h, p->essential ? "essential" : "");
		sha256_adds(h, p->automatic ? "automatic" : "");
	}
	sha256_end(h, ret_hex);
}

/* The control file of package i, in the arena. */
static int read_control(struct job *j, size_t i, struct stanza *ret, struct error *e)
{
	const struct lock_package *p = &j->q->lock->packages[i];
	_free_ char *path = store_path(j->q->store, p->sha256);
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_buf_ text = BUF_INIT;
	struct deb deb;
	int r;

	if (fd < 0)
		return error_errno(e, errno, "opening %s in the store", p->name);
	r = deb_open(&deb, fd, p->name, e);
	if (r == 0)
		r = deb_control(&deb, "control", &text, e);
	if (r == DEB_ABSENT)
		return error_set(e, ERR_LOCK, "%s has no control file", p->name);
	if (r < 0)
		return r;
	ret->text = arena_strndup(j->arena, buf_str(&text), text.len);
	ret->len = text.len;
	return 0;
}

/* Packages with what dpkg needs to know of them. */
static int read_order(struct job *j, struct error *e)
{
	const struct lock *l = j->q->lock;

	j->arena = arena_new();
	j->order = arena_alloc(j->arena, (l->n + 1) * sizeof *j->order);
	for (size_t i = 0; i < l->n; i++) {
		struct stanza s;
		int r;

		if (interrupted())
			return error_set(e, ERR_INTERRUPTED, "interrupted");
		r = read_control(j, i, &s, e);
		if (r < 0)
			return r;
		j->order[i] = (struct order_package){
			.name = l->packages[i].name,
			.provides = stanza_dup(&s, "Provides", j->arena),
			.pre_depends = stanza_dup(&s, "Pre-Depends", j->arena),
			.depends = stanza_dup(&s, "Depends", j->arena),
			.configured = l->packages[i].essential,
		};
	}
	j->levels = order_packages(j->order, l->n);
	return 0;
}

/* Sets the workers on all packages, in the order in which they will be asked for. */
static int start_plain(struct job *j, struct error *e)
{
	const struct lock *l = j->q->lock;
	_free_ const char **sha256 = xcalloc(l->n + 1, sizeof *sha256);
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (l->packages[i].essential)
			sha256[n++] = l->packages[i].sha256;
	}
	for (unsigned level = 0; level < j->levels; level++) {
		for (size_t i = 0; i < l->n; i++) {
			if (!l->packages[i].essential && j->order[i].level == level)
				sha256[n++] = l->packages[i].sha256;
		}
	}
	return store_plain_start(j->q->store, sha256, n, e);
}

/* The path of a package's plain form, as the tree sees it; new. */
static int plain_in_tree(struct job *j, size_t i, char **ret, struct error *e)
{
	_free_ char *path = NULL;
	size_t len = strlen(j->plain);
	int r;

	if (interrupted())
		return error_set(e, ERR_INTERRUPTED, "interrupted");
	r = store_plain(j->q->store, j->q->lock->packages[i].sha256, &path, e);
	if (r < 0)
		return r;
	if (strncmp(path, j->plain, len) != 0)
		return error_set(e, ERR_FAILED, "%s is not in %s", path, j->plain);
	*ret = xasprintf(PLAIN_DIR "%s", path + len);
	return 0;
}

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
 * /bin, /lib … as links into /usr. Newer releases have them in base-files, which is unpacked before
 * this is asked; for older ones they must be there before anything else is unpacked, and the
 * package usrmerge then finds its work done. The list is that of an amd64 system; a link for a
 * directory that no package uses is made all the same, as every installer of these releases does.
 */
static int merge_usr(struct job *j, struct error *e)
{
	static const char *const dirs[] = { "bin", "lib", "lib32", "lib64", "libx32", "sbin" };
	struct stat st;

	if (fstatat(j->root_fd, "bin", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		_free_ char *target = xasprintf("usr/%s", dirs[i]);
		int r;

		/* base-files of these releases has them as empty directories. */
		unlinkat(j->root_fd, dirs[i], AT_REMOVEDIR);
		r = mkdir_all(j->root_fd, target, 0755);
		if (r == 0 && symlinkat(target, j->root_fd, dirs[i]) < 0)
			r = -errno;
		if (r < 0)
			return error_errno(e, r, "making the link /%s", dirs[i]);
	}
	return 0;
}

/* What dpkg wants to find when it is started for the first time. */
static int prepare_database(struct job *j, struct error *e)
{
	static const char *const dirs[] = { "dev", "proc", "run", "sys", "tmp", "var/lib/dpkg/info",
		"var/lib/dpkg/updates", "var/lib/dpkg/triggers", "var/lib/dpkg/alternatives" };
	static const char *const files[] = { "var/lib/dpkg/status", "var/lib/dpkg/available" };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		int r = mkdir_all(j->root_fd, dirs[i], 0755);

		if (r < 0)
			return error_errno(e, r, "making /%s", dirs[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_close_ int fd = openat(j->root_fd, files[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

		if (fd < 0)
			return error_errno(e, errno, "making /%s", files[i]);
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

static void free_strings(const char **v)
{
	for (size_t i = 0; v[i]; i++)
		free((char *)(uintptr_t)v[i]);
	free(v);
}

/* One transaction: dpkg with these options and the packages v[0..n). */
static int transaction(struct job *j, const char *title, const char *const *options,
	const char *count, const size_t *v, size_t n, struct error *e)
{
	struct dpkg d = {
		.root = j->root,
		.binds = j->binds,
		.log_fd = j->q->log_fd,
		.progress = j->q->progress,
		.count = count,
	};
	const char **args = xcalloc(n + 8, sizeof *args);
	size_t k = 0;
	int r = 0;

	for (; options[k]; k++)
		args[k] = xstrdup(options[k]);
	for (size_t i = 0; i < n && r == 0; i++) {
		char *path = NULL;

		r = plain_in_tree(j, v[i], &path, e);
		args[k++] = path;
	}
	if (r == 0)
		r = dpkg_run(&d, title, args, e);
	free_strings(args);
	return r;
}

/*
 * The essential packages depend on each other in circles, so dpkg is told not to mind; all are in
 * place as files already, thus every script finds what it needs.
 */
static int install_essentials(struct job *j, struct error *e)
{
	static const char *const options[] = { "--install", "--force-depends", NULL };
	_free_ size_t *v = NULL;
	size_t n;
	int r = 0;

	v = essentials(j, &n);
	progress_begin(j->q->progress, "essential packages", "packages", n);
	for (size_t i = 0; i < n && r == 0; i++) {
		r = extract_one(j, v[i], e);
		if (r == 0 && i == 0)
			r = merge_usr(j, e);
	}
	if (r == 0)
		r = prepare_database(j, e);
	if (r == 0)
		r = transaction(j, "the essential packages", options, "configure", v, n, e);
	if (r == 0)
		progress_end(j->q->progress, NULL);
	return r;
}

/* Configures what packages of this level pre-depend on. */
static int configure_early(struct job *j, unsigned level, struct error *e)
{
	const struct lock *l = j->q->lock;
	struct dpkg d = {
		.root = j->root,
		.binds = j->binds,
		.log_fd = j->q->log_fd,
		.count = "configure",
	};
	_free_ const char **args = xcalloc(l->n + 2, sizeof *args);
	size_t n = 0;

	args[n++] = "--configure";
	for (size_t i = 0; i < l->n; i++) {
		if (j->order[i].early == level && !j->order[i].configured) {
			j->order[i].configured = true;
			args[n++] = l->packages[i].name;
		}
	}
	return n > 1 ? dpkg_run(&d, "what others pre-depend on", args, e) : 0;
}

static int unpack_level(struct job *j, unsigned level, struct error *e)
{
	static const char *const options[] = { "--unpack", "--no-triggers", NULL };
	const struct lock *l = j->q->lock;
	size_t v[TRANSACTION], n = 0;

	for (size_t i = 0; i <= l->n; i++) {
		if (i < l->n && !l->packages[i].essential && j->order[i].level == level)
			v[n++] = i;
		if (n == TRANSACTION || (i == l->n && n > 0)) {
			_free_ char *title =
				xasprintf("unpacking %zu packages, level %u", n, level);
			int r = transaction(j, title, options, "install", v, n, e);

			if (r < 0)
				return r;
			n = 0;
		}
	}
	return 0;
}

static size_t count_rest(const struct lock *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		n += !l->packages[i].essential;
	return n;
}

static int unpack_rest(struct job *j, struct error *e)
{
	progress_begin(j->q->progress, "unpack", "packages", count_rest(j->q->lock));
	for (unsigned level = 0; level < j->levels; level++) {
		int r = level > 0 ? configure_early(j, level, e) : 0;

		if (r == 0)
			r = unpack_level(j, level, e);
		if (r < 0)
			return r;
	}
	progress_end(j->q->progress, NULL);
	return 0;
}

static int configure_rest(struct job *j, struct error *e)
{
	static const char *const args[] = { "--configure", "--pending", NULL };
	struct dpkg d = {
		.root = j->root,
		.binds = j->binds,
		.log_fd = j->q->log_fd,
		.progress = j->q->progress,
		.count = "configure",
	};
	int r;

	progress_begin(j->q->progress, "configure", "packages", count_rest(j->q->lock));
	for (size_t i = 0; i < j->q->lock->n; i++) {
		if (!j->q->lock->packages[i].essential && j->order[i].configured)
			progress_advance(j->q->progress, 1);
	}
	r = dpkg_run(&d, "configuring", args, e);
	if (r == 0)
		progress_end(j->q->progress, NULL);
	return r;
}

static int open_work(struct job *j, struct error *e)
{
	_free_ char *dir = xasprintf("%s/work", j->q->cache_dir);
	int r = work_open(&j->work, dir, e);

	if (r < 0)
		return r;
	/* 0700: a tree has setuid programs, which must not be offered to the users of this host. */
	if (mkdirat(j->work.fd, "entry", 0700) < 0 || mkdirat(j->work.fd, "entry/root", 0755) < 0)
		return error_errno(e, errno, "making %s/entry/root", j->work.path);
	j->root = xasprintf("%s/entry/root", j->work.path);
	j->root_fd = open(j->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j->root_fd < 0 || fchmod(j->root_fd, 0755) < 0) /* whatever the umask is */
		return error_errno(e, errno, "opening %s", j->root);
	j->plain = xasprintf("%s/plain", j->q->cache_dir);
	j->binds[0] = (struct chroot_bind){ .from = j->plain, .to = PLAIN_DIR };
	return 0;
}

static void job_end(struct job *j)
{
	closep(&j->root_fd);
	work_close(&j->work);
	arena_free(j->arena);
	free(j->root);
	free(j->plain);
}

static int install_all(struct job *j, struct error *e)
{
	int r;

	r = install_essentials(j, e);
	if (r == 0)
		r = unpack_rest(j, e);
	if (r == 0)
		r = configure_rest(j, e);
	return r;
}

static int build_tree(struct job *j, struct error *e)
{
	struct error ignored;
	int r;

	r = open_work(j, e);
	if (r == 0)
		r = read_order(j, e);
	if (r == 0)
		r = start_plain(j, e);
	if (r < 0)
		return r;
	r = install_all(j, e);
	/* On failure too: the workers must be gone, but the first error counts. */
	if (store_plain_join(j->q->store, r < 0 ? &ignored : e) < 0 && r == 0)
		r = -e->code;
	if (r == 0)
		r = treefinish_run(j->q, j->root, j->root_fd, e);
	return r;
}

int tree_get(const struct tree_request *q, char **ret_root, int *ret_lock, struct error *e)
{
	struct job j = { .q = q, .work = WORK_INIT, .root_fd = -1 };
	_close_ int claim = -1;
	char digest[SHA256_HEX];
	int r;

	tree_digest(q->lock, digest);
	claim = treecache_claim(q->cache_dir, digest, q->progress, e);
	if (claim < 0)
		return claim;
	r = treecache_find(q->cache_dir, digest, ret_root, ret_lock, e);
	if (r == TREECACHE_ABSENT) {
		r = build_tree(&j, e);
		if (r == 0)
			r = treecache_publish(q->cache_dir, digest, &j.work, e);
		job_end(&j);
		if (r == 0)
			r = treecache_find(q->cache_dir, digest, ret_root, ret_lock, e);
		if (r == TREECACHE_ABSENT)
			r = error_set(e, ERR_FAILED, "the package tree vanished: run it again");
	}
	if (r == 0)
		treecache_sweep(q->cache_dir);
	return r;
}
