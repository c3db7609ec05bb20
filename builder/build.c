/*
 * The pipeline. Each step is a row; what a step needs of an earlier one is in struct build. The
 * tree that is baked exists only in our mount namespace, as an overlay over the package tree, and
 * ends with the process. Outputs appear together, by one rename, when all of it is there.
 */
#include "build.h"
#include "build_identity.h"
#include "build_output.h"

#include "agent.h"
#include "alloc.h"
#include "app_images.h"
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
#include "overlay.h"
#include "progress.h"
#include "record.h"
#include "store.h"
#include "tree.h"
#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

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
	char *agent;		/* the agent's package; NULL: this image has none */
	struct overlay overlay; /* the tree being baked */
	char *image;		/* STAGING/image, the new output directory */
	struct build_identity self;
	int64_t epoch;
};

static void build_close(struct build *b)
{
	overlay_close(&b->overlay);
	closep(&b->tree_lock);
	closep(&b->log_fd);
	work_close(&b->scratch);
	work_close(&b->staging);
	store_close(b->store);
	lock_free(b->lock);
	definition_free(b->def);
	free(b->log_path);
	free(b->tree);
	free(b->agent);
	free(b->image);
	age_identity_wipe(&b->self.key);
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

static struct app_images images_of(const struct build *b)
{
	return (struct app_images){
		.c = b->c, .def = b->def, .lock = b->lock, .secrets = b->o->secrets
	};
}

/* The lock that answers the definition: the one that is there, or a new one. */
static int step_lock(struct build *b, struct error *e)
{
	_free_ char *path = lock_path(b->def->path);
	struct app_images images;
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
	images = images_of(b);
	r = app_images_lock(&images, e);
	if (r < 0)
		return r;
	r = lock_write(b->lock, path, e);
	if (r < 0)
		return r;
	progress_note(b->c->progress, "there was no lock: wrote %s (%zu packages), commit it", path,
		b->lock->n);
	return 0;
}

static struct tree_request tree_of(const struct build *b)
{
	return (struct tree_request){
		.lock = b->lock,
		.store = b->store,
		.cache_dir = b->c->cache_dir,
		.log_fd = b->log_fd,
		.progress = b->c->progress,
	};
}

static int step_fetch(struct build *b, struct error *e)
{
	struct app_images images = images_of(b);
	struct tree_request q;
	int r;

	r = store_open(&b->store, b->c->cache_dir, e);
	if (r < 0)
		return r;
	q = tree_of(b);
	r = tree_fetch(&q, b->def, b->c->mirror, b->c->offline, e);
	return r < 0 ? r : app_images_fetch(&images, e);
}

static int step_tree(struct build *b, struct error *e)
{
	struct tree_request q = tree_of(b);

	return tree_get(&q, &b->tree, &b->tree_lock, e);
}

static int step_agent(struct build *b, struct error *e)
{
	struct agent_request q = {
		.def = b->def,
		.lock = b->lock,
		.store = b->store,
		.cache_dir = b->c->cache_dir,
		.mirror = b->c->mirror,
		.offline = b->c->offline,
		.log_fd = b->log_fd,
		.progress = b->c->progress,
	};

	return agent_wanted(b->def) ? agent_get(&q, &b->agent, e) : 0;
}

static struct bake bake_of(const struct build *b)
{
	return (struct bake){
		.def = b->def,
		.lock = b->lock,
		.mirror = b->c->mirror,
		.agent = b->agent,
		.id = b->self.id,
		.key = b->agent ? &b->self.key : NULL,
		.root = b->overlay.root,
		.root_fd = b->overlay.fd,
		.log_fd = b->log_fd,
		.epoch = b->epoch,
		.progress = b->c->progress,
	};
}

static int step_bake(struct build *b, struct error *e)
{
	_free_ char *dir = xasprintf("%s/work", b->c->cache_dir);
	struct app_images images = images_of(b);
	struct bake k;
	int r;

	r = work_open(&b->scratch, dir, e);
	if (r < 0)
		return r;
	r = overlay_open(&b->overlay, b->tree, &b->scratch, e);
	if (r < 0)
		return r;
	k = bake_of(b);
	r = bake_run(&k, e);
	if (r == 0)
		r = app_images_bake(&images, b->overlay.fd, e);
	if (r < 0 || !b->def->bootable)
		return r;
	return boot_prepare(b->overlay.root, b->overlay.fd, b->def->distribution, e);
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
		.root = b->overlay.root,
		.distribution = b->def->distribution,
		.release = b->def->release,
		.size = b->def->disk_size,
		.seed = b->self.inputs,
		.epoch = b->epoch,
		.progress = b->c->progress,
	};
	int r;

	r = disk_write(&d, raw, e);
	if (r < 0 || !b->o->qcow2)
		return r;
	return disk_qcow2(raw, qcow2, true, b->c->progress, e);
}

static struct build_output output_of(const struct build *b)
{
	return (struct build_output){
		.def = b->def,
		.lock = b->lock,
		.self = &b->self,
		.progress = b->c->progress,
	};
}

static int step_record(struct build *b, struct error *e)
{
	_free_ char *directory = xasprintf("%s/%s", b->o->output, b->def->name);
	struct build_output o = output_of(b);

	return build_publish(&o, b->image, directory, e);
}

static const struct {
	const char *name;
	const char *doing; /* for errors */
	int (*run)(struct build *b, struct error *e);
} steps[] = {
	[BUILD_LOCK] = { "lock", "locking", step_lock },
	[BUILD_FETCH] = { "fetch", "fetching", step_fetch },
	[BUILD_TREE] = { "tree", "making the package tree", step_tree },
	[BUILD_AGENT] = { "agent", "making the agent's package", step_agent },
	[BUILD_BAKE] = { "bake", "baking", step_bake },
	[BUILD_SEAL] = { "seal", "sealing", step_seal },
	[BUILD_DISK] = { "disk", "writing the disk", step_disk },
	[BUILD_RECORD] = { "record", "recording", step_record },
};

const char *build_step_name(enum build_step s)
{
	return s < ARRAY_SIZE(steps) ? steps[s].name : NULL;
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
	if (!b->o->tree)
		return 0;
	return build_copy_tree(
		b->overlay.root ? b->overlay.root : b->tree, b->o->tree, b->log_fd, e);
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
	memcpy(ret->image, b->self.id, sizeof ret->image);
	memcpy(ret->recipient, b->self.recipient, sizeof ret->recipient);
}

static int build(struct build *b, struct build_result *ret, struct error *e)
{
	int r;

	r = definition_load(&b->def, b->o->definition, &b->c->diags, e);
	if (r < 0)
		return r;
	if (!b->def->bootable && b->o->until >= BUILD_DISK)
		return error_set(e, ERR_INVALID,
			"%s says bootable: false, so there is no disk to make; use --until seal",
			b->def->path);
	r = step_lock(b, e);
	if (r < 0 || b->o->until == BUILD_LOCK)
		return r;
	b->epoch = lock_date(b->lock);
	r = build_identify(&b->self, b->c, b->def, b->lock, e);
	if (r < 0)
		return r;
	fill_result(b, ret);
	if (!b->o->force && b->o->until == BUILD_RECORD && !b->o->tree &&
		record_matches(ret->directory, b->self.id, false)) {
		struct build_output o = output_of(b);

		/* Only the other format may be missing. */
		ret->unchanged = !b->o->qcow2 || record_matches(ret->directory, b->self.id, true);
		return ret->unchanged ? 0 : build_add_qcow2(&o, ret->directory, e);
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
		.overlay = OVERLAY_INIT,
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
