/* The programs of PostgreSQL in their container: how they are called, and what is the matter when they fail. */
#pragma once

#include "base.h"

struct args;
struct buf;
struct call;
struct error;
struct process;

struct pg_args {
	const char *container, *user, *database, *kind, *query, *to, *image;
};

/*
 * docker exec [--interactive] CONTAINER PROGRAM --username USER [--dbname DATABASE]. What writes (and so reads its
 * input) may not be bound by settings that a database has for its application; they rank below PGOPTIONS. Dumps
 * hold intervals in PostgreSQL's own style.
 */
void pg_program_args(
	struct args *a, const struct pg_args *args, bool input, const char *program, bool database);
/*
 * Runs one that reads its input, as program_run(); p->err must be set. Without args->database it is connected to
 * PG_HOME, and psql to PG_HOME_SPARE where nobody can connect to that.
 */
int pg_program_run(struct call *c, const struct pg_args *args, const char *program,
	const char *const *options, struct process *p, struct error *e);
/* The first complaint of PostgreSQL is the reason; where there is none, it is docker that speaks. */
int pg_failed(const char *what, int status, const struct buf *err, struct error *e);
