/*
 * Everything that can be done without touching what runs, and so everything that can go wrong without
 * harm: the commit's files, its environment, rendering and policy, room on the disk, images. Images
 * come last; when they are there, replacing containers takes seconds.
 */
#include "deploy.h"

#include "agent.h"
#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "client.h"
#include "config.h"
#include "engine.h"
#include "error.h"
#include "node.h"

#include <inttypes.h>
#include <string.h>

/* Room that must be left for a pull: either of them is enough. */
#define ROOM_BYTES   (2 * GIB)
#define ROOM_PERCENT 15

static bool has_room(uint64_t left, uint64_t size)
{
	return left >= ROOM_BYTES || left >= size / 100 * ROOM_PERCENT;
}

/* Images that nothing needs any more go first; a server with no room after that has a problem. */
static int make_room(struct deploy *d, const struct node *table, struct error *e)
{
	uint64_t left, size;
	int r = engine_disk(d->a, &left, &size, e);

	if (r < 0 || has_room(left, size))
		return r;
	deploy_say(d, "room", "the disk is nearly full: removing images that are not needed");
	r = deploy_prune(d, table, e);
	if (r >= 0)
		r = deploy_prune_releases(d, e);
	if (r >= 0)
		r = engine_disk(d->a, &left, &size, e);
	if (r < 0 || has_room(left, size))
		return r;
	error_set(e, ERR_FAILED,
		"no room for new images: %" PRIu64 " MiB free of %" PRIu64
		" MiB (needed: 2 GiB, or 15 %%)",
		left / MIB, size / MIB);
	return error_transient(e);
}

static const char *subject_of(struct deploy *d, const char *sha)
{
	struct repo_commit c = { 0 };
	struct error ignored = { 0 };

	return repo_describe(d->a, sha, d->arena, &c, &ignored) < 0 ? NULL : c.subject;
}

/* The database itself, what says so, and what runs once and ends: that is how migrations are made. */
static bool changes_data(const struct plan_service *s)
{
	return s->database || s->dump || s->oneshot || (!s->restarts && !s->retries);
}

/* A name with a mistake in it would leave out dumps without a word. */
static void check_database(struct deploy *d, const struct plan *plan)
{
	const char *container = d->a->config->backup.postgres.container;

	if (!d->a->config->has_backup || !container)
		return;
	for (size_t i = 0; i < plan->n; i++)
		if (plan->services[i].database)
			return;
	deploy_warn(d,
		"no service of the application is %s (kbuild.backup.postgres.container): what changes "
		"its data is not seen, and it is not dumped before",
		container);
}

/*
 * A service that goes, or has another name from now on: what keeps data may hand it to another one, and a database
 * that goes is dumped while it is there.
 */
static void compare_gone(struct attempt *t, const struct plan *new, const struct plan *old)
{
	for (size_t i = 0; i < old->n; i++) {
		const struct plan_service *s = &old->services[i];

		if (plan_find(new, s->name))
			continue;
		t->unsafe = t->unsafe || s->unsafe;
		t->dump = t->dump || s->database || s->stateful || s->dump;
	}
}

/* Who is in the name spaces of what is made anew is made anew with it. */
static void compare_sharers(struct deploy *d, const struct plan *new, const struct containers *cs)
{
	struct attempt *t = &d->ledger.doing;
	const char **all = deploy_with_sharers(d, new, t->services, cs);

	for (size_t i = 0; all[i]; i++)
		if (!plan_names(t->services, all[i]))
			t->dump = t->dump || changes_data(plan_find(new, all[i]));
	t->services = all;
}

/*
 * Fills doing.services, and keeps in the table the image of those that stay as they are. What runs is
 * asked too: after a failure that was left as it is, or by hand, it may be something else than the good
 * revision.
 */
static int compare(struct deploy *d, struct node *table, bool back, struct error *e)
{
	struct attempt *t = &d->ledger.doing;
	struct plan new, old = { 0 };
	struct containers cs;
	size_t n = 0;
	int r = plan_parse(table, d->arena, &new, e);

	if (r >= 0 && d->ledger.good.sha)
		r = plan_parse(d->ledger.good.table, d->arena, &old, e);
	/* Whoever goes back wants the volume of then. */
	if (r >= 0 && !back)
		r = deploy_check_volumes(&old, &new, e);
	if (r >= 0)
		r = engine_ps(d->a, d->arena, &cs, e);
	if (r < 0)
		return r;
	t->services = arena_alloc(d->arena, (new.n + 1) * sizeof *t->services);
	t->unsafe = t->dump = false;
	check_database(d, &new);
	deploy_tell_of_data(d, &old, &new, &cs);
	compare_gone(t, &new, &old);
	for (size_t i = 0; i < new.n; i++) {
		const struct plan_service *s = &new.services[i], *before = plan_find(&old, s->name);

		if (plan_differs(s, before) || drift_of(before, &cs)) {
			t->services[n++] = s->name;
			t->unsafe = t->unsafe || s->unsafe;
			t->dump = t->dump || changes_data(s);
			continue;
		}
		/* As it is: nothing to dump before, nothing to take back. */
		if (deploy_is_down(before, &cs))
			t->services[n++] = s->name;
		if (before->image)
			plan_set(table, d->arena, s->name, "image", before->image);
		if (before->config)
			plan_set(table, d->arena, s->name, "config", before->config);
	}
	compare_sharers(d, &new, &cs);
	return 0;
}

static int render(struct deploy *d, const char *sha, const char **ret_plan, struct node **ret_table,
	struct error *e)
{
	_close_ int doc = -1;
	int r;

	deploy_say(d, "render", "rendering %s", d->a->config->app.compose);
	r = engine_render(d->a, sha, d->arena, ret_plan, &doc, e);
	if (r < 0)
		return r;
	return plan_table(d->a, doc, d->arena, ret_table, e);
}

/* as: the images to take, by service, instead of those that the commit names. */
static int pull(struct deploy *d, const char **plan, struct node *table, const struct plan *as,
	struct error *e)
{
	const struct node *services = NULL;
	int r = deploy_pull(d, plan, as, &services, e);

	for (size_t i = 0; r >= 0 && i < services->n; i++) {
		static const char *const keys[][2] = { { "image", "image" }, { "hash", "config" },
			{ "alone", "alone" } };

		for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
			const char *value = node_str(node_get(services->items[i], keys[k][0]));

			if (value)
				plan_set(
					table, d->arena, services->keys[i]->str, keys[k][1], value);
		}
	}
	return r;
}

/*
 * Services that keep their image though their tag may mean another one by now: plan_differs() would not replace
 * them for that, so the plan must not name it either. It would be what a repair or a way back brings up.
 */
static int keep_images(
	struct deploy *d, const struct node *table, struct plan *ret, struct error *e)
{
	struct plan new, old = { 0 };
	int r = plan_parse(table, d->arena, &new, e);

	if (r >= 0 && d->ledger.good.sha)
		r = plan_parse(d->ledger.good.table, d->arena, &old, e);
	if (r < 0)
		return r;
	*ret = (struct plan){ .services =
				      arena_alloc(d->arena, (new.n + 1) * sizeof *ret->services) };
	for (size_t i = 0; i < new.n; i++) {
		const struct plan_service *before = plan_find(&old, new.services[i].name);

		if (new.services[i].keeps_image && before &&
			before->image &&strcmp(new.services[i].hash, before->hash) == 0)
			ret->services[ret->n++] = *before;
	}
	return 0;
}

/* Its own images, on a disk that has room for them. */
static int pull_new(
	struct deploy *d, const char *sha, const char **plan, struct node *table, struct error *e)
{
	struct plan kept;
	int r = make_room(d, table, e);

	if (r >= 0)
		r = keep_images(d, table, &kept, e);
	if (r < 0)
		return r;
	deploy_say(d, "pull", "pulling images");
	r = pull(d, plan, table, &kept, e);
	return r < 0 ? deploy_await_images(d, sha, e) : r;
}

static int pull_back(struct deploy *d, const char **plan, struct node *table, const struct plan *as,
	struct error *e)
{
	deploy_say(d, "pull", "looking for the images of then");
	return pull(d, plan, table, as, e);
}

/* as: the plan of then, whose images are taken; NULL: the commit's own. */
static int prepare(struct deploy *d, const char *sha, const struct plan *as, struct error *e)
{
	struct attempt *t = &d->ledger.doing;
	struct node *table = NULL;
	const char *plan = NULL, *env = NULL;
	int r;

	deploy_say(d, "checkout", "writing the files of %s", short_sha(sha));
	r = repo_write_release(d->a, sha, e);
	if (r >= 0)
		r = deploy_env_digest(d, &env, e);
	if (r >= 0)
		r = render(d, sha, &plan, &table, e);
	if (r >= 0)
		r = as ? pull_back(d, &plan, table, as, e) : pull_new(d, sha, &plan, table, e);
	if (r < 0)
		return r;
	*t = (struct attempt){
		.to = { .sha = arena_strdup(d->arena, sha),
			.plan = plan,
			.subject = subject_of(d, sha),
			.table = table },
		.env = env,
	};
	return compare(d, table, as != NULL, e);
}

int deploy_prepare(struct deploy *d, const char *sha, struct error *e)
{
	int r = deploy_see(d, sha, e);

	return r < 0 ? r : prepare(d, sha, NULL, e);
}

int deploy_prepare_back(struct deploy *d, const struct revision *to, struct error *e)
{
	struct plan then;
	int r = plan_parse(to->table, d->arena, &then, e);

	return r < 0 ? r : prepare(d, to->sha, &then, e);
}
