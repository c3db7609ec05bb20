/* See engine.h. The broker is trusted, its answers are still read by tables. */
#include "engine.h"

#include "agent.h"
#include "arena.h"
#include "broker.h"
#include "buf.h"
#include "config.h"
#include "error.h"
#include "ipc.h"
#include "node.h"
#include "plan_table.h"
#include "secretmask.h"
#include "secrets.h"

#include <stdio.h>
#include <string.h>

#define SECOND INT64_C(1000)

/* Each is longer than the broker's own limit for it, so that the broker says what was slow. */
#define RENDER_MS (200 * SECOND)
#define PULL_MS	  (3700 * SECOND)
#define SCALE_MS  (1000 * SECOND)
#define CHANGE_MS (1100 * SECOND)
#define LOOK_MS	  (200 * SECOND)

#define UP_SPARE_MS (100 * SECOND) /* more than the limit that the broker is told */

#define LOGS_MAX (1 * MIB)

/* Compose and the engine quote what they choke on, and that may be a command or an environment with a secret. */
static int mask_error(const struct agent *a, struct error *e)
{
	_cleanup_(mask_freep) struct mask *m = mask_new(a);
	_buf_ text = BUF_INIT;

	buf_adds(&text, e->msg);
	mask_text(m, &text);
	snprintf(e->msg, sizeof e->msg, "%s", buf_str(&text));
	return -e->code;
}

static void begin(struct buf *q, const char *op, const char *key, const char *value)
{
	ipc_begin_op(q, op);
	if (key)
		ipc_add_str(q, key, value);
}

static int call(const struct agent *a, struct buf *q, int64_t timeout_ms, struct ipc_message *ret,
	struct error *e)
{
	int r;

	ipc_end(q);
	r = broker_call(a, q, NULL, 0, timeout_ms, ret, e);
	return r < 0 ? mask_error(a, e) : r;
}

/* For operations whose answer says nothing. */
static int tell(const struct agent *a, struct buf *q, int64_t timeout_ms, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;

	return call(a, q, timeout_ms, &m, e);
}

static int garbled(const char *op, struct error *e)
{
	return error_set(e, ERR_FAILED, "the broker's answer to '%s' cannot be read", op);
}

/* The application's secrets as a file in memory, for the broker alone. -1: it has none. */
static int give_secrets(const struct agent *a, int *ret, struct error *e)
{
	_buf_ env = BUF_INIT;
	int r = a->config->secrets.env ? secrets_env(a, &env, e) : SECRETS_NONE;

	*ret = -1;
	if (r != 0)
		return r < 0 ? r : 0;
	*ret = ipc_memfd(buf_str(&env), env.len);
	if (env.data)
		explicit_bzero(env.data, env.len);
	return *ret < 0 ? error_errno(e, *ret, "cannot hand over the secrets") : 0;
}

int engine_render(const struct agent *a, const char *sha, struct arena *arena,
	const char **ret_plan, int *ret_doc, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	_close_ int secrets = -1;
	_buf_ q = BUF_INIT;
	const char *plan;
	int r = give_secrets(a, &secrets, e);

	if (r < 0)
		return r;
	begin(&q, "render", "release", sha);
	ipc_add_str(&q, "compose", a->config->app.compose);
	ipc_add_str(&q, "project", a->config->app.project);
	if (secrets >= 0)
		ipc_add_str(&q, "env", a->config->secrets.env);
	ipc_end(&q);
	r = broker_call(a, &q, &secrets, secrets >= 0, RENDER_MS, &m, e);
	if (r < 0)
		return mask_error(a, e);
	plan = node_str(node_get(m.doc, "plan"));
	if (!plan || m.n_fds != 1)
		return garbled("render", e);
	*ret_plan = arena_strdup(arena, plan);
	*ret_doc = TAKE_FD(m.fds[0]);
	return 0;
}

/* Services and the images they are to have, in two lists of the same length. */
static void add_images(struct buf *q, const struct plan *as, struct arena *arena)
{
	const char **services = arena_alloc(arena, (as->n + 1) * sizeof *services);
	const char **images = arena_alloc(arena, (as->n + 1) * sizeof *images);
	size_t n = 0;

	for (size_t i = 0; i < as->n; i++) {
		if (!as->services[i].image)
			continue;
		services[n] = as->services[i].name;
		images[n++] = as->services[i].image;
	}
	ipc_add_strs(q, "services", services);
	ipc_add_strs(q, "images", images);
}

int engine_pull(const struct agent *a, const char *plan, const struct plan *as, struct arena *arena,
	const char **ret_plan, const struct node **ret_services, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	_buf_ q = BUF_INIT;
	const struct node *services;
	const char *pinned;
	int r;

	begin(&q, "pull", "plan", plan);
	/* Images that were baked are here, and nowhere else. */
	ipc_add_bool(&q, "missing", a->config->app.bake_images);
	if (as && as->n > 0)
		add_images(&q, as, arena);
	r = call(a, &q, PULL_MS, &m, e);
	if (r < 0)
		return r;
	pinned = node_str(node_get(m.doc, "plan"));
	services = node_get(m.doc, "services");
	if (!pinned || !services || services->kind != NODE_MAP)
		return garbled("pull", e);
	*ret_plan = arena_strdup(arena, pinned);
	*ret_services = node_copy(arena, services);
	return 0;
}

int engine_up(const struct agent *a, const char *plan, const char *const *services, struct error *e)
{
	int64_t seconds = (int64_t)MIN(a->config->app.timeout, APP_TIMEOUT_MAX);
	_buf_ q = BUF_INIT;

	/* An application that is well within a minute may have an engine that takes ten. */
	seconds = MAX(seconds, APP_UP_MIN);
	begin(&q, "up", "plan", plan);
	ipc_add_strs(&q, "services", services);
	ipc_add_int(&q, "seconds", seconds);
	return tell(a, &q, seconds * SECOND + UP_SPARE_MS, e);
}

bool engine_timed_out(const struct error *e)
{
	return strstr(e->msg, " timed out after ") != NULL;
}

static const char *text(struct arena *arena, const struct node *n, const char *key)
{
	const char *s = node_str(node_get(n, key));

	return s ? arena_strdup(arena, s) : "";
}

/* What strangers wrote: a health check that fails may print the address with the password in it. */
static const char *masked(
	const struct mask *m, struct arena *arena, const struct node *n, const char *key)
{
	_buf_ clean = BUF_INIT;

	buf_adds(&clean, text(arena, n, key));
	mask_text(m, &clean);
	return arena_strdup(arena, buf_str(&clean));
}

static void read_container(
	const struct mask *m, struct arena *arena, const struct node *n, struct container *ret)
{
	*ret = (struct container){
		.id = text(arena, n, "id"),
		.name = text(arena, n, "name"),
		.service = text(arena, n, "service"),
		.state = text(arena, n, "state"),
		.health = text(arena, n, "health"),
		.health_text = masked(m, arena, n, "health_text"),
		.image = text(arena, n, "image"),
		.config = text(arena, n, "hash"),
		.policy = text(arena, n, "restart_policy"),
		.error = masked(m, arena, n, "error"),
	};
	(void)node_is_int(node_get(n, "exit_code"), &ret->exit_code);
	(void)node_is_int(node_get(n, "restarts"), &ret->restarts);
	(void)node_is_bool(node_get(n, "oom"), &ret->oom);
	(void)node_is_bool(node_get(n, "oneoff"), &ret->oneoff);
}

int engine_ps(const struct agent *a, struct arena *arena, struct containers *ret, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	_cleanup_(mask_freep) struct mask *secrets = mask_new(a);
	_buf_ q = BUF_INIT;
	const struct node *list;
	int r;

	begin(&q, "ps", "project", a->config->app.project);
	r = call(a, &q, LOOK_MS, &m, e);
	if (r < 0)
		return r;
	list = node_get(m.doc, "containers");
	if (!list || list->kind != NODE_LIST)
		return garbled("ps", e);
	ret->v = arena_alloc(arena, (list->n + 1) * sizeof *ret->v);
	ret->n = 0;
	for (size_t i = 0; i < list->n; i++) {
		struct container *c = &ret->v[ret->n];

		read_container(secrets, arena, list->items[i], c);
		/* What somebody runs by hand with `compose run` is no part of the application. */
		ret->n += !c->oneoff;
	}
	return 0;
}

int engine_logs(const struct agent *a, const char *container, int64_t lines, struct buf *ret,
	struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	_buf_ q = BUF_INIT;
	int r;

	begin(&q, "logs", "container", container);
	ipc_add_int(&q, "lines", lines);
	r = call(a, &q, LOOK_MS, &m, e);
	if (r < 0)
		return r;
	if (m.n_fds != 1)
		return garbled("logs", e);
	r = ipc_read_fd(m.fds[0], LOGS_MAX, ret);
	return r < 0 ? error_errno(e, r, "cannot read the logs of %s", container) : 0;
}

static int change(const struct agent *a, const char *op, const char *container, struct error *e)
{
	_buf_ q = BUF_INIT;

	begin(&q, op, "container", container);
	return tell(a, &q, CHANGE_MS, e);
}

int engine_stop(const struct agent *a, const char *container, struct error *e)
{
	return change(a, "stop", container, e);
}

int engine_start(const struct agent *a, const char *container, struct error *e)
{
	return change(a, "start", container, e);
}

int engine_remove(const struct agent *a, const char *container, struct error *e)
{
	return change(a, "remove", container, e);
}

int engine_drain(const struct agent *a, const char *container, struct error *e)
{
	return change(a, "drain", container, e);
}

int engine_disk(const struct agent *a, uint64_t *ret_free, uint64_t *ret_size, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	_buf_ q = BUF_INIT;
	int64_t left, size;
	int r;

	begin(&q, "disk", NULL, NULL);
	r = call(a, &q, LOOK_MS, &m, e);
	if (r < 0)
		return r;
	if (!node_is_int(node_get(m.doc, "free"), &left) ||
		!node_is_int(node_get(m.doc, "size"), &size) || left < 0 || size < 0)
		return garbled("disk", e);
	*ret_free = (uint64_t)left;
	*ret_size = (uint64_t)size;
	return 0;
}

int engine_scale(const struct agent *a, const char *plan, const char *service, int64_t replicas,
	struct error *e)
{
	_buf_ q = BUF_INIT;

	begin(&q, "scale", "plan", plan);
	ipc_add_str(&q, "service", service);
	ipc_add_int(&q, "replicas", replicas);
	return tell(a, &q, SCALE_MS, e);
}

int engine_prune(const struct agent *a, const char *const *digests, const char *const *plans,
	struct error *e)
{
	_buf_ q = BUF_INIT;

	begin(&q, "prune", NULL, NULL);
	ipc_add_strs(&q, "keep", digests);
	ipc_add_strs(&q, "plans", plans);
	return tell(a, &q, CHANGE_MS, e);
}
