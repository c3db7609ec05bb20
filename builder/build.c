/*
 * A build from its definition to its result; the steps are in build_steps.c. The tree that is baked exists
 * only in our mount namespace, as an overlay over the package tree, and ends with the process. Outputs appear
 * together, by one rename, when all of it is there.
 */
#include "build_output.h"
#include "build_parts.h"
#include "build_place.h"

#include "alloc.h"
#include "buf.h"
#include "chroot.h"
#include "cloudconfig.h"
#include "ctx.h"
#include "definition.h"
#include "error.h"
#include "fd.h"
#include "lock.h"
#include "login.h"
#include "record.h"
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void build_close(struct build *b)
{
	overlay_close(&b->overlay);
	closep(&b->tree_lock);
	closep(&b->log_fd);
	work_close(&b->scratch);
	work_close(&b->staging); /* with the image that was there */
	closep(&b->place_lock);
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

/* The log, where it can be read while it grows and after a failure. */
static int open_log(struct build *b, struct error *e)
{
	b->log_path = xasprintf("%s/%s.log", b->o->output, b->def->name);
	b->log_fd = build_place_log(b->log_path, b->def->path, e);
	return MIN(b->log_fd, 0);
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
		int r = build_step_run(b, i, e);

		if (r < 0) {
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

static int take_place(struct build *b, struct error *e)
{
	const char *output = b->o->output, *name = b->def->name;

	b->place_lock = build_place_lock(output, name, b->c->progress, e);
	if (b->place_lock < 0)
		return b->place_lock;
	return build_place_check(output, name, b->o->until == BUILD_RECORD, e);
}

/* What it will be made from, and who it will be. */
static int read_inputs(struct build *b, struct error *e)
{
	int r = definition_load(&b->def, b->o->definition, &b->c->diags, e);

	if (r < 0)
		return r;
	if (!b->def->bootable && b->o->until >= BUILD_DISK)
		return error_set(e, ERR_INVALID,
			"%s says bootable: false, so there is no disk to make; use --until seal",
			b->def->path);
	/* Before a lock is made, which takes its time: nothing of that shall be in vain. */
	if (b->o->until != BUILD_LOCK)
		r = take_place(b, e);
	if (r == 0)
		r = build_step_run(b, BUILD_LOCK, e);
	if (r < 0 || b->o->until == BUILD_LOCK)
		return r;
	b->epoch = lock_date(b->lock);
	return build_identify(&b->self, b->c, b->def, b->lock, e);
}

static bool is_there(const struct build *b, const struct build_result *ret)
{
	return !b->o->force && b->o->until == BUILD_RECORD && !b->o->tree &&
	       record_matches(ret->directory, b->self.id, false);
}

static int build(struct build *b, struct build_result *ret, struct error *e)
{
	int r = read_inputs(b, e);

	if (r < 0)
		return r;
	fill_result(b, ret);
	if (b->o->until == BUILD_LOCK)
		return 0;
	if (is_there(b, ret)) {
		struct build_output o = build_output_of(b);

		/* Only the other format may be missing. */
		ret->unchanged = !b->o->qcow2 || record_matches(ret->directory, b->self.id, true);
		return ret->unchanged ? 0 : build_add_qcow2(&o, ret->directory, e);
	}
	r = chroot_possible(e);
	if (r == 0)
		r = open_log(b, e);
	if (r == 0)
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
		.place_lock = -1,
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
