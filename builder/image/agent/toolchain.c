/* A small definition of our own, its lock, its tree. */
#include "toolchain.h"

#include "agent.h"
#include "alloc.h"
#include "arena.h"
#include "definition.h"
#include "digest.h"
#include "error.h"
#include "fd.h"
#include "lock.h"
#include "mark.h"
#include "node.h"
#include "tree.h"

#include <string.h>

/* The same names in all releases. dpkg-dev computes what the package depends on. */
static const char *const packages[] = {
	"dpkg-dev",
	"gcc",
	"libarchive-dev",
	"libc6-dev",
	"libcurl4-openssl-dev",
	"libgit2-dev",
	"libjansson-dev",
	"libseccomp-dev",
	"libssh2-1-dev",
	"libssl-dev",
	"libyaml-dev",
	"libzstd-dev",
	"meson",
	"ninja-build",
	"pkg-config",
	NULL,
};

/*
 * Of the image's definition only where its archive is. Its own sources and pins are for the image: a
 * compiler is taken from the distribution.
 */
static struct definition *make_definition(struct arena *a, const struct definition *image)
{
	static const char *const archive[] = { "primary", "security" };
	struct definition *def = arena_alloc(a, sizeof *def);
	const struct mark at = { "the agent's toolchain", 0, 0 };
	struct node *root = node_map(a, &at), *sources = node_map(a, &at);

	for (size_t i = 0; i < ARRAY_SIZE(archive); i++) {
		struct node *n = node_get(definition_key(image, "apt"), archive[i]);

		if (n)
			node_set(a, sources, &at, archive[i], n);
	}
	node_set(a, root, &at, "apt", sources);
	*def = (struct definition){
		.arena = a,
		.path = "the agent's toolchain",
		.root = root,
		.files = arena_alloc(a, sizeof *def->files),
		.name = "kbuild-agent",
		.distribution = image->distribution,
		.release = image->release,
		.architecture = image->architecture,
		.mirror = image->mirror,
		.components = image->components,
		.keyring = image->keyring,
		.fingerprints = image->fingerprints,
		.ignore_valid_until = image->ignore_valid_until,
		.packages = arena_alloc(a, sizeof packages),
	};
	memcpy(def->packages, packages, sizeof packages);
	return def;
}

/* One lock for each archive that definitions name: a snapshot's compiler is not today's. */
static char *lock_name(const struct agent_request *q)
{
	_cleanup_(sha256_freep) struct sha256 *h = sha256_new();
	char hex[SHA256_HEX];

	sha256_adds(h, q->def->distribution);
	sha256_adds(h, q->def->mirror ? q->def->mirror : "");
	sha256_adds(h, q->def->components ? q->def->components : "");
	sha256_adds(h, q->def->keyring ? q->def->keyring : "");
	sha256_end(h, hex);
	return xasprintf("%s/agents/%s-%.16s.lock", q->cache_dir, q->def->release, hex);
}

/* Any mirror can bring a new resolution about: so the old lock bounds its Dates, whatever became of it. */
static int resolve(struct toolchain *t, const struct agent_request *q, const struct lock *old,
	const char *path, struct error *e)
{
	const struct lock_request request = {
		.def = t->def,
		.cache_dir = q->cache_dir,
		.mirror = q->mirror,
		.old = old,
		.offline = q->offline,
		.progress = q->progress,
	};
	int r = lock_resolve(&t->lock, &request, e);

	if (r == 0)
		r = lock_write(t->lock, path, e);
	t->fresh = r == 0;
	return r < 0 ? error_prefix(e, "the lock %s of the agent's toolchain", path) : 0;
}

int toolchain_open(struct toolchain *t, const struct agent_request *q, bool renew, struct error *e)
{
	_cleanup_(lock_freep) struct lock *old = NULL;
	_free_ char *path = lock_name(q);
	struct error ignored;
	int r = 0;

	*t = (struct toolchain){ .arena = arena_new() };
	t->def = make_definition(t->arena, q->def);
	if (lock_read(&old, path, &ignored) == 0 && !renew &&
		lock_check(old, t->def, &ignored) == 0)
		t->lock = TAKE(old);
	else
		r = resolve(t, q, old, path, e);
	if (r == 0)
		tree_digest(t->lock, t->digest);
	return r;
}

void toolchain_close(struct toolchain *t)
{
	lock_free(t->lock);
	arena_free(t->arena);
	*t = (struct toolchain)TOOLCHAIN_INIT;
}

int toolchain_tree(const struct toolchain *t, const struct agent_request *q, char **ret_root,
	int *ret_lock, struct error *e)
{
	const struct tree_request request = {
		.lock = t->lock,
		.store = q->store,
		.cache_dir = q->cache_dir,
		.log_fd = q->log_fd,
		.progress = q->progress,
	};
	int r = tree_fetch(&request, t->def, q->mirror, q->offline, e);

	return r < 0 ? r : tree_get(&request, ret_root, ret_lock, e);
}
