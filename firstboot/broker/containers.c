/* See containers.h. */
#include "containers.h"

#include "alloc.h"
#include "buf.h"
#include "error.h"
#include "node.h"
#include "ops.h"
#include "program.h"

#include <string.h>

#define CONTAINERS_MAX 500
#define BATCH	       50 /* are inspected at once: what the engine tells of one may be long */
#define RM_SECONDS     120

/* Their ids, a line each. */
static int list_ids(struct call *c, const char *project, char **ret, struct error *e)
{
	_free_ struct args *a = xcalloc(1, sizeof *a);
	_free_ char *filter = xasprintf("label=" CONTAINERS_LABEL "project=%s", project);
	_buf_ out = BUF_INIT;
	size_t n = 0;
	int r;

	args_set(a, "docker", "container", "ls", "--all", "--quiet", "--no-trunc", "--filter",
		filter, NULL);
	r = docker_run(c->b, a, "cannot list the containers", 60, &out, e);
	if (r < 0)
		return r;
	for (const char *p = buf_str(&out); *p; p++)
		n += *p == '\n';
	if (n > CONTAINERS_MAX)
		return error_set(
			e, ERR_FAILED, "the project has more than %d containers", CONTAINERS_MAX);
	*ret = buf_detach(&out);
	return 0;
}

/* The next of the ids are added to the list *ret. 1: there were none left. */
static int inspect_some(struct call *c, char **save, struct node **ret, struct error *e)
{
	_free_ struct args *a = xcalloc(1, sizeof *a);
	struct node *some = NULL;
	char *id = NULL;
	int r;

	args_set(a, "docker", "container", "inspect", NULL);
	for (size_t i = 0; i < BATCH && (id = strtok_r(NULL, "\n", save)); i++)
		args_add(a, id);
	if (a->n == 3)
		return 1;
	r = docker_json(c->b, a, "cannot look at the containers", c->q->arena, &some, e);
	if (r < 0 || some->kind != NODE_LIST)
		return r;
	if (!*ret)
		*ret = node_list(c->q->arena, &some->at);
	for (size_t i = 0; i < some->n; i++)
		node_append(c->q->arena, *ret, some->items[i]);
	return 0;
}

int containers_of(struct call *c, const char *project, struct node **ret, struct error *e)
{
	_free_ char *ids = NULL;
	char *save;
	int r = list_ids(c, project, &ids, e);

	*ret = NULL;
	for (save = ids; r == 0;)
		r = inspect_some(c, &save, ret, e);
	if (r < 0) /* one that went between the two is no error of anybody */
		return strstr(e->msg, "No such") ? error_transient(e) : r;
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

/* "tmpfs: [/run:size=1M]", or one without a list. */
static bool is_tmpfs(const struct node *service, const char *at)
{
	const struct node *list = node_get(service, "tmpfs");
	size_t n = !list ? 0 : list->kind == NODE_LIST ? list->n : 1;

	for (size_t i = 0; i < n; i++) {
		const char *text = node_str(list->kind == NODE_LIST ? list->items[i] : list);
		_free_ char *place = text ? xstrndup(text, strcspn(text, ":")) : NULL;

		if (place && same_place(place, at))
			return true;
	}
	return false;
}

int containers_nameless(
	struct call *c, const struct node *service, const char **ret, struct error *e)
{
	const char *stateful = node_str(node_get(node_get(service, "labels"), "kbuild.stateful"));
	const struct node *volumes;
	int r;

	if (stateful && strcmp(stateful, "false") == 0)
		return 0;
	r = image_volumes(c, service, &volumes, e);
	if (r < 0)
		return r;
	for (size_t i = 0; volumes && volumes->kind == NODE_MAP && i < volumes->n; i++) {
		const char *at = volumes->keys[i]->str;

		if (mount_at(service, at) || is_tmpfs(service, at))
			continue;
		*ret = at;
		return 1;
	}
	return 0;
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
