/*
 * Containers: what there is, what they say, stopping and removing them. A container is only touched
 * when Compose made it: whatever else runs on the machine is not ours.
 */
#include "ops.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "containers.h"
#include "error.h"
#include "fd.h"
#include "json.h"
#include "node.h"
#include "process.h"
#include "program.h"
#include "shape.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* What others wrote may be long. */
#define HEALTH_TEXT 500
#define ERROR_TEXT  500
#define LOG_LINES   2000
/* As long as `up` has for the same: what a container takes to end is its own choice. */
#define STOP_SECONDS 900

/* What an argument table fills; no operation needs more than these. */
struct container_args {
	const char *project, *container;
	const char **services;
	int64_t lines, timeout;
};

#define ARG(key, parse, member, flags, arg)                                                        \
	{                                                                                          \
		key, parse, offsetof(struct container_args, member), flags, arg                    \
	}

static const char *text_at(const struct node *n, const char *path)
{
	const char *text = node_str(node_path(n, path));

	return text ? text : "";
}

static void add_number(struct buf *out, const char *key, const struct node *n, const char *path)
{
	int64_t value = 0;

	(void)node_is_int(node_path(n, path), &value);
	ipc_add_int(out, key, value);
}

/* Made by hand with `compose run`; Compose writes "True", as Python did. */
static bool is_oneoff(const struct node *labels)
{
	const char *text = node_str(node_get(labels, CONTAINERS_LABEL "oneoff"));

	return text && (*text == 'T' || *text == 't');
}

/* The beginning of why it could not be started. */
static void add_error(struct buf *out, const struct node *state)
{
	_free_ char *text = xstrndup(text_at(state, "Error"), ERROR_TEXT);

	ipc_add_str(out, "error", text);
}

/* The end of what its last health check said. */
static void add_health(struct buf *out, const struct node *health)
{
	const struct node *log = node_get(health, "Log");
	const char *said = log && log->kind == NODE_LIST && log->n > 0
				   ? text_at(log->items[log->n - 1], "Output")
				   : "";
	size_t n = strlen(said);

	/* none: it has no health check. */
	ipc_add_str(out, "health", health ? text_at(health, "Status") : "none");
	ipc_add_str(out, "health_text", n > HEALTH_TEXT ? said + n - HEALTH_TEXT : said);
}

static void add_container(struct buf *out, const struct node *c)
{
	const struct node *labels = node_path(c, "Config.Labels");
	const struct node *state = node_get(c, "State"), *health = node_get(state, "Health");
	const char *name = text_at(c, "Name");
	_buf_ json = BUF_INIT;
	bool oom = false;

	ipc_begin(&json);
	ipc_add_str(&json, "id", text_at(c, "Id"));
	ipc_add_str(&json, "name", name + (*name == '/'));
	ipc_add_str(&json, "service", node_str(node_get(labels, CONTAINERS_LABEL "service")));
	ipc_add_str(&json, "state", text_at(state, "Status"));
	add_health(&json, health && !node_is_null(health) ? health : NULL);
	add_number(&json, "exit_code", state, "ExitCode");
	add_number(&json, "restarts", c, "RestartCount");
	(void)node_is_bool(node_get(state, "OOMKilled"), &oom);
	ipc_add_bool(&json, "oom", oom);
	add_error(&json, state);
	ipc_add_str(&json, "started", text_at(state, "StartedAt"));
	ipc_add_str(&json, "finished", text_at(state, "FinishedAt"));
	ipc_add_str(&json, "restart_policy", text_at(c, "HostConfig.RestartPolicy.Name"));
	ipc_add_str(&json, "image", text_at(c, "Image"));
	ipc_add_str(&json, "image_reference", text_at(c, "Config.Image"));
	ipc_add_str(&json, "hash", node_str(node_get(labels, CONTAINERS_LABEL "config-hash")));
	ipc_add_bool(&json, "oneoff", is_oneoff(labels));
	ipc_end(&json);
	if (out->len > 0)
		buf_addc(out, ',');
	buf_adds(out, buf_str(&json));
}

static int run_ps(struct call *c, struct error *e)
{
	const struct container_args *args = c->args;
	_buf_ list = BUF_INIT;
	_buf_ json = BUF_INIT;
	struct node *doc;
	int r = containers_of(c, args->project, &doc, e);

	if (r < 0)
		return r;
	for (size_t i = 0; doc && i < doc->n; i++)
		add_container(&list, doc->items[i]);
	buf_printf(&json, "[%s]", buf_str(&list));
	ipc_add(c->reply.json, "containers", buf_str(&json));
	return 0;
}

static int run_logs(struct call *c, struct error *e)
{
	const struct container_args *args = c->args;
	_free_ char *lines =
		xasprintf("%lld", (long long)MIN(args->lines ? args->lines : 200, LOG_LINES));
	_free_ struct args *a = xcalloc(1, sizeof *a);
	_buf_ err = BUF_INIT;
	/* Both streams of the container, as they came, in one: out NULL, and err keeps the end. */
	struct process p = { .err = &err, .timeout_ms = 60000 };
	int r = docker_ours(c, args->container, e), fd;

	if (r < 0)
		return r;
	args_set(a, "docker", "container", "logs", "--timestamps", "--tail", lines, args->container,
		NULL);
	r = program_run(c->b, a, &p, e);
	if (r != 0)
		return r < 0 ? r : docker_failed("cannot read the logs", buf_str(&err), e);
	fd = ipc_memfd(buf_str(&err), err.len);
	if (fd < 0)
		return error_errno(e, fd, "cannot keep the logs");
	call_give(c, fd);
	return 0;
}

static int run_stop(struct call *c, struct error *e)
{
	const struct container_args *args = c->args;
	_free_ char *seconds = xasprintf("%lld", (long long)args->timeout);
	_free_ struct args *a = xcalloc(1, sizeof *a);
	int r = docker_ours(c, args->container, e);

	if (r < 0)
		return r;
	args_set(a, "docker", "container", "stop", NULL);
	/* Else it is the container's own, Compose's stop_grace_period. */
	if (args->timeout > 0) {
		args_add(a, "--time");
		args_add(a, seconds);
	}
	args_add(a, args->container);
	return docker_run(c->b, a, "cannot stop the container", STOP_SECONDS, NULL, e);
}

static int run_start(struct call *c, struct error *e)
{
	const struct container_args *args = c->args;
	_free_ struct args *a = xcalloc(1, sizeof *a);
	int r = docker_ours(c, args->container, e);

	if (r < 0)
		return r;
	args_set(a, "docker", "container", "start", args->container, NULL);
	return docker_run(c->b, a, "cannot start the container", 120, NULL, e);
}

static int run_remove(struct call *c, struct error *e)
{
	const struct container_args *args = c->args;
	_free_ struct args *a = xcalloc(1, sizeof *a);
	int r = docker_ours(c, args->container, e);

	if (r < 0)
		return r;
	args_set(a, "docker", "container", "rm", "--force", args->container, NULL);
	/* What Compose made may hand its nameless volumes on; a throw-away one has nobody to. */
	if (strncmp(args->container, THROWAWAY, strlen(THROWAWAY)) == 0)
		args_add(a, "--volumes");
	return docker_run(c->b, a, "cannot remove the container", 120, NULL, e);
}

/* An absolute path of the label kbuild.drain; the application's own choice, inside its own container. */
static const char *drain_path(const struct node *doc)
{
	const struct node *one = doc->kind == NODE_LIST && doc->n == 1 ? doc->items[0] : NULL;
	const char *path = node_str(node_get(node_path(one, "Config.Labels"), "kbuild.drain"));

	return path && *path == '/' && shape_path.ok(path + 1) ? path : NULL;
}

/* Copied in, not run: an image need not have a shell. */
static int run_drain(struct call *c, struct error *e)
{
	const struct container_args *args = c->args;
	_free_ char *empty = xasprintf("%s/empty", c->b->state);
	_free_ struct args *a = xcalloc(1, sizeof *a);
	_free_ char *to = NULL;
	struct node *doc = NULL;
	const char *path;
	int r = docker_ours(c, args->container, e);

	if (r < 0)
		return r;
	args_set(a, "docker", "container", "inspect", args->container, NULL);
	r = docker_json(c->b, a, "cannot look at the container", c->q->arena, &doc, e);
	if (r < 0)
		return r;
	path = drain_path(doc);
	if (!path)
		return error_set(e, ERR_INVALID,
			"the container %s has no label kbuild.drain with an absolute path",
			args->container);
	r = file_replace(AT_FDCWD, empty, "", 0, 0644);
	if (r < 0)
		return error_errno(e, r, "cannot write %s", empty);
	to = xasprintf("%s:%s", args->container, path);
	args_set(a, "docker", "container", "cp", "--quiet", empty, to, NULL);
	return docker_run(c->b, a, "cannot drain the container", 60, NULL, e);
}

/* How full the file system is that path is on. */
static int add_room(struct buf *json, const char *path, struct error *e)
{
	struct statvfs s;
	struct stat st;

	if (statvfs(path, &s) < 0 || stat(path, &st) < 0)
		return error_errno(e, errno, "cannot look at %s", path);
	ipc_add_int(json, "free", (int64_t)(s.f_bavail * s.f_frsize));
	ipc_add_int(json, "size", (int64_t)(s.f_blocks * s.f_frsize));
	/* Not size - free: that is less by what is kept for root. */
	ipc_add_int(json, "used", (int64_t)((s.f_blocks - s.f_bfree) * s.f_frsize));
	ipc_add_int(json, "inodes", (int64_t)s.f_files);
	ipc_add_int(json, "inodes_free", (int64_t)s.f_favail);
	/* The same number means the same file system, in every process. */
	ipc_add_int(json, "device", (int64_t)st.st_dev);
	ipc_add_str(json, "path", path);
	return 0;
}

/* Of images, and of volumes, which may have a disk of their own (volume_units.h). */
static int run_disk(struct call *c, struct error *e)
{
	_free_ char *volumes = NULL;
	_free_ char *root = NULL;
	_buf_ json = BUF_INIT;
	int r = docker_root(c->b, &root, e);

	if (r >= 0)
		r = add_room(c->reply.json, root, e);
	if (r < 0)
		return r;
	volumes = xasprintf("%s/volumes", root);
	ipc_begin(&json);
	/* What is not there yet will come to lie on the other's. */
	r = add_room(&json, access(volumes, F_OK) < 0 && errno == ENOENT ? root : volumes, e);
	ipc_end(&json);
	if (r >= 0)
		ipc_add(c->reply.json, "volumes", buf_str(&json));
	return r;
}

static const struct field project_fields[] = {
	{ "op" },
	ARG("project", field_shape, project, FIELD_REQUIRED, &shape_project),
	{},
};
static const struct field container_fields[] = {
	{ "op" },
	ARG("container", field_shape, container, FIELD_REQUIRED, &shape_container),
	ARG("lines", field_int, lines, 0, NULL),
	ARG("timeout", field_int, timeout, 0, NULL),
	{},
};
static const struct field no_fields[] = { { "op" }, {} };

#define SIZE sizeof(struct container_args)

const struct op ops_docker[] = {
	{ "ps", project_fields, SIZE, 0, 0, 150, run_ps },
	{ "logs", container_fields, SIZE, 0, 0, 150, run_logs },
	{ "stop", container_fields, SIZE, 0, OP_CHANGES, STOP_SECONDS + 100, run_stop },
	{ "start", container_fields, SIZE, 0, OP_CHANGES, 200, run_start },
	{ "remove", container_fields, SIZE, 0, OP_CHANGES, 200, run_remove },
	{ "drain", container_fields, SIZE, 0, OP_CHANGES, 100, run_drain },
	{ "disk", no_fields, SIZE, 0, 0, 100, run_disk },
	{},
};
