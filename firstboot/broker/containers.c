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

/* Only a path. */
static bool is_nameless(const struct node *mount)
{
	const char *type = node_str(node_get(mount, "type")),
		   *source = node_str(node_get(mount, "source"));

	return type && strcmp(type, "volume") == 0 && (!source || !*source);
}

static bool has_nameless(const struct node *service)
{
	const struct node *list = node_get(service, "volumes");

	for (size_t i = 0; list && i < list->n; i++) {
		if (is_nameless(list->items[i]))
			return true;
	}
	return false;
}

/* "/conf/" and "/conf" are one place; the engine says the latter. */
static bool same_place(const char *target, const char *at)
{
	size_t n = strlen(target);

	while (n > 1 && target[n - 1] == '/')
		n--;
	return strlen(at) == n && strncmp(target, at, n) == 0;
}

/* Whether something of the machine is mounted where the service now says only a path. */
static bool inherits(const struct node *container, const struct node *service)
{
	const struct node *mounts = node_get(container, "Mounts"),
			  *list = node_get(service, "volumes");

	for (size_t i = 0; mounts && i < mounts->n; i++) {
		const char *type = node_str(node_get(mounts->items[i], "Type"));
		const char *at = node_str(node_get(mounts->items[i], "Destination"));

		for (size_t k = 0; type && at && strcmp(type, "bind") == 0 && k < list->n; k++) {
			const char *target = node_str(node_get(list->items[k], "target"));

			if (is_nameless(list->items[k]) && target && same_place(target, at))
				return true;
		}
	}
	return false;
}

static bool wanted(const char *const *services, const char *name)
{
	bool all = !services || !*services;

	for (; services && *services; services++)
		all = all || strcmp(*services, name) == 0;
	return all;
}

static int forget_of(struct call *c, const struct node *all, const char *name,
	const struct node *service, struct error *e)
{
	for (size_t i = 0; i < all->n; i++) {
		_free_ struct args *a = xcalloc(1, sizeof *a);
		const struct node *labels = node_path(all->items[i], "Config.Labels");
		const char *of = node_str(node_get(labels, CONTAINERS_LABEL "service"));
		const char *id = node_str(node_get(all->items[i], "Id"));
		int r;

		if (!id || !of || strcmp(of, name) != 0 || !inherits(all->items[i], service))
			continue;
		args_set(a, "docker", "container", "rm", "--force", id, NULL);
		r = docker_run(c->b, a, "cannot remove the container", RM_SECONDS, NULL, e);
		if (r < 0)
			return r;
	}
	return 0;
}

int containers_forget_binds(
	struct call *c, const struct node *plan, const char *const *services, struct error *e)
{
	const struct node *list = node_get(plan, "services");
	struct node *all = NULL;
	bool asked = false;
	int r = 0;

	for (size_t i = 0; list && i < list->n && r >= 0; i++) {
		const char *name = list->keys[i]->str;

		if (!wanted(services, name) || !has_nameless(list->items[i]))
			continue;
		if (!asked)
			r = containers_of(c, node_str(node_get(plan, "name")), &all, e);
		asked = true;
		if (r >= 0 && all)
			r = forget_of(c, all, name, list->items[i], e);
	}
	return MIN(r, 0);
}
