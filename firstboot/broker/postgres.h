/*
 * The queries that the broker may put to a database: a list. What is not a word of ours in them is
 * quoted, once, here. Pure.
 */
#pragma once

#include "base.h"

struct buf;
struct error;

struct pg_query {
	const char *word;
	bool inside;	/* asked inside the database; else it is what the query is about */
	bool object;	/* needs a database (alter-role: the role) */
	bool to;	/* needs a second name */
	bool secret;	/* needs a password */
	bool rows;	/* answers, as one JSON list */
	bool large;	/* of any length: given as a descriptor */
	bool transient; /* failing may pass: the server starts, somebody is connected */
	/* %I: the object, or the database; %L: as a literal; %T: to, %M as a literal; %S: the secret */
	const char *sql;
};

/*
 * What psql is connected to while it works on databases. Some have no "postgres" any more, or keep their own
 * tables in it, so that it is dumped and renamed like any other.
 */
#define PG_HOME	      "postgres"
#define PG_HOME_SPARE "template1"
extern const char *const pg_query_words[]; /* NULL-terminated, for field_word() */

/* NULL when there is none. */
const struct pg_query *pg_query_find(const char *word);

/* What psql must be connected to; NULL: PG_HOME, or else the spare one. Nobody can rename what he is connected to. */
const char *pg_query_home(const struct pg_query *q, const char *object, const char *to);

/*
 * The text for psql's standard input. ERR_USAGE when something it needs is missing, or a password holds
 * what no password should.
 */
int pg_query_sql(const struct pg_query *q, const char *object, const char *to,
	const struct buf *secret, struct buf *ret, struct error *e);
