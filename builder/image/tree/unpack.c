/*
 * The order of the packages, and the transactions in which they are unpacked and configured while
 * later ones are still being decompressed.
 */
#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "deb.h"
#include "deb822.h"
#include "deferred.h"
#include "dpkg.h"
#include "error.h"
#include "interrupt.h"
#include "lock.h"
#include "order.h"
#include "progress.h"
#include "store.h"
#include "tree.h"
#include "treejob.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* Where the tree sees the store, while packages are installed. */
#define PLAIN_DIR "/run/kbuild/plain"

/*
 * Packages of one transaction. A run of dpkg reads and writes its whole database (about 0.1 s), but
 * it can only begin when all its packages are decompressed.
 */
#define TRANSACTION 48

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
		return store_blame(j->q->store, p->sha256, e);
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

int unpack_prepare(struct job *j, struct error *e)
{
	int r;

	j->binds[0] = (struct chroot_bind){ .from = j->plain, .to = PLAIN_DIR };
	r = read_order(j, e);
	return r < 0 ? r : start_plain(j, e);
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

static void free_strings(const char **v)
{
	for (size_t i = 0; v[i]; i++)
		free((char *)(uintptr_t)v[i]);
	free(v);
}

int transaction_run(struct job *j, const struct transaction *t, struct error *e)
{
	struct dpkg d = {
		.root = j->root,
		.binds = j->binds,
		.log_fd = j->q->log_fd,
		.progress = j->q->progress,
		.count = t->count,
	};
	const char **args = xcalloc(t->n + 8, sizeof *args);
	size_t k = 0;
	int r = 0;

	for (; t->options[k]; k++)
		args[k] = xstrdup(t->options[k]);
	for (size_t i = 0; i < t->n && r == 0; i++) {
		char *path = NULL;

		r = plain_in_tree(j, t->v[i], &path, e);
		args[k++] = path;
	}
	if (r == 0)
		r = dpkg_run(&d, t->title, args, e);
	free_strings(args);
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
			const struct transaction t = { title, options, "install", v, n };
			int r = transaction_run(j, &t, e);

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

int unpack_rest(struct job *j, struct error *e)
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

int configure_rest(struct job *j, struct error *e)
{
	static const char *const args[] = { "--configure", "--pending", NULL };
	_free_ char *dir = xasprintf("%s/deferred", j->work.path);
	_cleanup_(deferred_freep) struct deferred *later =
		deferred_start(j->root, dir, j->q->log_fd);
	struct dpkg d = {
		.root = j->root,
		.binds = deferred_binds(later),
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
		r = deferred_finish(later, e);
	if (r == 0)
		progress_end(j->q->progress, NULL);
	return r;
}
