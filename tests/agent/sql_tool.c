/*
 * What the broker would have psql do, on standard output: sql_tool QUERY DATABASE [TO]. The first line is the
 * database that psql must be connected to, or empty.
 */
#include "buf.h"
#include "error.h"
#include "postgres.h"

#include <stdio.h>

int main(int argc, char **argv)
{
	const struct pg_query *q = argc >= 3 ? pg_query_find(argv[1]) : NULL;
	struct error e = { 0 };
	_buf_ sql = BUF_INIT;
	const char *home;

	if (!q || pg_query_sql(q, argv[2], argv[3], NULL, &sql, &e) < 0) {
		fprintf(stderr, "sql_tool: %s\n", q ? e.msg : "QUERY DATABASE [TO]");
		return 2;
	}
	home = pg_query_home(q, argv[2], argv[3]);
	printf("%s\n%s", home ? home : "", buf_str(&sql));
	return 0;
}
