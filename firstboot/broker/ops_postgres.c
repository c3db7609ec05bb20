/*
 * PostgreSQL, by the programs in its own container, so that versions always fit. Names of databases and
 * users are of a shape in which libpq sees no connection string; SQL is one of a list, and goes to
 * psql's standard input, as do passwords: nothing of either is seen in a list of processes.
 */
#include "ops.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "clock.h"
#include "error.h"
#include "json.h"
#include "node.h"
#include "pg_program.h"
#include "postgres.h"
#include "process.h"
#include "program.h"
#include "schema.h"
#include "shape.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WORK_SECONDS	  (INT64_C(12) * 3600) /* dumping, or restoring, what grew in years */
#define LIST_MAX	  (16 * MIB)
#define READY_MS	  90000
#define FORGOTTEN_SECONDS (6 * 3600L)

struct dump_kind {
	const char *kind, *program, *option[3];
	bool database;
};

/* -Z0: who asks compresses all of it, and better. */
static const struct dump_kind dump_kinds[] = {
	{ "custom", "pg_dump", { "--format=custom", "--compress=0" }, true },
	{ "plain", "pg_dump", { "--format=plain" }, true },
	{ "globals", "pg_dumpall", { "--globals-only" }, false },
	{ "all", "pg_dumpall", { NULL }, false },
	{},
};

/* Answers twice: first the stream, then how it ended. */
static int run_dump(struct call *c, struct error *e)
{
	const struct pg_args *args = c->args;
	const struct dump_kind *k = dump_kinds;
	_free_ struct args *a = xcalloc(1, sizeof *a);
	_close_ int out = -1;
	_buf_ err = BUF_INIT;
	struct process p = { .err = &err };
	int fds[2], r = docker_ours(c, args->container, e);

	while (k->kind && strcmp(k->kind, args->kind) != 0)
		k++;
	if (r >= 0 && k->database && !args->database)
		r = error_set(e, ERR_USAGE, "pg-dump: 'database' is missing");
	if (r < 0)
		return r;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_errno(e, errno, "cannot make a pipe");
	out = fds[1];
	call_give(c, fds[0]);
	r = call_reply(c, e);
	if (r < 0)
		return r;
	pg_program_args(a, args, false, k->program, k->database);
	args_adds(a, k->option);
	p.out_fd = out;
	r = program_run(c->b, a, &p, e);
	return r > 0 ? pg_failed("the dump failed", r, &err, e) : r;
}

struct restore_kind {
	const char *kind, *program, *option[5];
	bool database;
};

static const struct restore_kind restore_kinds[] = {
	{ "custom", "pg_restore", { "--exit-on-error" }, true },
	{ "plain", "psql", { "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1" }, true },
	{ "globals", "psql", { "--no-psqlrc", "--quiet" }, true },
	{ "list", "pg_restore", { "--list" }, false },
	{},
};

/* psql without ON_ERROR_STOP ends well whatever happened: what it said is judged line by line. */
static int judge_globals(const struct buf *err, struct error *e)
{
	for (const char *p = buf_str(err); *p; p += strcspn(p, "\n"), p += *p == '\n') {
		size_t n = strcspn(p, "\n");

		if (!memmem(p, n, "ERROR:", 6) && !memmem(p, n, "FATAL:", 6))
			continue;
		if (!memmem(p, n, "already exists", 14))
			return error_set(e, ERR_FAILED, "restoring the roles: %.*s",
				(int)MIN(n, (size_t)500), p);
	}
	return 0;
}

static int give_list(struct call *c, const struct buf *out, struct error *e)
{
	int fd = ipc_memfd(buf_str(out), out->len);

	if (fd < 0)
		return error_errno(e, fd, "cannot keep the list");
	call_give(c, fd);
	return 0;
}

/* It asks no server and knows neither user nor database. */
static int run_list(struct call *c, const struct pg_args *args, const struct restore_kind *k,
	struct process *p, struct error *e)
{
	_free_ struct args *a = xcalloc(1, sizeof *a);

	args_set(a, "docker", "container", "exec", "--interactive", args->container, k->program,
		NULL);
	args_adds(a, k->option);
	return program_run(c->b, a, p, e);
}

static int run_restore(struct call *c, struct error *e)
{
	const struct pg_args *args = c->args;
	const struct restore_kind *k = restore_kinds;
	_buf_ out = BUF_INIT;
	_buf_ err = BUF_INIT;
	struct process p = { .out = &out, .out_max = LIST_MAX, .err = &err };
	int r = docker_ours(c, args->container, e);

	while (k->kind && strcmp(k->kind, args->kind) != 0)
		k++;
	if (r >= 0 && call_fd(c, 0) < 0)
		r = error_set(
			e, ERR_USAGE, "pg-restore: what to restore must come with the request");
	if (r < 0)
		return r;
	p.in_fd = call_fd(c, 0);
	r = k->database ? pg_program_run(c, args, k->program, k->option, &p, e)
			: run_list(c, args, k, &p, e);
	if (r > 0)
		return pg_failed("the restore failed", r, &err, e);
	if (r == 0 && strcmp(k->kind, "globals") == 0)
		return judge_globals(&err, e);
	return r == 0 && strcmp(k->kind, "list") == 0 ? give_list(c, &out, e) : r;
}

/* The rows are JSON, made by the server: {"rows": …} where there are few, a descriptor for any. */
static int give_rows(
	struct call *c, const struct pg_query *q, const struct buf *out, struct error *e)
{
	_buf_ again = BUF_INIT;
	struct node *doc;
	int r;

	if (!q->rows)
		return 0;
	r = json_parse(&doc, c->q->arena, "the database's answer", buf_str(out), out->len, e);
	if (r < 0)
		return r;
	if (q->large)
		return give_list(c, out, e);
	node_write_json(doc, 0, &again);
	ipc_add(c->reply.json, "rows", buf_str(&again));
	return 0;
}

static int run_query(struct call *c, struct error *e)
{
	const struct pg_args *args = c->args;
	const struct pg_query *q = pg_query_find(args->query);
	static const char *const options[] = { "--no-psqlrc", "--quiet", "--tuples-only",
		"--no-align", NULL };
	_free_ char *what = xasprintf("the query '%s' failed", args->query);
	/* Where a database is the object, psql is connected to another one. */
	const struct pg_args where = {
		.container = args->container,
		.user = args->user,
		.database = pg_query_home(q, args->database, args->to),
	};
	_buf_ secret = BUF_INIT;
	_buf_ sql = BUF_INIT;
	_buf_ out = BUF_INIT;
	_buf_ err = BUF_INIT;
	struct process p = { .out = &out, .out_max = LIST_MAX, .err = &err, .timeout_ms = 300000 };
	int r = docker_ours(c, args->container, e);

	if (r >= 0 && q->secret && call_fd(c, 0) < 0)
		r = error_set(e, ERR_USAGE, "pg-query: the password must come with the request");
	if (r >= 0 && q->secret) {
		r = ipc_read_fd(call_fd(c, 0), 4096, &secret);
		if (r < 0)
			return error_errno(e, r, "cannot read the password");
	}
	if (r >= 0)
		r = pg_query_sql(q, args->database, args->to, q->secret ? &secret : NULL, &sql, e);
	if (r < 0)
		return r;
	p.input = buf_str(&sql);
	p.input_len = sql.len;
	r = pg_program_run(c, &where, "psql", options, &p, e);
	explicit_bzero(sql.data, sql.len);
	if (secret.len)
		explicit_bzero(secret.data, secret.len);
	if (r > 0) {
		r = pg_failed(what, r, &err, e);
		return q->transient ? error_transient(e) : r;
	}
	return r < 0 ? r : give_rows(c, q, &out, e);
}

/* Removes test servers that nobody came back for. Failing to is not what was asked. */
static void remove_forgotten(struct call *c)
{
	_free_ struct args *a = xcalloc(1, sizeof *a);
	struct error ignored = { 0 };
	_buf_ names = BUF_INIT;
	char *save = NULL;

	args_set(a, "docker", "container", "ls", "--all", "--filter", "label=" THROWAWAY_LABEL,
		"--format", "{{.Names}}", NULL);
	if (docker_run(c->b, a, "", 60, &names, &ignored) < 0 || names.len == 0)
		return;
	for (char *name = strtok_r(names.data, "\n", &save); name;
		name = strtok_r(NULL, "\n", &save)) {
		const char *dash = strrchr(name, '-');

		if (!dash || atoll(dash + 1) > time(NULL) - FORGOTTEN_SECONDS)
			continue;
		args_set(a, "docker", "container", "rm", "--force", "--volumes", name, NULL);
		(void)docker_run(c->b, a, "", 120, NULL, &ignored);
	}
}

/* By TCP: while an image sets its database up, the server listens at its socket only. */
static int wait_ready(struct call *c, const char *name, struct error *e)
{
	_free_ struct args *a = xcalloc(1, sizeof *a);
	int64_t end = clock_now_ms(&clock_real) + READY_MS;
	int r = -1;

	args_set(a, "docker", "container", "exec", name, "pg_isready", "--quiet", "--host",
		"127.0.0.1", NULL);
	while (r != 0) {
		_buf_ err = BUF_INIT;
		struct process p = { .err = &err, .timeout_ms = 20000 };

		r = program_run(c->b, a, &p, e);
		if (r < 0)
			return r;
		/* 1 and 2: it does not accept connections, it does not answer. */
		if (r > 2)
			return docker_failed(
				"the server for a test restore has ended", buf_str(&err), e);
		if (r > 0 && clock_now_ms(&clock_real) > end)
			return error_set(e, ERR_FAILED,
				"the server for a test restore did not start in a minute and a half");
		if (r > 0 && clock_sleep_ms(&clock_real, 300) < 0)
			return error_set(e, ERR_INTERRUPTED, "interrupted");
	}
	return 0;
}

/*
 * A server for a test restore: the image that the real one has, no network, bounded memory, its data in
 * a volume that goes with it.
 */
static int run_throwaway(struct call *c, struct error *e)
{
	const struct pg_args *args = c->args;
	_free_ struct args *a = xcalloc(1, sizeof *a);
	_free_ char *name = xasprintf(THROWAWAY "%d-%lld", (int)getpid(), (long long)time(NULL));
	struct error ignored = { 0 };
	int r;

	remove_forgotten(c);
	args_set(a, "docker", "container", "run", "--detach", "--pull=never", "--name", name,
		"--label", THROWAWAY_LABEL "=1", "--network=none", "--memory=1g",
		"--pids-limit=200", "--security-opt=no-new-privileges", "--env",
		"POSTGRES_HOST_AUTH_METHOD=trust", "--env", "POSTGRES_USER=postgres", args->image,
		NULL);
	r = docker_run(c->b, a, "cannot start a server for a test restore", 120, NULL, e);
	if (r >= 0)
		r = wait_ready(c, name, e);
	if (r < 0) {
		args_set(a, "docker", "container", "rm", "--force", "--volumes", name, NULL);
		(void)docker_run(c->b, a, "", 120, NULL, &ignored);
		return r;
	}
	ipc_add_str(c->reply.json, "container", name);
	ipc_add_str(c->reply.json, "user", "postgres");
	return 0;
}

static const char *const dump_words[] = { "custom", "plain", "globals", "all", NULL };
static const char *const restore_words[] = { "custom", "plain", "globals", "list", NULL };

#define ARG(key, parse, member, flags, arg)                                                        \
	{                                                                                          \
		key, parse, offsetof(struct pg_args, member), flags, arg                           \
	}
#define SERVER                                                                                     \
	{ "op" }, ARG("container", field_shape, container, FIELD_REQUIRED, &shape_container),      \
		ARG("user", field_shape, user, FIELD_REQUIRED, &shape_user),                       \
		ARG("database", field_shape, database, 0, &shape_database)

static const struct field dump_fields[] = {
	SERVER,
	ARG("kind", field_word, kind, FIELD_REQUIRED, dump_words),
	{},
};
static const struct field restore_fields[] = {
	SERVER,
	ARG("kind", field_word, kind, FIELD_REQUIRED, restore_words),
	{},
};
static const struct field query_fields[] = {
	SERVER,
	ARG("query", field_word, query, FIELD_REQUIRED, pg_query_words),
	ARG("to", field_shape, to, 0, &shape_database),
	{},
};
static const struct field throwaway_fields[] = {
	{ "op" },
	ARG("image", field_shape, image, FIELD_REQUIRED, &shape_image),
	{},
};

#define SIZE sizeof(struct pg_args)

const struct op ops_postgres[] = {
	{ "pg-dump", dump_fields, SIZE, 0, 0, WORK_SECONDS, run_dump },
	{ "pg-restore", restore_fields, SIZE, 1, 0, WORK_SECONDS, run_restore },
	{ "pg-query", query_fields, SIZE, 1, 0, 600, run_query },
	{ "pg-throwaway", throwaway_fields, SIZE, 0, OP_CHANGES, 300, run_throwaway },
	{},
};
