/*
 * The pipeline. Each step is a row; what a step needs of an earlier one is in struct build. The
 * tree that is baked exists only in our mount namespace, as an overlay over the package tree, and
 * ends with the process. Outputs appear together, by one rename, when all of it is there.
 */
#include "build.h"

#include "alloc.h"
#include "bake.h"
#include "buf.h"
#include "chroot.h"
#include "cloudconfig.h"
#include "ctx.h"
#include "definition.h"
#include "digest.h"
#include "disk.h"
#include "error.h"
#include "fd.h"
#include "lock.h"
#include "login.h"
#include "process.h"
#include "progress.h"
#include "record.h"
#include "store.h"
#include "tree.h"
#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>

struct build {
	struct ctx *c;
	const struct build_options *o;
	struct definition *def;
	struct lock *lock;
	struct store *store;
	struct work scratch; /* below the cache: the overlay's layers */
	struct work staging; /* below the output: what will be renamed into place */
	char *log_path;
	int log_fd;
	char *tree; /* the package tree, read only */
	int tree_lock;
	char *root; /* the overlay, once mounted */
	int root_fd;
	int outside, cwd; /* our mount namespace and directory before that, -1: not left */
	char *image;	  /* STAGING/image, the new output directory */
	char inputs[SHA256_HEX];
	int64_t epoch;
};

/*
 * Back to where we came from. Who is started afterwards (a server that outlives kbuild) must not
 * live in our namespace: it would keep everything busy that is unmounted outside.
 */
static void leave_namespace(struct build *b)
{
	/* setns() fails only where unshare() failed: then we never left. It moves us to "/". */
	if (b->outside >= 0 && setns(b->outside, CLONE_NEWNS) == 0 && fchdir(b->cwd) < 0)
		abort(); /* its fd is good */
	closep(&b->outside);
	closep(&b->cwd);
}

static void build_close(struct build *b)
{
	closep(&b->root_fd);
	if (b->root)
		(void)umount2(b->root, MNT_DETACH);
	leave_namespace(b);
	closep(&b->tree_lock);
	closep(&b->log_fd);
	work_close(&b->scratch);
	work_close(&b->staging);
	store_close(b->store);
	lock_free(b->lock);
	definition_free(b->def);
	free(b->log_path);
	free(b->tree);
	free(b->root);
	free(b->image);
}

void build_result_free(struct build_result *r)
{
	free(r->name);
	free(r->directory);
	free(r->disk);
	free(r->user_data);
	free(r->user);
	*r = (struct build_result)BUILD_RESULT_INIT;
}

/* The lock that answers the definition: the one that is there, or a new one. */
static int step_lock(struct build *b, struct error *e)
{
	_free_ char *path = lock_path(b->def->path);
	struct lock_request q = {
		.def = b->def,
		.cache_dir = b->c->cache_dir,
		.mirror = b->c->mirror,
		.offline = b->c->offline,
		.progress = b->c->progress,
	};
	int r;

	r = lock_read(&b->lock, path, e);
	if (r == 0)
		return lock_check(b->lock, b->def, e);
	if (r != LOCK_ABSENT)
		return r;
	r = lock_resolve(&b->lock, &q, e);
	if (r < 0)
		return r;
	r = lock_write(b->lock, path, e);
	if (r < 0)
		return r;
	progress_note(b->c->progress, "there was no lock: wrote %s (%zu packages), commit it", path,
		b->lock->n);
	return 0;
}

static bool tree_is_there(const struct build *b)
{
	char digest[SHA256_HEX];
	_free_ char *path = NULL;

	tree_digest(b->lock, digest);
	path = xasprintf("%s/trees/%s/root", b->c->cache_dir, digest);
	return access(path, F_OK) == 0;
}

static int step_fetch(struct build *b, struct error *e)
{
	_free_ struct store_item *items = xcalloc(b->lock->n, sizeof *items);
	int r;

	r = store_open(&b->store, b->c->cache_dir, e);
	if (r < 0)
		return r;
	if (tree_is_there(b))
		return 0; /* the packages were needed to make it, not to use it */
	for (size_t i = 0; i < b->lock->n; i++) {
		const struct lock_package *p = &b->lock->packages[i];

		items[i] = (struct store_item){
			.name = p->name,
			.sha256 = p->sha256,
			.size = p->size,
			.urls = lock_uris(b->lock, b->def, b->c->mirror, p),
		};
	}
	return store_fetch(b->store, items, b->lock->n, b->c->offline, b->c->progress, e);
}

static int step_tree(struct build *b, struct error *e)
{
	struct tree_request q = {
		.lock = b->lock,
		.store = b->store,
		.cache_dir = b->c->cache_dir,
		.log_fd = b->log_fd,
		.progress = b->c->progress,
	};

	return tree_get(&q, &b->tree, &b->tree_lock, e);
}

/* Mounts an overlay over the package tree, visible to us and our children only. */
static int mount_overlay(struct build *b, struct error *e)
{
	static const char *const dirs[] = { "upper", "work", "root" };
	_free_ char *work_dir = xasprintf("%s/work", b->c->cache_dir);
	_free_ char *options = NULL;
	int r;

	r = work_open(&b->scratch, work_dir, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		if (mkdirat(b->scratch.fd, dirs[i], 0755) < 0)
			return error_errno(e, errno, "making %s/%s", b->scratch.path, dirs[i]);
	}
	b->cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	b->outside = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (b->cwd < 0 || b->outside < 0 || unshare(CLONE_NEWNS) < 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return error_errno(e, errno, "making a mount namespace");
	b->root = xasprintf("%s/root", b->scratch.path);
	options = xasprintf("lowerdir=%s,upperdir=%s/upper,workdir=%s/work", b->tree,
		b->scratch.path, b->scratch.path);
	if (mount("overlay", b->root, "overlay", 0, options) < 0) {
		free(TAKE(b->root));
		return error_errno(e, errno, "mounting an overlay in %s", b->scratch.path);
	}
	b->root_fd = open(b->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return b->root_fd < 0 ? error_errno(e, errno, "opening %s", b->root) : 0;
}

static struct bake bake_of(const struct build *b)
{
	return (struct bake){
		.def = b->def,
		.lock = b->lock,
		.mirror = b->c->mirror,
		.root = b->root,
		.root_fd = b->root_fd,
		.log_fd = b->log_fd,
		.epoch = b->epoch,
		.progress = b->c->progress,
	};
}

static int step_bake(struct build *b, struct error *e)
{
	struct bake k;
	int r = mount_overlay(b, e);

	if (r < 0)
		return r;
	k = bake_of(b);
	r = bake_run(&k, e);
	if (r < 0)
		return r;
	return b->def->bootable ? boot_prepare(b->root, b->root_fd, b->def->distribution, e) : 0;
}

static int step_seal(struct build *b, struct error *e)
{
	struct bake k = bake_of(b);

	return seal_run(&k, e);
}

static int step_disk(struct build *b, struct error *e)
{
	_free_ char *raw = xasprintf("%s/disk.raw", b->image);
	_free_ char *qcow2 = xasprintf("%s/disk.qcow2", b->image);
	struct disk d = {
		.root = b->root,
		.distribution = b->def->distribution,
		.release = b->def->release,
		.size = b->def->disk_size,
		.seed = b->inputs,
		.epoch = b->epoch,
		.progress = b->c->progress,
	};
	int r;

	if (!b->def->bootable)
		return error_set(e, ERR_INVALID,
			"%s says bootable: false: there is no disk to make; use --until seal",
			b->def->path);
	r = disk_write(&d, raw, e);
	if (r < 0 || !b->o->qcow2)
		return r;
	return disk_qcow2(raw, qcow2, true, b->c->progress, e);
}

/* Puts the new output directory in place of the old one, by one rename. */
static int publish(struct build *b, const char *directory, struct error *e)
{
	if (renameat2(AT_FDCWD, b->image, AT_FDCWD, directory, RENAME_EXCHANGE) < 0 &&
		(errno != ENOENT || rename(b->image, directory) < 0))
		return error_errno(e, errno, "moving the image to %s", directory);
	return fsync_parent(AT_FDCWD, directory) < 0
		       ? error_errno(e, errno, "syncing %s", directory)
		       : 0;
}

static int step_record(struct build *b, struct error *e)
{
	_free_ char *directory = xasprintf("%s/%s", b->o->output, b->def->name);
	struct record rec = {
		.def = b->def,
		.lock = b->lock,
		.inputs = b->inputs,
		.directory = b->image,
	};
	int r = record_write(&rec, e);

	return r < 0 ? r : publish(b, directory, e);
}

static const struct {
	const char *name;
	const char *doing; /* for errors */
	int (*run)(struct build *b, struct error *e);
} steps[] = {
	[BUILD_LOCK] = { "lock", "locking", step_lock },
	[BUILD_FETCH] = { "fetch", "fetching packages", step_fetch },
	[BUILD_TREE] = { "tree", "making the package tree", step_tree },
	[BUILD_BAKE] = { "bake", "baking", step_bake },
	[BUILD_SEAL] = { "seal", "sealing", step_seal },
	[BUILD_DISK] = { "disk", "writing the disk", step_disk },
	[BUILD_RECORD] = { "record", "recording", step_record },
};

const char *build_step_name(enum build_step s)
{
	return s < ARRAY_SIZE(steps) ? steps[s].name : NULL;
}

/*
 * What "now" is in the image: the date of the newest index that the lock names, so that the same
 * lock gives the same image whenever it is built.
 */
static int64_t newest_date(const struct lock *l)
{
	int64_t newest = 0;

	for (size_t i = 0; i < l->n_sources; i++) {
		struct tm tm = { 0 };

		if (strptime(l->sources[i].date, "%Y-%m-%dT%H:%M:%SZ", &tm))
			newest = MAX(newest, (int64_t)timegm(&tm));
	}
	return newest;
}

/* Everything that decides what the image is: this program, the definition, the lock, the outputs. */
static int digest_inputs(struct build *b, struct error *e)
{
	_cleanup_(sha256_freep) struct sha256 *h = sha256_new();
	_close_ int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char program[SHA256_HEX];
	int r;

	r = self < 0 ? -errno : sha256_fd(self, program, NULL);
	if (r < 0)
		return error_errno(e, r, "reading this program");
	sha256_adds(h, KBUILD_VERSION);
	sha256_adds(h, program);
	sha256_adds(h, b->lock->digest);
	sha256_adds(h, b->c->mirror ? b->c->mirror : "");
	for (const char **f = b->def->files; *f; f++) {
		_buf_ text = BUF_INIT;

		r = file_read(AT_FDCWD, *f, 16 * MIB, &text);
		if (r < 0)
			return error_errno(e, r, "reading %s", *f);
		sha256_adds(h, *f);
		sha256_adds(h, buf_str(&text));
	}
	sha256_end(h, b->inputs);
	return 0;
}

/* The log, where it can be read while it grows and after a failure. */
static int open_log(struct build *b, struct error *e)
{
	int r = mkdir_all(AT_FDCWD, b->o->output, 0755);

	if (r < 0)
		return error_errno(e, r, "making %s", b->o->output);
	b->log_path = xasprintf("%s/%s.log", b->o->output, b->def->name);
	b->log_fd = open(b->log_path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
	return b->log_fd < 0 ? error_errno(e, errno, "writing %s", b->log_path) : 0;
}

static int open_staging(struct build *b, struct error *e)
{
	_free_ char *dir = xasprintf("%s/.staging", b->o->output);
	int r = work_open(&b->staging, dir, e);

	if (r < 0)
		return r;
	b->image = xasprintf("%s/image", b->staging.path);
	return mkdir(b->image, 0755) < 0 ? error_errno(e, errno, "making %s", b->image) : 0;
}

static int copy_tree(struct build *b, struct error *e)
{
	const char *from = b->root ? b->root : b->tree;
	_free_ char *source = xasprintf("%s/.", from ? from : "");
	struct process p = {
		.argv = (const char *[]){ "cp", "--archive", "--one-file-system", source,
			b->o->tree, NULL },
		.log_fd = b->log_fd,
	};

	if (!from)
		return error_set(e, ERR_USAGE,
			"--tree needs a tree: use it with --until tree, bake or seal");
	if (mkdir(b->o->tree, 0755) < 0)
		return error_errno(e, errno, "making %s", b->o->tree);
	return process_check(&p, e);
}

static int run_steps(struct build *b, struct error *e)
{
	for (size_t i = BUILD_FETCH; i <= b->o->until; i++) {
		int r = steps[i].run(b, e);

		if (r < 0) {
			error_prefix(e, "%s", steps[i].doing);
			if (e->code == ERR_FAILED)
				error_append(e, "\nthe whole log: %s", b->log_path);
			return r;
		}
	}
	return b->o->tree ? copy_tree(b, e) : 0;
}

static void fill_result(const struct build *b, struct build_result *ret)
{
	_buf_ text = BUF_INIT;

	cloudconfig_residual(b->def, &text);
	ret->name = xstrdup(b->def->name);
	ret->directory = xasprintf("%s/%s", b->o->output, b->def->name);
	ret->disk = xasprintf("%s/disk.raw", ret->directory);
	ret->user_data = buf_detach(&text);
	ret->user = login_user(b->def);
	ret->volume = login_volume(b->def);
	memcpy(ret->image, b->inputs, sizeof ret->image);
}

static int build(struct build *b, struct build_result *ret, struct error *e)
{
	int r;

	r = definition_load(&b->def, b->o->definition, &b->c->diags, e);
	if (r < 0)
		return r;
	r = step_lock(b, e);
	if (r < 0 || b->o->until == BUILD_LOCK)
		return r;
	b->epoch = newest_date(b->lock);
	r = digest_inputs(b, e);
	if (r < 0)
		return r;
	fill_result(b, ret);
	if (!b->o->force && b->o->until == BUILD_RECORD && !b->o->tree &&
		record_matches(ret->directory, b->inputs, b->o->qcow2)) {
		ret->unchanged = true;
		return 0;
	}
	r = chroot_possible(e);
	if (r < 0)
		return r;
	r = open_log(b, e);
	if (r < 0)
		return r;
	r = open_staging(b, e);
	return r < 0 ? r : run_steps(b, e);
}

int build_run(
	struct ctx *c, const struct build_options *o, struct build_result *ret, struct error *e)
{
	struct build_options options = *o;
	struct build b = {
		.c = c,
		.o = &options,
		.scratch = WORK_INIT,
		.staging = WORK_INIT,
		.log_fd = -1,
		.tree_lock = -1,
		.root_fd = -1,
		.outside = -1,
		.cwd = -1,
	};
	int r;

	if (!options.output)
		options.output = "out";
	r = build(&b, ret, e);
	if (r < 0)
		build_result_free(ret);
	build_close(&b);
	return r;
}
