/* See containers.h. */
#include "containers.h"

#include "alloc.h"
#include "buf.h"
#include "error.h"
#include "node.h"
#include "ops.h"
#include "program.h"

#include <string.h>

#define CONTAINERS_MAX 100
#define RM_SECONDS     120

static int list_ids(
	struct call *c, const char *project, struct args *a, char **ret, struct error *e)
{
	_free_ char *filter = xasprintf("label=" CONTAINERS_LABEL "project=%s", project);
	_buf_ out = BUF_INIT;
	char *save = NULL;
	int r;

	args_set(a, "docker", "container", "ls", "--all", "--quiet", "--no-trunc", "--filter",
		filter, NULL);
	r = docker_run(c->b, a, "cannot list the containers", 60, &out, e);
	if (r < 0)
		return r;
	*ret = buf_detach(&out);
	args_set(a, "docker", "container", "inspect", NULL);
	for (char *id = strtok_r(*ret, "\n", &save); id; id = strtok_r(NULL, "\n", &save)) {
		if (a->n > CONTAINERS_MAX)
			return error_set(e, ERR_FAILED, "the project has more than %d containers",
				CONTAINERS_MAX);
		args_add(a, id);
	}
	return 0;
}

int containers_of(struct call *c, const char *project, struct node **ret, struct error *e)
{
	_free_ struct args *a = xcalloc(1, sizeof *a);
	_free_ char *ids = NULL;
	int r = list_ids(c, project, a, &ids, e);

	*ret = NULL;
	if (r >= 0 && a->n > 3)
		r = docker_json(c->b, a, "cannot look at the containers", c->q->arena, ret, e);
	if (r < 0) /* one that went between the two is no error of anybody */
		return strstr(e->msg, "No such") ? error_transient(e) : r;
	if (*ret && (*ret)->kind != NODE_LIST)
		*ret = NULL;
	return 0;
}

/* "/conf/" and "/conf" are one place; the engine says the latter. */
static bool same_place(const char *target, const char *at)
{
	size_t n = strlen(target);

	while (n > 1 && target[n - 1] == '/')
		n--;
	return strlen(at) == n && strncmp(target, at, n) == 0;
}

/* What a service's "volumes" have at a place, or NULL. */
static const struct node *mount_at(const struct node *service, const char *at)
{
	const struct node *list = node_get(service, "volumes");

	for (size_t i = 0; list && i < list->n; i++) {
		const char *target = node_str(node_get(list->items[i], "target"));

		if (target && same_place(target, at))
			return list->items[i];
	}
	return NULL;
}

/* The map of what the service's image has volumes at. */
static int image_volumes(
	struct call *c, const struct node *service, const struct node **ret, struct error *e)
{
	_free_ struct args *a = xcalloc(1, sizeof *a);
	const char *image = node_str(node_get(service, "image"));
	struct node *doc;
	int r;

	*ret = NULL;
	if (!image)
		return 0;
	args_set(a, "docker", "image", "inspect", "--", image, NULL);
	r = docker_json(c->b, a, "cannot look at the image", c->q->arena, &doc, e);
	if (r >= 0 && doc->kind == NODE_LIST && doc->n > 0)
		*ret = node_path(doc->items[0], "Config.Volumes");
	return r;
}

static bool has_place(const struct node *volumes, const char *at)
{
	for (size_t i = 0; volumes && volumes->kind == NODE_MAP && i < volumes->n; i++) {
		if (same_place(volumes->keys[i]->str, at))
			return true;
	}
	return false;
}

/* 1: something of the machine is mounted where the service, or its image, now says only a path. */
static int inherits(
	struct call *c, const struct node *container, const struct node *service, struct error *e)
{
	const struct node *mounts = node_get(container, "Mounts"), *volumes = NULL;
	bool asked = false;

	for (size_t i = 0; mounts && i < mounts->n; i++) {
		const char *type = node_str(node_get(mounts->items[i], "Type"));
		const char *at = node_str(node_get(mounts->items[i], "Destination"));
		const struct node *now = at ? mount_at(service, at) : NULL;
		const char *source = node_str(node_get(now, "source"));

		if (!type || !at || strcmp(type, "bind") != 0)
			continue;
		if (!now && !asked && image_volumes(c, service, &volumes, e) < 0)
			return -e->code;
		asked |= !now;
		if (now ? !source || !*source : has_place(volumes, at))
			return 1;
	}
	return 0;
}

static bool wanted(const char *const *services, const char *name)
{
	bool all = !services || !*services;

	for (; services && *services; services++)
		all = all || strcmp(*services, name) == 0;
	return all;
}

int containers_forget_binds(
	struct call *c, const struct node *plan, const char *const *services, struct error *e)
{
	struct node *all;
	int r = containers_of(c, node_str(node_get(plan, "name")), &all, e);

	for (size_t i = 0; r >= 0 && all && i < all->n; i++) {
		_free_ struct args *a = xcalloc(1, sizeof *a);
		const struct node *labels = node_path(all->items[i], "Config.Labels");
		const char *name = node_str(node_get(labels, CONTAINERS_LABEL "service"));
		const char *id = node_str(node_get(all->items[i], "Id"));
		const struct node *service =
			name ? node_get(node_get(plan, "services"), name) : NULL;

		if (!service || !id || !wanted(services, name))
			continue;
		r = inherits(c, all->items[i], service, e);
		if (r <= 0)
			continue;
		args_set(a, "docker", "container", "rm", "--force", id, NULL);
		r = docker_run(c->b, a, "cannot remove the container", RM_SECONDS, NULL, e);
	}
	return MIN(r, 0);
}
