/*
 * From a lock to a configured tree, kept under the digest of its inputs. The phases are listed in
 * install_all(); each is a function of essentials.c, unpack.c or treefinish.c.
 */
#include "tree.h"

#include "alloc.h"
#include "arena.h"
#include "digest.h"
#include "error.h"
#include "fd.h"
#include "interrupt.h"
#include "lock.h"
#include "store.h"
#include "treecache.h"
#include "treefinish.h"
#include "treejob.h"
#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

/*
 * Part of the digest: raise it when the same packages would give another tree, so that trees of an
 * older kbuild are not taken.
 */
#define TREE_ENGINE "3"

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

/* The directory of the plain packages, as the store names it. */
static int open_plain(struct job *j, struct error *e)
{
	_free_ char *plain = xasprintf("%s/plain", j->q->cache_dir);
	int r = mkdir_all(AT_FDCWD, plain, 0755);

	j->plain = r < 0 ? NULL : realpath(plain, NULL);
	return j->plain ? 0 : error_errno(e, r < 0 ? r : errno, "making %s", plain);
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
	return open_plain(j, e);
}

static void job_end(struct job *j)
{
	closep(&j->root_fd);
	/* Whoever presses Ctrl-C is not made to wait for that: the next run sweeps it. */
	if (interrupted())
		free(TAKE(j->work.path));
	work_close(&j->work);
	arena_free(j->arena);
	free(j->root);
	free(j->plain);
}

static int install_all(struct job *j, struct error *e)
{
	int r;

	r = essentials_install(j, e);
	if (r == 0)
		r = unpack_rest(j, e);
	if (r == 0)
		r = configure_rest(j, e);
	return r;
}

static int build_tree(struct job *j, struct error *e)
{
	mode_t mask = umask(022); /* the same tree for everybody */
	struct error ignored;
	int r;

	r = open_work(j, e);
	if (r == 0)
		r = unpack_prepare(j, e);
	if (r == 0)
		r = install_all(j, e);
	/* On failure too: the workers must be gone, but the first error counts. */
	if (store_plain_join(j->q->store, r < 0 ? &ignored : e) < 0 && r == 0)
		r = -e->code;
	if (r == 0)
		r = treefinish_run(j->q, j->root, j->root_fd, e);
	umask(mask);
	return r;
}

static bool is_there(const struct tree_request *q)
{
	char digest[SHA256_HEX];
	_free_ char *path = NULL;

	tree_digest(q->lock, digest);
	path = xasprintf("%s/trees/%s/root", q->cache_dir, digest);
	return access(path, F_OK) == 0;
}

int tree_fetch(const struct tree_request *q, const struct definition *def, const char *mirror,
	bool offline, struct error *e)
{
	struct lock *l = q->lock;
	_free_ struct store_item *items = xcalloc(l->n, sizeof *items);

	if (is_there(q))
		return 0; /* the packages were needed to make it, not to use it */
	for (size_t i = 0; i < l->n; i++) {
		const struct lock_package *p = &l->packages[i];

		items[i] = (struct store_item){
			.name = p->name,
			.sha256 = p->sha256,
			.size = p->size,
			.urls = lock_uris(l, def, mirror, p),
		};
	}
	return store_fetch(q->store, items, l->n, offline, q->progress, e);
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
