/*
 * See plain_part.h. The lines of rows are passed on in whole blocks, unlooked at but for their end: what
 * looks like a command in there is data.
 */
#include "plain_part.h"

#include "alloc.h"
#include "buf.h"
#include "error.h"
#include "plain_head.h"

#include <string.h>

#define DATABASE "-- Database \""

struct plain_part {
	char *database;
	plain_part_out out;
	void *arg;
	struct buf line; /* the beginning of one that goes on in the next block */
	struct plain_head head;
	bool head_only;
	struct buf grants; /* of the head: they come last */
	bool inside;	   /* of the part that is wanted */
	bool announced;	   /* its comment came, "\connect" has not */
	bool named, data;  /* as in scan_plain.c */
	bool found;
};

struct plain_part *plain_part_new(const char *database, plain_part_out out, void *arg)
{
	struct plain_part *p = xcalloc(1, sizeof *p);

	p->database = database ? xstrdup(database) : NULL;
	p->out = out;
	p->arg = arg;
	p->inside = p->found = !database;
	p->head.name = p->database;
	return p;
}

struct plain_part *plain_part_head(const char *database, plain_part_out out, void *arg)
{
	struct plain_part *p = plain_part_new(database, out, arg);

	p->head_only = true;
	return p;
}

void plain_part_free(struct plain_part *p)
{
	buf_free(&p->line);
	buf_free(&p->grants);
	free(p->database);
	free(p);
}

static bool begins(const char *line, size_t len, const char *word)
{
	size_t n = strlen(word);

	return len >= n && memcmp(line, word, n) == 0;
}

static bool announces(const struct plain_part *p, const char *line, size_t len)
{
	_free_ char *comment = xasprintf(DATABASE "%s\" dump", p->database ? p->database : "");

	return p->database && len == strlen(comment) && begins(line, len, comment);
}

/* Whether this line, without its end, is part of what is wanted, where it is of the wanted database. */
static bool wants_own(struct plain_part *p, const char *line, size_t len)
{
	enum plain_head_line what =
		p->database ? plain_head_line(&p->head, line, len) : PLAIN_HEAD_NO;

	if (what == PLAIN_HEAD_GRANTS)
		buf_reset(&p->grants);
	if (what == PLAIN_HEAD_GRANT && p->head_only) {
		buf_add(&p->grants, line, len);
		buf_addc(&p->grants, '\n');
	}
	if (p->head_only)
		return what == PLAIN_HEAD_SQL;
	return p->inside && (what == PLAIN_HEAD_NO || what == PLAIN_HEAD_GRANTS);
}

/* The same of any line. */
static bool wants(struct plain_part *p, const char *line, size_t len)
{
	bool own = p->inside || p->announced;

	if (p->data) {
		p->data = !(len == 2 && memcmp(line, "\\.", 2) == 0);
		return p->inside && !p->head_only;
	}
	if (own && p->head.quoted)
		return wants_own(p, line, len);
	if (begins(line, len, DATABASE)) {
		p->inside = false;
		p->announced = announces(p, line, len);
		return false;
	}
	if (begins(line, len, "\\connect ")) {
		if (p->announced)
			p->inside = p->found = true;
		p->announced = false;
		p->head.section = p->head.grants = false;
		return false;
	}
	if (begins(line, len, "-- Data for Name: ")) {
		p->named = true;
	} else if (p->named && begins(line, len, "COPY ")) {
		p->named = false;
		p->data = true;
	}
	return own && wants_own(p, line, len);
}

static int take_line(struct plain_part *p, const char *line, size_t len, struct error *e)
{
	/* len is with the line's end. */
	return wants(p, line, len - 1) ? p->out(p->arg, line, len, e) : 0;
}

int plain_part_add(struct plain_part *p, const void *data, size_t len, struct error *e)
{
	const char *at = data;
	int r = 0;

	while (r >= 0 && len > 0) {
		const char *end = memchr(at, '\n', len);
		size_t n = end ? (size_t)(end - at) + 1 : len;

		if (!end || p->line.len > 0)
			buf_add(&p->line, at, n);
		/* A value of 1 GiB is one line: PostgreSQL's own bound. */
		if (p->line.len > 2 * GIB)
			return error_set(e, ERR_LOCK, "a line of the dump is too long");
		if (end && p->line.len > 0) {
			r = take_line(p, p->line.data, p->line.len, e);
			buf_reset(&p->line);
		} else if (end) {
			r = take_line(p, at, n, e);
		}
		at += n;
		len -= n;
	}
	return r;
}

int plain_part_end(struct plain_part *p, struct error *e)
{
	if (!p->found)
		return error_set(
			e, ERR_LOCK, "the dump does not hold the database '%s'", p->database);
	return p->grants.len > 0 ? p->out(p->arg, p->grants.data, p->grants.len, e) : 0;
}
