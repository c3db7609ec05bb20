/*
 * The application by Compose: rendering a release into a plan, bringing plans up. What a service is
 * changed by, is seen in its hash, as Compose itself computes it.
 */
#include "ops.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "compose.h"
#include "config.h"
#include "containers.h"
#include "content.h"
#include "error.h"
#include "jail.h"
#include "json.h"
#include "node.h"
#include "plan.h"
#include "policy.h"
#include "program.h"
#include "render.h"
#include "shape.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>

#define ENV_MAX	      (1 * MIB)
#define SCALE_SECONDS 900
#define SPARE_SECONDS 100 /* for all else that an operation does */

struct compose_args {
	const char *release, *compose, *project, *env, *plan, *service;
	const char **services;
	int64_t replicas, seconds;
};

static int open_release(const struct broker *b, const char *id, int *ret, struct error *e)
{
	_free_ char *top = xasprintf("%s/releases", b->agent);
	_close_ int dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	int fd = dir < 0 ? -1 : (int)syscall(SYS_openat2, dir, id, &how, sizeof how);

	if (fd < 0)
		return error_errno(e, errno, "cannot open the release %s/%s", top, id);
	*ret = fd;
	return 0;
}

/* What Compose says: its last line, without its own prefix. It is about the user's file. */
static int compose_failed(const char *text, struct error *e)
{
	docker_failed("compose", text, e);
	e->code = ERR_INVALID;
	e->transient = false;
	return -e->code;
}

/* The rendered document, as text. */
static int render(struct call *c, const struct jail *j, struct buf *out, struct error *e)
{
	const struct compose_args *args = c->args;
	_free_ struct args *a = xcalloc(1, sizeof *a);
	_free_ char *file = xasprintf(JAIL_RELEASE "/%s", args->compose);
	_free_ char *env = xasprintf(
		"--env-file=%s%s", j->env ? JAIL_RELEASE "/" : "/dev/null", j->env ? j->env : "");
	_buf_ err = BUF_INIT;
	int r;

	args_set(a, "docker-compose", "--project-name", args->project, "--file", file, "--file",
		JAIL_CANARY, NULL);
	if (j->env)
		args_add(a, env);
	args_add(a, "config");
	args_add(a, "--format");
	args_add(a, "json");
	r = jail_run(c->b, j, a, out, &err, e);
	if (r < 0) {
		error_prefix(e, "rendering %s", args->compose);
		return strstr(e->msg, " timed out after ") ? error_transient(e) : r;
	}
	return r > 0 ? compose_failed(buf_str(&err), e) : 0;
}

/* Doubles each "$" of every value, where Compose has not done so. */
static void escape(struct arena *arena, struct node *n)
{
	if (n->kind == NODE_SCALAR && n->quoted && strchr(n->str, '$')) {
		_buf_ text = BUF_INIT;

		for (const char *p = n->str; *p; p++)
			buf_printf(&text, *p == '$' ? "$$" : "%c", *p);
		n->str = arena_strdup(arena, buf_str(&text));
		n->len = text.len;
	}
	for (size_t i = 0; n->kind != NODE_SCALAR && i < n->n; i++)
		escape(arena, n->items[i]);
}

static int settle_dollars(struct arena *arena, struct node *doc, struct error *e)
{
	const char *canary = node_str(node_get(doc, JAIL_CANARY_KEY));

	if (canary && strcmp(canary, "$") == 0)
		escape(arena, doc);
	else if (!canary || strcmp(canary, "$$") != 0)
		return error_set(e, ERR_FAILED, "this Compose writes documents of an unknown form");
	node_remove(doc, JAIL_CANARY_KEY);
	return 0;
}

/* The service that the definition trusts with the engine's socket, if any. */
static int load_policy(struct call *c, struct policy *p, struct agent_config **ret, struct error *e)
{
	_free_ char *path = xasprintf("%s/etc/kbuild/agent.yaml", c->b->root);
	int r;

	*p = (struct policy){ .release = JAIL_RELEASE };
	if (access(path, F_OK) < 0)
		return 0;
	r = agent_config_load(ret, path, e);
	if (r >= 0)
		p->socket_service = (*ret)->app.docker_socket;
	return r;
}

static int give_doc(struct call *c, const struct node *doc, struct error *e)
{
	_buf_ text = BUF_INIT;
	int fd;

	node_write_json(doc, 0, &text);
	fd = ipc_memfd(text.data, text.len);
	if (fd < 0)
		return error_errno(e, fd, "cannot keep the document");
	call_give(c, fd);
	return 0;
}

static int run_render(struct call *c, struct error *e)
{
	const struct compose_args *args = c->args;
	_cleanup_(agent_config_freep) struct agent_config *config = NULL;
	struct arena *arena = c->q->arena;
	_close_ int release = -1;
	_buf_ values = BUF_INIT;
	_buf_ text = BUF_INIT;
	struct content_extra extra = { args->env, &values };
	char id[SHA256_HEX];
	struct policy policy;
	struct node *doc;
	int r = load_policy(c, &policy, &config, e);

	if (r >= 0)
		r = open_release(c->b, args->release, &release, e);
	if (r < 0)
		return r;
	if (args->env && call_fd(c, 0) < 0)
		return error_set(
			e, ERR_USAGE, "render: the secrets' file must come with the request");
	if (args->env) {
		r = ipc_read_fd(call_fd(c, 0), ENV_MAX, &values);
		if (r < 0)
			return error_errno(e, r, "cannot read the secrets");
	}
	r = render(c, &(struct jail){ release, args->release, args->env, &values }, &text, e);
	if (r >= 0)
		r = render_judge(&policy, &text, e);
	if (r >= 0)
		r = json_parse(
			&doc, arena, "the rendered compose file", buf_str(&text), text.len, e);
	if (r >= 0)
		r = settle_dollars(arena, doc, e);
	if (r >= 0)
		r = render_bind(c->b, arena, doc, release, &extra, e);
	if (r >= 0)
		r = plan_keep(c->b, doc, id, e);
	if (r < 0)
		return r;
	ipc_add_str(c->reply.json, "plan", id);
	return give_doc(c, doc, e);
}

/* Only what is pinned: a tag that moved must not decide what runs after a roll-back. */
static int check_pinned(const struct node *doc, struct error *e)
{
	const struct node *services = node_get(doc, "services");

	for (size_t i = 0; services && i < services->n; i++) {
		const char *image = node_str(node_get(services->items[i], "image"));

		if (!image || !compose_pinned(image))
			return error_set(
				e, ERR_USAGE, "the plan's images are not pinned: pull it first");
	}
	return 0;
}

/* docker compose with a kept plan. */
static int start_args(struct call *c, const char *plan, struct args *a, char **ret_path,
	const struct node **ret_doc, struct error *e)
{
	struct node *doc;
	const char *project;
	int r = plan_load(c->b, plan, c->q->arena, &doc, e);

	if (r < 0)
		return r;
	project = node_str(node_get(doc, "name"));
	if (!project || !shape_project.ok(project))
		return error_set(e, ERR_FAILED, "the plan has no project");
	*ret_path = plan_path(c->b, plan);
	*ret_doc = doc;
	args_set(a, "docker", "compose", "--ansi", "never", "--progress", "plain", "--env-file",
		"/dev/null", "--project-name", project, "--file", *ret_path, NULL);
	return 0;
}

static int run_up(struct call *c, struct error *e)
{
	const struct compose_args *args = c->args;
	_free_ struct args *a = xcalloc(1, sizeof *a);
	_free_ char *path = NULL;
	const struct node *doc;
	unsigned seconds = args->seconds ? (unsigned)args->seconds : APP_UP_MIN;
	int r = start_args(c, args->plan, a, &path, &doc, e);

	if (r >= 0)
		r = check_pinned(doc, e);
	if (r < 0)
		return r;
	/* Compose waits for what has to end before others begin, and only who asks knows how long that may take. */
	alarm(seconds + SPARE_SECONDS);
	args_add(a, "up");
	args_add(a, "--detach");
	/* Not --remove-orphans: they would go before what takes their place is there. */
	args_add(a, "--no-build");
	args_add(a, "--pull=never");
	if (args->services && *args->services)
		args_add(a, "--no-deps");
	args_adds(a, args->services);
	r = containers_forget_binds(c, doc, args->services, e);
	if (r < 0)
		return r;
	return docker_run(c->b, a, "cannot bring up the application", seconds, NULL, e);
}

/* ERR_INVALID: what its containers have written where its image has a volume would not come along. */
static int check_nameless(struct call *c, const struct node *doc, struct error *e)
{
	const struct compose_args *args = c->args;
	const struct node *service = node_get(node_get(doc, "services"), args->service);
	const char *at = NULL;
	int r = containers_nameless(c, service, &at, e);

	return r > 0 ? error_set(e, ERR_INVALID, "its image has a volume at %s, without a name", at)
		     : r;
}

/* More of one service, those there are left as they are: for a change without a gap. */
static int run_scale(struct call *c, struct error *e)
{
	const struct compose_args *args = c->args;
	_free_ struct args *a = xcalloc(1, sizeof *a);
	_free_ char *scale = xasprintf("%s=%d", args->service, (int)args->replicas);
	_free_ char *path = NULL;
	const struct node *doc;
	int r = start_args(c, args->plan, a, &path, &doc, e);

	if (r >= 0)
		r = check_pinned(doc, e);
	if (r >= 0)
		r = check_nameless(c, doc, e);
	if (r < 0)
		return r;
	for (const char *const *w = (const char *const[]){ "up", "--detach", "--no-build",
		     "--pull=never", "--no-deps", "--no-recreate", "--scale", NULL };
		*w; w++)
		args_add(a, *w);
	args_add(a, scale);
	args_add(a, args->service);
	return docker_run(c->b, a, "cannot scale the service", SCALE_SECONDS, NULL, e);
}

/* What a kept plan would bring up, with the hashes that running containers are compared by. */
static int run_plan(struct call *c, struct error *e)
{
	const struct compose_args *args = c->args;
	struct node *doc;
	int r = plan_load(c->b, args->plan, c->q->arena, &doc, e);

	if (r >= 0)
		r = compose_describe(c, args->plan, doc, e);
	return r < 0 ? r : give_doc(c, doc, e);
}

#define ARG(key, parse, member, flags, arg)                                                        \
	{                                                                                          \
		key, parse, offsetof(struct compose_args, member), flags, arg                      \
	}

static const int64_t replicas_range[] = { 0, 20 };
static const int64_t seconds_range[] = { 1, APP_TIMEOUT_MAX };

static const struct field render_fields[] = {
	{ "op" },
	ARG("release", field_shape, release, FIELD_REQUIRED, &shape_release),
	ARG("compose", field_shape, compose, FIELD_REQUIRED, &shape_path),
	ARG("project", field_shape, project, FIELD_REQUIRED, &shape_project),
	ARG("env", field_shape, env, 0, &shape_path),
	{},
};
static const struct field up_fields[] = {
	{ "op" },
	ARG("plan", field_shape, plan, FIELD_REQUIRED, &shape_plan),
	ARG("services", field_shapes, services, 0, &shape_service),
	ARG("seconds", field_int, seconds, 0, seconds_range),
	{},
};
static const struct field scale_fields[] = {
	{ "op" },
	ARG("plan", field_shape, plan, FIELD_REQUIRED, &shape_plan),
	ARG("service", field_shape, service, FIELD_REQUIRED, &shape_service),
	ARG("replicas", field_int, replicas, FIELD_REQUIRED, replicas_range),
	{},
};
static const struct field plan_fields[] = {
	{ "op" },
	ARG("plan", field_shape, plan, FIELD_REQUIRED, &shape_plan),
	{},
};

#define SIZE sizeof(struct compose_args)

const struct op ops_compose[] = {
	{ "render", render_fields, SIZE, 1, OP_CHANGES, 200, run_render },
	{ "plan", plan_fields, SIZE, 0, 0, 100, run_plan },
	{ "up", up_fields, SIZE, 0, OP_CHANGES, APP_UP_MIN + SPARE_SECONDS, run_up },
	{ "scale", scale_fields, SIZE, 0, OP_CHANGES, SCALE_SECONDS + SPARE_SECONDS, run_scale },
	{},
};
