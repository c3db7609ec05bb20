/* The pipeline: each step is a row. */
#include "build_output.h"
#include "build_parts.h"

#include "agent.h"
#include "alloc.h"
#include "app_images.h"
#include "bake.h"
#include "ctx.h"
#include "definition.h"
#include "disk.h"
#include "error.h"
#include "lock.h"
#include "progress.h"
#include "store.h"
#include "tree.h"

#include <stdio.h>

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
	r = lock_write_first(&b->lock, path, e);
	if (r == LOCK_THERE)
		return lock_check(b->lock, b->def, e);
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

struct build_output build_output_of(const struct build *b)
{
	return (struct build_output){
		.def = b->def,
		.lock = b->lock,
		.self = &b->self,
		.agent = b->agent,
		.progress = b->c->progress,
	};
}

static int step_record(struct build *b, struct error *e)
{
	_free_ char *directory = xasprintf("%s/%s", b->o->output, b->def->name);
	struct build_output o = build_output_of(b);

	return build_publish(&o, b->image, directory, e);
}

static const struct {
	const char *name;
	const char *doing; /* before what went wrong; NULL: that says it itself */
	int (*run)(struct build *b, struct error *e);
} steps[] = {
	[BUILD_LOCK] = { "lock", NULL, step_lock },
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

int build_step_run(struct build *b, enum build_step s, struct error *e)
{
	int r = steps[s].run(b, e);

	if (r < 0 && steps[s].doing)
		error_prefix(e, "%s", steps[s].doing);
	return r;
}
