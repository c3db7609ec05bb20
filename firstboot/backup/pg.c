/* See pg.h. */
#include "pg.h"

#include "agent.h"
#include "arena.h"
#include "broker.h"
#include "buf.h"
#include "config.h"
#include "error.h"
#include "ipc.h"
#include "node.h"

#include <string.h>

#define BEGIN_MS  (INT64_C(2) * 60 * 1000) /* docker exec on a busy server */
#define QUERY_MS  (INT64_C(5) * 60 * 1000) /* create-db waits for who uses the template */
#define CHANGE_MS (INT64_C(2) * 3600 * 1000)
#define WORK_MS	  (INT64_C(12) * 3600 * 1000) /* restoring what took a night to grow */
#define END_MS	  (INT64_C(60) * 1000)	      /* the pipe is closed: the program ends */

void pg_stream_close(struct pg_stream *s)
{
	closep(&s->fd);
	closep(&s->sock);
	*s = (struct pg_stream)PG_STREAM_INIT;
}

int pg_stream_end(struct pg_stream *s, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	int r;

	closep(&s->fd);
	s->fd = -1;
	r = ipc_answer(s->sock, END_MS, &m, e);
	pg_stream_close(s);
	return r;
}

static int open_stream(
	const struct agent *a, const struct buf *request, struct pg_stream *ret, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	_close_ int sock = -1;
	bool absent = false;
	int r = broker_open(a, request, NULL, 0, &sock, e);

	if (r >= 0)
		r = ipc_answer(sock, BEGIN_MS, &m, e);
	if (r < 0)
		return r;
	if (node_is_bool(node_get(m.doc, "absent"), &absent) && absent)
		return VOLUME_ABSENT;
	if (m.n_fds != 1)
		return error_set(e, ERR_FAILED, "the broker gave no stream");
	ret->fd = TAKE_FD(m.fds[0]);
	ret->sock = TAKE_FD(sock);
	return 0;
}

static void begin(const struct pg *p, const char *op, struct buf *request)
{
	ipc_begin_op(request, op);
	ipc_add_str(request, "container", p->container);
	ipc_add_str(request, "user", p->user);
}

int pg_dump(const struct pg *p, const char *kind, const char *database, struct pg_stream *ret,
	struct error *e)
{
	_buf_ request = BUF_INIT;

	begin(p, "pg-dump", &request);
	if (database)
		ipc_add_str(&request, "database", database);
	ipc_add_str(&request, "kind", kind);
	ipc_end(&request);
	return open_stream(p->agent, &request, ret, e);
}

int volume_tar(const struct agent *a, const char *volume, const char *path, struct pg_stream *ret,
	struct error *e)
{
	_buf_ request = BUF_INIT;

	ipc_begin_op(&request, "volume-tar");
	ipc_add_str(&request, volume ? "volume" : "path", volume ? volume : path);
	ipc_end(&request);
	return open_stream(a, &request, ret, e);
}

int pg_restore_begin(const struct pg *p, const char *kind, const char *database, int fd,
	int *ret_sock, struct error *e)
{
	_buf_ request = BUF_INIT;

	begin(p, "pg-restore", &request);
	if (database)
		ipc_add_str(&request, "database", database);
	ipc_add_str(&request, "kind", kind);
	ipc_end(&request);
	return broker_open(p->agent, &request, &fd, 1, ret_sock, e);
}

int pg_restore_end(int sock, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	int r = ipc_answer(sock, WORK_MS, &m, e);

	close(sock);
	return r;
}

static void begin_files(
	const char *op, const char *kind, const char *of, const char *id, struct buf *request)
{
	ipc_begin_op(request, op);
	ipc_add_str(request, kind, of);
	ipc_add_str(request, "id", id);
	ipc_end(request);
}

int files_fill_begin(const struct agent *a, const char *kind, const char *of, const char *id,
	int fd, int *ret_sock, struct error *e)
{
	_buf_ request = BUF_INIT;

	begin_files("files-fill", kind, of, id, &request);
	return broker_open(a, &request, &fd, 1, ret_sock, e);
}

int files_look(const struct agent *a, const char *kind, const char *of, const char *id,
	struct files_state *ret, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	_buf_ request = BUF_INIT;
	int r;

	begin_files("files-look", kind, of, id, &request);
	r = broker_call(a, &request, NULL, 0, BEGIN_MS, &m, e);
	*ret = (struct files_state){ 0 };
	if (r >= 0 && (!node_is_bool(node_get(m.doc, "there"), &ret->there) ||
			      !node_is_bool(node_get(m.doc, "waits"), &ret->waits)))
		return error_set(e, ERR_FAILED, "the broker did not say what is there");
	return r;
}

int files_change(const struct agent *a, const char *op, const char *kind, const char *of,
	const char *id, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	_buf_ request = BUF_INIT;

	begin_files(op, kind, of, id, &request);
	/* It waits for who changes something now: a pull may take most of an hour. */
	return broker_call(a, &request, NULL, 0, CHANGE_MS, &m, e);
}

int pg_restore(const struct pg *p, const char *kind, const char *database, int fd, struct error *e)
{
	int sock, r = pg_restore_begin(p, kind, database, fd, &sock, e);

	return r < 0 ? r : pg_restore_end(sock, e);
}

static int query(const struct pg *p, const char *word, const char *name, const char *to,
	struct ipc_message *ret, struct error *e)
{
	_buf_ request = BUF_INIT;

	begin(p, "pg-query", &request);
	ipc_add_str(&request, "query", word);
	if (name)
		ipc_add_str(&request, "database", name);
	if (to)
		ipc_add_str(&request, "to", to);
	ipc_end(&request);
	return broker_call(p->agent, &request, NULL, 0, QUERY_MS, ret, e);
}

static int names(const struct pg *p, const char *word, struct arena *arena, const char ***ret,
	struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	const struct node *rows;
	const char **v;
	int r = query(p, word, NULL, NULL, &m, e);

	if (r < 0)
		return r;
	rows = node_get(m.doc, "rows");
	if (!rows || rows->kind != NODE_LIST)
		return error_set(e, ERR_FAILED, "the broker did not name the databases");
	v = arena_alloc(arena, (rows->n + 1) * sizeof *v);
	for (size_t i = 0; i < rows->n; i++) {
		if (!node_str(rows->items[i]))
			return error_set(e, ERR_FAILED, "the broker gave a database no name");
		v[i] = arena_strdup(arena, node_str(rows->items[i]));
	}
	*ret = v;
	return 0;
}

int pg_databases(const struct pg *p, struct arena *arena, const char ***ret, struct error *e)
{
	return names(p, "databases", arena, ret, e);
}

int pg_all_databases(const struct pg *p, struct arena *arena, const char ***ret, struct error *e)
{
	return names(p, "all-databases", arena, ret, e);
}

int pg_sizes(const struct pg *p, struct arena *arena, const struct pg_size **ret, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	const struct node *rows;
	struct pg_size *v;
	int r = query(p, "sizes", NULL, NULL, &m, e);

	if (r < 0)
		return r;
	rows = node_get(m.doc, "rows");
	if (!rows || rows->kind != NODE_LIST)
		return error_set(e, ERR_FAILED, "the broker did not tell the databases' sizes");
	v = arena_alloc(arena, (rows->n + 1) * sizeof *v);
	for (size_t i = 0; i < rows->n; i++) {
		const char *name = node_str(node_get(rows->items[i], "database"));
		int64_t bytes;

		if (!name || !node_is_int(node_get(rows->items[i], "bytes"), &bytes) || bytes < 0)
			return error_set(e, ERR_FAILED, "the broker gave a database no size");
		v[i] = (struct pg_size){ arena_strdup(arena, name), (uint64_t)bytes };
	}
	v[rows->n] = (struct pg_size){ 0 };
	*ret = v;
	return 0;
}

int pg_disk(const struct agent *a, struct arena *arena, struct pg_disk *ret, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	_buf_ request = BUF_INIT;
	const struct node *volumes;
	int64_t left, device;
	const char *path;
	int r;

	ipc_begin_op(&request, "disk");
	ipc_end(&request);
	r = broker_call(a, &request, NULL, 0, BEGIN_MS, &m, e);
	if (r < 0)
		return r;
	/* Docker's own directory beside it may be on another disk. */
	volumes = node_get(m.doc, "volumes");
	path = node_str(node_get(volumes, "path"));
	if (!path || !node_is_int(node_get(volumes, "free"), &left) || left < 0 ||
		!node_is_int(node_get(volumes, "device"), &device))
		return error_set(e, ERR_FAILED, "the broker did not tell how full the disk is");
	*ret = (struct pg_disk){ arena_strdup(arena, path), (uint64_t)left, (uint64_t)device };
	return 0;
}

static int change(
	const struct pg *p, const char *word, const char *name, const char *to, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;

	return query(p, word, name, to, &m, e);
}

int pg_create(const struct pg *p, const char *name, struct error *e)
{
	return change(p, "create-db", name, NULL, e);
}

int pg_create_like(const struct pg *p, const char *name, const char *model, struct error *e)
{
	return change(p, "create-like", name, model, e);
}

int pg_drop(const struct pg *p, const char *name, struct error *e)
{
	return change(p, "drop-db", name, NULL, e);
}

int pg_rename(const struct pg *p, const char *from, const char *to, struct error *e)
{
	return change(p, "rename-db", from, to, e);
}

int pg_open(const struct pg *p, const char *name, struct error *e)
{
	return change(p, "open-db", name, NULL, e);
}

int pg_throwaway(const struct agent *a, const char *image, struct arena *arena, struct pg *ret,
	struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	const char *container, *user;
	_buf_ request = BUF_INIT;
	int r;

	ipc_begin_op(&request, "pg-throwaway");
	ipc_add_str(&request, "image", image);
	ipc_end(&request);
	r = broker_call(a, &request, NULL, 0, QUERY_MS, &m, e);
	if (r < 0)
		return r;
	container = node_str(node_get(m.doc, "container"));
	user = node_str(node_get(m.doc, "user"));
	if (!container || !user)
		return error_set(e, ERR_FAILED, "the broker did not name the container");
	*ret = (struct pg){ a, arena_strdup(arena, container), arena_strdup(arena, user) };
	return 0;
}

int pg_throwaway_remove(const struct pg *p, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	_buf_ request = BUF_INIT;

	ipc_begin_op(&request, "remove");
	ipc_add_str(&request, "container", p->container);
	ipc_end(&request);
	return broker_call(p->agent, &request, NULL, 0, QUERY_MS, &m, e);
}

const char *pg_image(const struct pg *p, struct arena *arena)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	_buf_ request = BUF_INIT;
	struct error e = { 0 };
	const struct node *list;

	ipc_begin_op(&request, "ps");
	ipc_add_str(&request, "project", p->agent->config->app.project);
	ipc_end(&request);
	if (broker_call(p->agent, &request, NULL, 0, BEGIN_MS, &m, &e) < 0)
		return NULL;
	list = node_get(m.doc, "containers");
	for (size_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++) {
		const char *name = node_str(node_get(list->items[i], "name"));
		const char *image = node_str(node_get(list->items[i], "image"));

		if (name && image && strcmp(name, p->container) == 0)
			return arena_strdup(arena, image);
	}
	return NULL;
}
