/*
 * The package: found in the cache, or made there; then held against the image's lock, because what
 * the agent needs has to be among the packages that the image is made of.
 */
#include "agent.h"

#include "agent_package.h"
#include "agent_sources.h"
#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "deb.h"
#include "deb822.h"
#include "definition.h"
#include "depend.h"
#include "digest.h"
#include "error.h"
#include "fd.h"
#include "lock.h"
#include "progress.h"
#include "toolchain.h"
#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* Part of the digest: raise it when the same sources would be packed another way. */
#define AGENT_ENGINE "1"
#define FILE_NAME    "kbuild-agent_" KBUILD_VERSION "_amd64.deb"

bool agent_wanted(const struct definition *def)
{
	return def->bootable;
}

static char *package_dir(const struct agent_request *q, const struct toolchain *t)
{
	_cleanup_(sha256_freep) struct sha256 *h = sha256_new();
	char hex[SHA256_HEX];

	sha256_adds(h, AGENT_ENGINE);
	sha256_adds(h, KBUILD_VERSION);
	sha256_adds(h, agent_tar_digest);
	sha256_adds(h, t->digest);
	sha256_end(h, hex);
	return xasprintf("%s/agents/%s", q->cache_dir, hex);
}

static int publish(const struct work *scratch, const char *dir, struct error *e)
{
	_free_ char *from = xasprintf("%s/job/" FILE_NAME, scratch->path);
	_free_ char *to = xasprintf("%s/" FILE_NAME, dir);
	_close_ int fd = open(from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	int r;

	if (fd < 0 || fsync(fd) < 0)
		return error_errno(e, errno, "reading %s", from);
	r = mkdir_all(AT_FDCWD, dir, 0755);
	if (r == 0 && rename(from, to) < 0)
		r = -errno;
	if (r == 0)
		r = fsync_parent(AT_FDCWD, to);
	return r < 0 ? error_errno(e, r, "writing %s", to) : 0;
}

static int make(
	const struct agent_request *q, const struct toolchain *t, const char *dir, struct error *e)
{
	_cleanup_(work_close) struct work scratch = WORK_INIT;
	_free_ char *where = xasprintf("%s/work", q->cache_dir);
	_free_ char *tree = NULL;
	_close_ int tree_lock = -1;
	struct agent_package p = {
		.scratch = &scratch,
		.name = FILE_NAME,
		.log_fd = q->log_fd,
		.progress = q->progress,
	};
	int r;

	r = toolchain_tree(t, q, &tree, &tree_lock, e);
	if (r == 0)
		r = work_open(&scratch, where, e);
	if (r < 0)
		return r;
	p.tree = tree;
	progress_begin(q->progress, "Compiling the agent", NULL, 0);
	r = agent_package_make(&p, e);
	if (r == 0)
		r = publish(&scratch, dir, e);
	if (r == 0)
		progress_end(q->progress, NULL);
	return r;
}

/* Archives keep a version only until there is a newer one: then the toolchain is chosen anew. */
static int find_or_make(
	const struct agent_request *q, bool renew, char **ret, bool *ret_again, struct error *e)
{
	_cleanup_(toolchain_close) struct toolchain t = TOOLCHAIN_INIT;
	_free_ char *dir = NULL, *path = NULL;
	int r = toolchain_open(&t, q, renew, e);

	*ret_again = false;
	if (r < 0)
		return r;
	dir = package_dir(q, &t);
	path = xasprintf("%s/" FILE_NAME, dir);
	if (access(path, F_OK) < 0) {
		r = make(q, &t, dir, e);
		*ret_again = r == -ERR_NETWORK && !t.fresh && !q->offline;
	}
	if (r == 0)
		*ret = TAKE(path);
	return r;
}

static const struct lock_package *find_package(
	const struct lock *l, const struct relation *wanted, const char **ret_name)
{
	for (size_t i = 0; i < l->n; i++) {
		*ret_name = l->packages[i].name;
		if (strlen(*ret_name) == wanted->name_len &&
			memcmp(*ret_name, wanted->name, wanted->name_len) == 0)
			return &l->packages[i];
	}
	return NULL;
}

/* Every dependency has an alternative among the locked packages. */
static int check_depends(const char *depends, const struct lock *l, struct error *e)
{
	struct relation rel;
	bool found = false;
	const char *p = depends, *name;

	while (relation_next(&p, &rel)) {
		const struct lock_package *have = find_package(l, &rel, &name);

		found |= have && relation_satisfied(&rel, have->version);
		if (!rel.more && !found)
			return error_set(e, ERR_LOCK,
				"the agent needs %.*s %s %s, but the lock has %s; run kbuild lock --update, and "
				"if that does not help, report it: it is a mistake in kbuild's table of packages",
				(int)rel.name_len, rel.name, rel.op, rel.version,
				have ? have->version : "none");
		found &= rel.more;
	}
	return 0;
}

static int check_package(const char *path, const struct lock *l, struct error *e)
{
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_buf_ control = BUF_INIT;
	struct stanza s;
	struct deb d;
	const char *depends;
	int r;

	if (fd < 0)
		return error_errno(e, errno, "opening %s", path);
	r = deb_open(&d, fd, path, e);
	if (r == 0)
		r = deb_control(&d, "control", &control, e);
	if (r != 0)
		return r < 0 ? r : error_set(e, ERR_FAILED, "%s has no control file", path);
	s = (struct stanza){ buf_str(&control), control.len };
	depends = stanza_dup(&s, "Depends", a);
	return check_depends(depends ? depends : "", l, e);
}

int agent_get(const struct agent_request *q, char **ret_path, struct error *e)
{
	_free_ char *dir = xasprintf("%s/agents", q->cache_dir);
	_free_ char *lock = xasprintf("%s/lock", dir);
	_free_ char *path = NULL;
	_close_ int claim = -1;
	bool again;
	int r = mkdir_all(AT_FDCWD, dir, 0755);

	if (r < 0)
		return error_errno(e, r, "making %s", dir);
	claim = work_lock(lock, "the agent's package", q->progress, e);
	if (claim < 0)
		return claim;
	r = find_or_make(q, false, &path, &again, e);
	if (again)
		r = find_or_make(q, true, &path, &again, e);
	if (r == 0)
		r = check_package(path, q->lock, e);
	if (r == 0)
		*ret_path = TAKE(path);
	return r;
}
