/* From the application's repository to lines of the lock. */
#include "containers.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "compose_images.h"
#include "compose_vars.h"
#include "definition.h"
#include "error.h"
#include "image_manifest.h"
#include "lock.h"
#include "mark.h"
#include "node.h"
#include "progress.h"
#include "registry.h"
#include "repository.h"
#include "tarball.h"
#include "work.h"
#include "yaml_tree.h"

#include <string.h>

#define INDEX_DEPTH 3 /* lists of lists: none is known with more than two */

/* Lines of kbuild.app.known_hosts, which may be one text; in the arena. */
static const char *const *known_hosts(const struct definition *def, struct arena *a)
{
	const struct node *n = node_get(def->app, "known_hosts");
	size_t count = n && n->kind == NODE_LIST ? n->n : 0;
	const char **v = arena_alloc(a, (count + 2) * sizeof *v);

	if (node_str(n))
		v[0] = node_str(n);
	for (size_t i = 0; i < count; i++)
		v[i] = node_str(n->items[i]);
	return v;
}

static const char *env_beside(const char *compose, struct arena *a)
{
	const char *slash = strrchr(compose, '/');

	return arena_printf(a, "%.*s.env", slash ? (int)(slash + 1 - compose) : 0, compose);
}

/* The Compose file of the branch, and what .env beside it says. */
static int read_compose(const struct containers *c, struct repository *repo, struct arena *a,
	struct compose_images *ret, struct error *e)
{
	char *path = arena_strdup(a, definition_app(c->def, "compose"));
	_buf_ text = BUF_INIT, env = BUF_INIT;
	struct compose_vars vars = {};
	struct node *doc;
	const char *name;
	int r;

	if (!tar_clean_path(path))
		return error_set(e, ERR_INVALID, "kbuild.app.compose leads out of the repository");
	r = repository_read(repo, path, &text, e);
	if (r == REPOSITORY_ABSENT)
		return error_set(e, ERR_INVALID, "the branch '%s' of %s has no file %s (%.12s)",
			repo->branch, repo->url, path, repo->commit);
	if (r == 0)
		r = repository_read(repo, env_beside(path, a), &env, e);
	if (r < 0)
		return r;
	/* As the server's own rendering has them. */
	buf_printf(
		&env, "\nKBUILD_COMMIT=%s\nKBUILD_COMMIT_SHORT=%.7s\n", repo->commit, repo->commit);
	compose_vars_read(buf_str(&env), env.len, a, &vars);
	name = arena_printf(a, "%s@%.12s/%s", repo->url, repo->commit, path);
	r = yaml_parse(&doc, a, name, buf_str(&text), text.len, c->diags, e);
	if (r < 0)
		return r;
	compose_images_read(doc, &vars, a, ret, c->diags);
	return diags_result(c->diags, name, e);
}

/* The manifest for our architecture, over the list of them that most names have. */
static int find_manifest(struct registry *reg, const struct image_ref *ref,
	const char *architecture, struct arena *a, struct image_blob *ret, struct error *e)
{
	const char *id = image_ref_id(ref, a);

	for (unsigned depth = 0; depth < INDEX_DEPTH; depth++) {
		struct image_manifest ignored;
		_buf_ text = BUF_INIT;
		int r = registry_manifest(reg, ref, id, &text, e);

		if (r != 0)
			return r;
		r = image_index_choose(buf_str(&text), text.len, architecture, ret, e);
		if (r < 0)
			return r;
		id = arena_printf(a, "sha256:%s", ret->sha256);
		if (r != MANIFEST_IS_IMAGE)
			continue;
		sha256_bytes(buf_str(&text), text.len, ret->sha256);
		ret->size = text.len;
		return image_manifest_parse(buf_str(&text), text.len, a, &ignored, e);
	}
	return error_set(e, ERR_INVALID, "it is a list of lists of lists");
}

/* What is wrong with an image is the Compose file's to mend; what is wrong with the way to it is not. */
static int resolve_image(const struct containers *c, struct registry *reg,
	const struct compose_image *i, struct arena *a, struct image_blob *ret, struct error *e)
{
	struct error why = {};
	int r = find_manifest(reg, &i->ref, c->lock->architecture, a, ret, &why);

	if (r == 0)
		return 0;
	if (r == REGISTRY_ABSENT)
		error_set(&why, ERR_INVALID, "%s has no such image", i->ref.registry);
	if (why.code == ERR_INVALID) {
		diag_add(c->diags, DIAG_ERROR, &i->at, "compose-image", NULL, "%.200s: %s", i->text,
			why.msg);
		return 0;
	}
	*e = why;
	return error_prefix(e, "%s:%u:%u: %s", i->at.file, i->at.line, i->at.col, i->text);
}

static int resolve_all(const struct containers *c, const struct compose_images *images,
	const char *commit, const char *name, struct error *e)
{
	struct arena *a = c->lock->arena;
	const struct registry_seams seams = {
		.http = c->http, .clock = c->clock, .credentials = c->registries
	};
	_cleanup_(registry_freep) struct registry *reg = registry_new(&seams);
	struct lock_container *v = arena_alloc(a, (images->n + 1) * sizeof *v);

	progress_begin(c->progress, "Container images", "images", images->n);
	for (size_t i = 0; i < images->n; i++) {
		struct image_blob manifest = {};
		int r = resolve_image(c, reg, &images->v[i], a, &manifest, e);

		if (r < 0)
			return r;
		v[i] = (struct lock_container){ arena_strdup(a, images->v[i].text),
			arena_strdup(a, manifest.sha256), manifest.size };
		progress_advance(c->progress, 1);
	}
	if (diags_result(c->diags, name, e) < 0)
		return -e->code;
	progress_end(c->progress, NULL);
	lock_set_containers(c->lock, arena_strdup(a, commit), v, images->n);
	return 0;
}

int containers_lock(const struct containers *c, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_(work_close) struct work scratch = WORK_INIT;
	_cleanup_(repository_free) struct repository repo = {
		.url = definition_app(c->def, "repository"),
		.branch = definition_app(c->def, "branch"),
		.known_hosts = known_hosts(c->def, a),
	};
	_free_ char *work = xasprintf("%s/work", c->cache_dir);
	_free_ char *path = NULL;
	struct compose_images images = {};
	int r;

	if (c->offline)
		return error_set(e, ERR_NETWORK,
			"which images the application has is asked of its repository and their registries, and --offline was given");
	progress_begin(c->progress, "Application", NULL, 0);
	r = work_open(&scratch, work, e);
	if (r < 0)
		return r;
	path = xasprintf("%s/repository", scratch.path);
	r = repository_fetch(&repo, path, e);
	if (r == 0)
		r = read_compose(c, &repo, a, &images, e);
	if (r < 0)
		return r;
	progress_end(c->progress, NULL);
	return resolve_all(c, &images, repo.commit, repo.url, e);
}
