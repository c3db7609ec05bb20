/* See postgres.h. */
#include "postgres.h"

#include "buf.h"
#include "error.h"

#include <string.h>

/*
 * Ends who is connected and keeps others from coming, while one statement has the database for itself.
 * Should that fail, the database is open again as it was (psql 11's :ERROR).
 */
#define ALONE(statement)                                                                           \
	"UPDATE pg_database SET datallowconn = false WHERE datname = %L;\n"                        \
	"SELECT count(pg_terminate_backend(pid)) AS ended FROM pg_stat_activity "                  \
	"WHERE datname = %L AND pid <> pg_backend_pid() \\gset\n"                                  \
	"\\set ON_ERROR_STOP 0\n" statement                                                        \
	"\\set failed :ERROR\n"                                                                    \
	"\\set ON_ERROR_STOP 1\n"                                                                  \
	"UPDATE pg_database SET datallowconn = true WHERE datname IN (%L, %M);\n"                  \
	"\\if :failed\nDO 'BEGIN RAISE EXCEPTION ''somebody is connected''; END';\n\\endif\n"
/* Neither the server's log nor its list of activity has the password for longer than this. */
#define QUIET                                                                                      \
	"\\set ON_ERROR_STOP 0\n"                                                                  \
	"SET log_statement = 'none';\n"                                                            \
	"SET log_min_duration_statement = -1;\n"                                                   \
	"SET log_min_error_statement = 'panic';\n"                                                 \
	"\\set ON_ERROR_STOP 1\n"
/*
 * The words of CREATE DATABASE that make one like d (j: the same row as JSON, because columns came and went with
 * versions).
 */
#define LOCALE_OF                                                                                  \
	"CASE j->>'datlocprovider' WHEN 'c' THEN ' LOCALE_PROVIDER libc' "                         \
	"WHEN 'i' THEN format(' LOCALE_PROVIDER icu ICU_LOCALE %%L', "                             \
	"coalesce(j->>'datlocale', j->>'daticulocale')) || "                                       \
	"coalesce(' ICU_RULES ' || quote_literal(j->>'daticurules'), '') "                         \
	"WHEN 'b' THEN format(' LOCALE_PROVIDER builtin BUILTIN_LOCALE %%L', j->>'datlocale') "    \
	"ELSE '' END"
#define MODEL                                                                                      \
	"FROM (SELECT *, oid AS id, to_jsonb(p) AS j FROM pg_database p WHERE datname = %M) d "
/*
 * Owner, encoding, locale, limit; who may do what; comment; settings, also those of single roles. Settings are copied as they
 * are stored, in the catalog: there is no text of theirs to be quoted.
 */
#define CREATE_LIKE                                                                                          \
	"SELECT format('CREATE DATABASE %%I TEMPLATE template0 OWNER %%I ENCODING %%L "                      \
	"LC_COLLATE %%L LC_CTYPE %%L%%s TABLESPACE %%I CONNECTION LIMIT %%s', %L, "                          \
	"pg_get_userbyid(d.datdba), pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, " LOCALE_OF   \
	", s.spcname, greatest(d.datconnlimit, -1)) " MODEL                                                  \
	"JOIN pg_tablespace s ON s.oid = d.dattablespace \\gexec\n"                                          \
	"SELECT format('REVOKE ALL ON DATABASE %%I FROM PUBLIC, %%I', %L, "                                  \
	"pg_get_userbyid(d.datdba)) " MODEL                                                                  \
	"WHERE d.datacl IS NOT NULL \\gexec\n"                                                               \
	"SELECT format('GRANT %%s ON DATABASE %%I TO %%s%%s', a.privilege_type, %L, "                        \
	"CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, "             \
	"CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) " MODEL                             \
	", aclexplode(d.datacl) a \\gexec\n"                                                                 \
	"SELECT format('COMMENT ON DATABASE %%I IS %%L', %L, shobj_description(d.id, 'pg_database')) " MODEL \
	"WHERE shobj_description(d.id, 'pg_database') IS NOT NULL \\gexec\n"                                 \
	"INSERT INTO pg_db_role_setting (setdatabase, setrole, setconfig) "                                  \
	"SELECT n.oid, s.setrole, s.setconfig FROM pg_db_role_setting s "                                    \
	"JOIN pg_database o ON o.oid = s.setdatabase AND o.datname = %M "                                    \
	"JOIN pg_database n ON n.datname = %L;\n"
#define USER_TABLES                                                                                \
	"FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "                           \
	"WHERE c.relkind IN ('r','p') AND NOT c.relispartition "                                   \
	"AND n.nspname NOT IN ('pg_catalog','information_schema') "                                \
	"AND n.nspname NOT LIKE 'pg\\_toast%%' AND n.nspname NOT LIKE 'pg\\_temp%%'"

static const struct pg_query queries[] = {
	{ .word = "version",
		.rows = true,
		.transient = true,
		.sql = "SELECT json_build_array(current_setting('server_version'));\n" },
	{ .word = "databases",
		.rows = true,
		.transient = true,
		.sql = "SELECT coalesce(json_agg(datname ORDER BY datname), '[]') FROM pg_database "
		       "WHERE datallowconn AND NOT datistemplate;\n" },
	/* Those too that are closed, because who had one for itself was cut off. */
	{ .word = "all-databases",
		.rows = true,
		.transient = true,
		.sql = "SELECT coalesce(json_agg(datname ORDER BY datname), '[]') FROM pg_database "
		       "WHERE NOT datistemplate;\n" },
	{ .word = "sizes",
		.rows = true,
		.transient = true,
		.sql = "SELECT coalesce(json_agg(json_build_object('database', datname, 'bytes', "
		       "pg_database_size(oid)) ORDER BY datname), '[]') FROM pg_database "
		       "WHERE datallowconn AND NOT datistemplate;\n" },
	{ .word = "tables",
		.inside = true,
		.object = true,
		.rows = true,
		.large = true,
		.sql = "SELECT coalesce(json_agg(format('%%I.%%I', n.nspname, c.relname) "
		       "ORDER BY n.nspname, c.relname), '[]') " USER_TABLES ";\n" },
	/* Counted, not estimated: what a test restore is compared by. */
	{ .word = "row-counts",
		.inside = true,
		.object = true,
		.rows = true,
		.large = true,
		.sql = "SELECT coalesce(json_agg(json_build_object('table', "
		       "format('%%I.%%I', n.nspname, c.relname), 'rows', "
		       "(xpath('//c/text()', query_to_xml(format('SELECT count(*) AS c FROM "
		       "%%I.%%I', n.nspname, c.relname), false, true, '')))[1]::text::bigint) "
		       "ORDER BY n.nspname, c.relname), '[]') " USER_TABLES ";\n" },
	{ .word = "create-db",
		.object = true,
		.transient = true,
		.sql = "CREATE DATABASE %I TEMPLATE template0;\n" },
	/* The new one is the object; to is the one that it is made like. */
	{ .word = "create-like",
		.object = true,
		.to = true,
		.transient = true,
		.sql = CREATE_LIKE },
	/* Content when there is none. */
	{ .word = "drop-db",
		.object = true,
		.transient = true,
		.sql = ALONE("DROP DATABASE IF EXISTS %I;\n") },
	{ .word = "rename-db",
		.object = true,
		.to = true,
		.transient = true,
		.sql = ALONE("ALTER DATABASE %I RENAME TO %T;\n") },
	{ .word = "open-db",
		.object = true,
		.transient = true,
		.sql = "UPDATE pg_database SET datallowconn = true WHERE datname = %L;\n" },
	{ .word = "terminate",
		.object = true,
		.sql = "SELECT count(pg_terminate_backend(pid)) AS ended FROM pg_stat_activity "
		       "WHERE datname = %L AND pid <> pg_backend_pid() \\gset\n" },
	{ .word = "alter-role",
		.object = true,
		.secret = true,
		.transient = true,
		.sql = QUIET "ALTER ROLE %I PASSWORD %S;\n" },
};

const char *const pg_query_words[] = {
	"version",
	"databases",
	"all-databases",
	"sizes",
	"tables",
	"row-counts",
	"create-db",
	"create-like",
	"drop-db",
	"rename-db",
	"open-db",
	"terminate",
	"alter-role",
	NULL,
};

const struct pg_query *pg_query_find(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(queries); i++) {
		if (strcmp(queries[i].word, word) == 0)
			return &queries[i];
	}
	return NULL;
}

static bool is_home(const char *database)
{
	return database && strcmp(database, PG_HOME) == 0;
}

const char *pg_query_home(const struct pg_query *q, const char *object, const char *to)
{
	if (q->inside)
		return object;
	/* With a secret, the object is a role. */
	return !q->secret && (is_home(object) || is_home(to)) ? PG_HOME_SPARE : NULL;
}

/* Doubled quotes are all there is to it: standard_conforming_strings is set first. */
static void add_quoted(struct buf *out, char quote, const char *text)
{
	buf_addc(out, quote);
	for (; text && *text; text++) {
		if (*text == quote)
			buf_addc(out, quote);
		buf_addc(out, *text);
	}
	buf_addc(out, quote);
}

static int check_secret(const struct buf *secret, struct error *e)
{
	for (size_t i = 0; i < secret->len; i++) {
		if ((unsigned char)secret->data[i] < ' ')
			return error_set(e, ERR_USAGE, "a password holds control characters");
	}
	return secret->len ? 0 : error_set(e, ERR_USAGE, "a password is empty");
}

int pg_query_sql(const struct pg_query *q, const char *object, const char *to,
	const struct buf *secret, struct buf *ret, struct error *e)
{
	if ((q->object && !object) || (q->to && !to) || (q->secret && !secret))
		return error_set(e, ERR_USAGE, "pg-query: '%s' needs more than was given", q->word);
	if (q->secret && check_secret(secret, e) < 0)
		return -e->code;
	buf_adds(ret, "\\set ON_ERROR_STOP 1\nSET standard_conforming_strings = on;\n");
	for (const char *p = q->sql; *p; p++) {
		if (*p != '%') {
			buf_addc(ret, *p);
			continue;
		}
		switch (*++p) {
		case 'I':
			add_quoted(ret, '"', object);
			break;
		case 'L':
			add_quoted(ret, '\'', object);
			break;
		case 'T':
			add_quoted(ret, '"', to);
			break;
		case 'M':
			add_quoted(ret, '\'', to ? to : object);
			break;
		case 'S':
			add_quoted(ret, '\'', buf_str(secret));
			break;
		default:
			buf_addc(ret, '%');
			break;
		}
	}
	return 0;
}
