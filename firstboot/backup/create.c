/* See create.h. */
#include "create.h"

#include "arena.h"
#include "buf.h"
#include "error.h"
#include "ipc.h"
#include "load.h"
#include "pg.h"
#include "report.h"

#include <string.h>

static bool makes_one(const struct buf *sql)
{
	static const char word[] = "CREATE DATABASE ";
	const char *text = buf_str(sql), *at = strstr(text, word);

	return at && (at == text || at[-1] == '\n');
}

static int run_sql(const struct pg *pg, const struct buf *sql, struct error *e)
{
	_close_ int fd = ipc_memfd(buf_str(sql), sql->len);

	return fd < 0 ? error_errno(e, fd, "cannot hand over how the database is made")
		      : pg_restore(pg, "plain", NULL, fd, e);
}

/* Whether a database of this name is there now: what was known before the safety dump may be hours old. */
static int look_for(const struct pg *pg, const char *name, bool *ret, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	const char **v = NULL;
	int r = pg_all_databases(pg, arena, &v, e);

	*ret = false;
	for (; r >= 0 && *v; v++)
		*ret |= strcmp(*v, name) == 0;
	return r;
}

/* As the dump says. CREATE_UNKNOWN: it does not, or what it says cannot be done here. */
#define CREATE_UNKNOWN 1

static int create_as_it_was(
	const struct load *l, const struct load_item *i, const char *into, struct error *e)
{
	_buf_ sql = BUF_INIT;
	struct error making = { 0 };
	bool made = false;
	int r = load_definition(l, i, &sql, e);

	if (r < 0 || !makes_one(&sql))
		return r < 0 ? r : CREATE_UNKNOWN;
	r = run_sql(l->pg, &sql, &making);
	if (r >= 0)
		return pg_rename(l->pg, i->name, into, e);
	/* Somebody else has just made one: it is not ours to be dropped. */
	if (making.code == ERR_INTERRUPTED || strstr(making.msg, "already exists")) {
		*e = making;
		return r;
	}
	report(REPORT_WARNING,
		"database %s cannot be made as it was: see to its owner, grants and settings (%s)",
		i->name, making.msg);
	/* What came before the statement that failed stays: the owner is the first. */
	r = look_for(l->pg, i->name, &made, e);
	if (r < 0 || !made)
		return r < 0 ? r : CREATE_UNKNOWN;
	return pg_rename(l->pg, i->name, into, e);
}

/* Like the one that is there, as far as this server can do that. */
static int create_like(
	const struct load *l, const struct load_item *i, const char *into, struct error *e)
{
	struct error making = { 0 };
	bool made = false;
	int r = pg_create_like(l->pg, into, i->name, &making);

	if (r >= 0)
		return r;
	if (making.code == ERR_INTERRUPTED || strstr(making.msg, "already exists")) {
		*e = making;
		return r;
	}
	report(REPORT_WARNING,
		"the new database cannot be made like %s: see to its owner, grants, locale and settings (%s)",
		i->name, making.msg);
	/* A part of it may be there. */
	r = look_for(l->pg, into, &made, e);
	return r < 0 ? r : made ? 0 : CREATE_UNKNOWN;
}

int create_database(
	const struct load *l, const struct load_item *i, const char *into, struct error *e)
{
	bool there;
	int r = look_for(l->pg, i->name, &there, e);

	if (r >= 0)
		r = (there ? create_like : create_as_it_was)(l, i, into, e);
	return r == CREATE_UNKNOWN ? pg_create(l->pg, into, e) : r;
}
