/*
 * Images: pulled before anything is stopped, pinned by digest, loaded from the disk, and pruned but for
 * those that are kept to go back to.
 */
#include "ops.h"

#include "alloc.h"
#include "arena.h"
#include "baked.h"
#include "buf.h"
#include "compose.h"
#include "error.h"
#include "node.h"
#include "operator_secrets.h"
#include "plan.h"
#include "process.h"
#include "program.h"
#include "settle.h"
#include "shape.h"

#include <string.h>
#include <sys/statvfs.h>

#define FREE_MIN (256 * MIB) /* less, and a pull would only fill the disk */

struct image_args {
	const char *plan, *registry, *user;
	const char **keep, **plans;
	const char **services, **images; /* pull: those of the plan that are not its own to say */
	bool missing;
};

/* Without its tag and digest, and as docker lists it: without the registry that is its default. */
static char *repository_of(const char *reference)
{
	const char *slash, *end;

	if (strncmp(reference, "docker.io/", 10) == 0)
		reference += 10;
	if (strncmp(reference, "library/", 8) == 0)
		reference += 8;
	end = reference + strcspn(reference, "@");
	slash = memrchr(reference, '/', (size_t)(end - reference));
	for (const char *p = slash ? slash : reference; p < end; p++) {
		if (*p == ':')
			end = p;
	}
	return xstrndup(reference, (size_t)(end - reference));
}

/* What a reference is pinned to: the digest in its own repository, else the image's id. */
static const char *pin(const struct node *image, const char *reference)
{
	const struct node *digests = node_get(image, "RepoDigests");
	_free_ char *repository = repository_of(reference);

	for (size_t i = 0; digests && i < digests->n; i++) {
		const char *digest = node_str(digests->items[i]);
		_free_ char *of = digest ? repository_of(digest) : NULL;

		if (of && strcmp(of, repository) == 0)
			return digest;
	}
	return node_str(node_get(image, "Id"));
}

/* 1: it is not here. */
static int inspect(struct call *c, const char *reference, const struct node **ret, struct error *e)
{
	_free_ struct args *a = xcalloc(1, sizeof *a);
	struct error missing = { 0 };
	struct node *doc;
	int r;

	args_set(a, "docker", "image", "inspect", "--", reference, NULL);
	r = docker_json(c->b, a, "cannot look at the image", c->q->arena, &doc, &missing);
	if (r < 0 && strcasestr(missing.msg, "no such image"))
		return 1;
	if (r < 0) {
		*e = missing;
		return r;
	}
	if (doc->kind != NODE_LIST || doc->n != 1)
		return error_set(e, ERR_FAILED, "docker knows several images %s", reference);
	*ret = doc->items[0];
	return 0;
}

static int check_disk(struct call *c, struct error *e)
{
	_free_ char *root = NULL;
	struct statvfs s;
	uint64_t left;
	int r = docker_root(c->b, &root, e);

	if (r < 0)
		return r;
	if (statvfs(root, &s) < 0)
		return 0;
	left = (uint64_t)s.f_bavail * s.f_frsize;
	if (left >= FREE_MIN)
		return 0;
	error_set(e, ERR_FAILED, "the disk has only %llu MiB left: too little to pull images",
		(unsigned long long)(left / MIB));
	return error_transient(e);
}

static int pull_one(struct call *c, const char *reference, const char **ret, struct error *e)
{
	const struct image_args *args = c->args;
	_free_ char *what = xasprintf("cannot pull %s", reference);
	const struct node *image = NULL;
	bool here = compose_pinned(reference);
	const char *id = NULL;
	bool by_id;
	int r = 1;

	/* A digest never means anything else; a tag that was loaded from the disk may be asked for. */
	if (here || args->missing)
		r = inspect(c, reference, &image, e);
	/* What was loaded from the disk has no digest of a repository; its id says the same. */
	if (r > 0 && args->missing)
		id = baked_id(c->b, reference, c->q->arena);
	if (id)
		r = inspect(c, id, &image, e);
	by_id = id && r == 0;
	if (r > 0 && strncmp(reference, "sha256:", 7) != 0) {
		r = settle_pull(c->b, reference, what, e);
		if (r >= 0)
			r = inspect(c, reference, &image, e);
	}
	if (r > 0)
		return error_set(e, ERR_FAILED, "the image %s is not here any more", reference);
	if (r < 0)
		return r;
	*ret = here && !by_id ? reference : pin(image, reference);
	return *ret ? 0 : error_set(e, ERR_FAILED, "docker gives no id of %s", reference);
}

/* The image that a service is to have: as was asked, else as the plan says. */
static const char *wanted_image(
	const struct image_args *args, const char *service, const struct node *plan)
{
	for (size_t i = 0; args->services && args->services[i]; i++) {
		if (strcmp(args->services[i], service) == 0)
			return args->images[i];
	}
	return node_str(node_get(plan, "image"));
}

static size_t length(const char *const *words)
{
	size_t n = 0;

	while (words && words[n])
		n++;
	return n;
}

/* Each service's image is here, and named in the document by its digest. */
static int pull_all(struct call *c, const struct node *services, struct error *e)
{
	const struct image_args *args = c->args;
	struct arena *arena = c->q->arena;

	for (size_t i = 0; services && i < services->n; i++) {
		struct node *service = services->items[i];
		const char *image = wanted_image(args, services->keys[i]->str, service), *pinned;
		int r;

		if (!image || *image == '-')
			return error_set(e, ERR_INVALID, "the service %s has no image",
				services->keys[i]->str);
		r = pull_one(c, image, &pinned, e);
		if (r < 0)
			return r;
		node_set(arena, service, &service->at, "image",
			node_scalar(arena, &service->at, pinned, strlen(pinned)));
		/* Nothing is pulled again by up. */
		node_remove(service, "pull_policy");
	}
	return 0;
}

static int run_pull(struct call *c, struct error *e)
{
	const struct image_args *args = c->args;
	struct error late = { 0 };
	char id[SHA256_HEX];
	struct node *doc, *services;
	bool back;
	int r, settled;

	if (length(args->services) != length(args->images))
		return error_set(e, ERR_USAGE, "pull: as many images as services");
	r = plan_load(c->b, args->plan, c->q->arena, &doc, e);
	if (r < 0)
		return r;
	services = node_get(doc, "services");
	/* To go back, with every image named, must be possible on a full disk and without a registry. */
	back = services && length(args->services) >= services->n;
	if (services && !back)
		r = check_disk(c, e);
	if (r >= 0)
		r = settle_again(c->b, !back, e);
	if (r < 0)
		return r;
	r = pull_all(c, services, e);
	settled = settle_end(c->b, &late);
	if (r >= 0 && settled < 0) {
		*e = late;
		r = settled;
	}
	if (r >= 0)
		r = plan_keep(c->b, doc, id, e);
	return r < 0 ? r : compose_describe(c, id, doc, e);
}

static int run_images_load(struct call *c, struct error *e)
{
	size_t loaded;
	int r = baked_load(c->b, &loaded, e);

	ipc_add_int(c->reply.json, "loaded", (int64_t)loaded);
	return r;
}

/* The password goes to docker's standard input, and from there into DOCKER_CONFIG (0600, root's). */
static int run_docker_login(struct call *c, struct error *e)
{
	const struct image_args *args = c->args;
	_free_ struct args *a = xcalloc(1, sizeof *a);
	_free_ char *what = xasprintf("cannot log in to %s", args->registry);
	_buf_ password = BUF_INIT;
	_buf_ err = BUF_INIT;
	struct process p = { .err = &err, .timeout_ms = 60000 };
	int r;

	if (call_fd(c, 0) < 0)
		return error_set(
			e, ERR_USAGE, "docker-login: the password must come with the request");
	r = ipc_read_fd(call_fd(c, 0), OPERATOR_VALUE_MAX, &password);
	if (r < 0)
		return error_errno(e, r, "cannot read the password");
	p.input = buf_str(&password);
	p.input_len = password.len;
	args_set(a, "docker", "login", "--username", args->user, "--password-stdin", args->registry,
		NULL);
	r = program_run(c->b, a, &p, e);
	if (password.len)
		explicit_bzero(password.data, password.len);
	return r > 0 ? docker_failed(what, buf_str(&err), e) : r;
}

static bool kept(const struct image_args *args, const struct node *image)
{
	const struct node *digests = node_get(image, "RepoDigests");
	const char *id = node_str(node_get(image, "Id"));

	for (const char **k = args->keep; k && *k; k++) {
		if (id && strcmp(id, *k) == 0)
			return true;
		for (size_t i = 0; digests && i < digests->n; i++) {
			const char *digest = node_str(digests->items[i]);
			const char *at = digest ? strchr(digest, '@') : NULL;

			if (at && strcmp(at + 1, *k) == 0)
				return true;
		}
	}
	return false;
}

/*
 * Removes images that no container uses, but for those to be kept. Without --force: docker itself
 * refuses what is in use, and that is no error here.
 */
static int run_prune(struct call *c, struct error *e)
{
	const struct image_args *args = c->args;
	_free_ struct args *a = xcalloc(1, sizeof *a);
	_buf_ ids = BUF_INIT;
	char *save = NULL;
	int64_t removed = 0;
	int r;

	args_set(a, "docker", "image", "ls", "--quiet", "--no-trunc", NULL);
	r = docker_run(c->b, a, "cannot list the images", 60, &ids, e);
	for (char *id = r < 0 || ids.len == 0 ? NULL : strtok_r(ids.data, "\n", &save); id;
		id = strtok_r(NULL, "\n", &save)) {
		struct error ignored = { 0 };
		const struct node *image;

		if (inspect(c, id, &image, &ignored) != 0 || kept(args, image))
			continue;
		args_set(a, "docker", "image", "rm", id, NULL);
		if (docker_run(c->b, a, "", 120, NULL, &ignored) >= 0)
			removed++;
	}
	ipc_add_int(c->reply.json, "removed", removed);
	return r < 0 ? r : plan_prune(c->b, args->plans, e);
}

#define ARG(key, parse, member, flags, arg)                                                        \
	{                                                                                          \
		key, parse, offsetof(struct image_args, member), flags, arg                        \
	}

static const struct field pull_fields[] = {
	{ "op" },
	ARG("plan", field_shape, plan, FIELD_REQUIRED, &shape_plan),
	ARG("missing", field_bool, missing, 0, NULL),
	ARG("services", field_shapes, services, 0, &shape_service),
	ARG("images", field_shapes, images, 0, &shape_image),
	{},
};
static const struct field login_fields[] = {
	{ "op" },
	ARG("registry", field_shape, registry, FIELD_REQUIRED, &shape_registry),
	ARG("user", field_shape, user, FIELD_REQUIRED, &shape_login),
	{},
};
static const struct field prune_fields[] = {
	{ "op" },
	ARG("keep", field_shapes, keep, FIELD_REQUIRED, &shape_digest),
	ARG("plans", field_shapes, plans, 0, &shape_plan),
	{},
};
static const struct field no_fields[] = { { "op" }, {} };

#define SIZE sizeof(struct image_args)

const struct op ops_image[] = {
	{ "pull", pull_fields, SIZE, 0, OP_CHANGES, 3000, run_pull },
	{ "images-load", no_fields, SIZE, 0, OP_CHANGES, 3000, run_images_load },
	{ "docker-login", login_fields, SIZE, 1, OP_CHANGES, 100, run_docker_login },
	{ "prune", prune_fields, SIZE, 0, OP_CHANGES, 1000, run_prune },
	{},
};
