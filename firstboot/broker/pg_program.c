/* See pg_program.h. */
#include "pg_program.h"

#include "alloc.h"
#include "buf.h"
#include "error.h"
#include "ops.h"
#include "postgres.h"
#include "process.h"
#include "program.h"

#include <string.h>
#include <unistd.h>

#define PSQL_NO_CONNECTION 2

void pg_program_args(
	struct args *a, const struct pg_args *args, bool input, const char *program, bool database)
{
	args_set(a, "docker", "container", "exec", NULL);
	if (input)
		args_adds(a, (const char *const[]){ "--interactive", "--env",
				     "PGOPTIONS=-c default_transaction_read_only=off "
				     "-c intervalstyle=postgres",
				     NULL });
	args_add(a, args->container);
	args_add(a, program);
	args_add(a, "--username");
	args_add(a, args->user);
	if (database) {
		args_add(a, "--dbname");
		args_add(a, args->database ? args->database : PG_HOME);
	}
	args_add(a, "--no-password");
}

static int run_in(struct call *c, const struct pg_args *args, const char *program,
	const char *const *options, struct process *p, struct error *e)
{
	_free_ struct args *a = xcalloc(1, sizeof *a);

	pg_program_args(a, args, true, program, true);
	args_adds(a, options);
	return program_run(c->b, a, p, e);
}

/* What psql says of its input begins with "psql:<stdin>:". */
static bool never_connected(const char *program, int status, const struct buf *err)
{
	return strcmp(program, "psql") == 0 && status == PSQL_NO_CONNECTION &&
	       strncmp(buf_str(err), "psql: ", 6) == 0;
}

int pg_program_run(struct call *c, const struct pg_args *args, const char *program,
	const char *const *options, struct process *p, struct error *e)
{
	struct pg_args spare = *args;
	/* docker reads what it is given, whether psql does or not. */
	off_t start = p->in_fd > 0 ? lseek(p->in_fd, 0, SEEK_CUR) : 0;
	int r = run_in(c, args, program, options, p, e);

	if (args->database || start < 0 || !never_connected(program, r, p->err))
		return r;
	if (p->in_fd > 0 && lseek(p->in_fd, start, SEEK_SET) < 0)
		return r;
	buf_reset(p->err);
	spare.database = PG_HOME_SPARE;
	return run_in(c, &spare, program, options, p, e);
}

int pg_failed(const char *what, int status, const struct buf *err, struct error *e)
{
	for (const char *p = buf_str(err); *p; p += strcspn(p, "\n"), p += *p == '\n') {
		size_t n = strcspn(p, "\n");

		if (memmem(p, n, "ERROR:", 6) || memmem(p, n, "FATAL:", 6) ||
			memmem(p, n, "error:", 6))
			return error_set(
				e, ERR_FAILED, "%s: %.*s", what, (int)MIN(n, (size_t)800), p);
	}
	if (err->len == 0)
		return error_set(e, ERR_FAILED, "%s: exit status %d", what, status);
	return docker_failed(what, buf_str(err), e);
}
