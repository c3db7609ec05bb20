/*
 * The text of pg_dumpall, line by line. Rows are the lines between "COPY … FROM stdin;" and "\.", of the
 * table that the comment before it names; line breaks in values are escaped there, so lines are rows.
 * Only a COPY that follows such a comment counts: the text of a function may hold anything.
 */

#include "alloc.h"
#include "error.h"
#include "scan_parts.h"

#include <string.h>

/* Of a line, what is looked at. Lines of data can be as long as they like. */
#define LINE_MAX_KEPT 1024

struct plain {
	struct scan *scan;
	void *tail; /* what scan_globals makes of it: the same last comment */
	char line[LINE_MAX_KEPT];
	size_t len;	    /* of what is kept */
	bool data;	    /* between COPY and "\." */
	bool named;	    /* a table was named and its COPY has not come */
	char database[256]; /* "": not known, or only one */
};

static void *make(struct scan *s)
{
	struct plain *p = xcalloc(1, sizeof *p);

	p->scan = s;
	p->tail = scan_globals.make(s);
	return p;
}

/* The text between before and after in line, or NULL. In ret. */
static const char *between(const char *line, const char *before, const char *after, char ret[256])
{
	const char *from = strstr(line, before), *to;

	if (!from)
		return NULL;
	from += strlen(before);
	to = strstr(from, after);
	if (!to || (size_t)(to - from) >= 256)
		return NULL;
	memcpy(ret, from, (size_t)(to - from));
	ret[to - from] = '\0';
	return ret;
}

static void read_comment(struct plain *p, const char *line)
{
	char name[256], schema[256];

	if (strncmp(line, "-- Dumped from database version ", 32) == 0) {
		if (!p->scan->server_version)
			p->scan->server_version = xstrdup(line + 32);
	} else if (strncmp(line, "-- Database \"", 13) == 0) {
		if (!between(line, "-- Database \"", "\" dump", p->database))
			p->database[0] = '\0';
	} else if (between(line, "-- Data for Name: ", "; Type: TABLE DATA; ", name) &&
		   between(line, "; Schema: ", "; Owner: ", schema)) {
		scan_table_add(p->scan, xasprintf("%s%s%s.%s", p->database,
						p->database[0] ? "." : "", schema, name));
		p->named = true;
	}
}

static void read_line(struct plain *p)
{
	p->line[p->len] = '\0';
	if (p->data) {
		if (p->len == 2 && strcmp(p->line, "\\.") == 0)
			p->data = false;
		else
			p->scan->tables[p->scan->n - 1].rows++;
	} else if (p->len > 3 && memcmp(p->line, "-- ", 3) == 0) {
		read_comment(p, p->line);
	} else if (p->named && strncmp(p->line, "COPY ", 5) == 0) {
		/* A list of columns can be longer than what is kept: its end is not looked at. */
		p->data = true;
		p->named = false;
	}
	p->len = 0;
}

static int add(void *state, const char *data, size_t len, struct error *e)
{
	struct plain *p = state;
	int r = scan_globals.add(p->tail, data, len, e);

	while (r >= 0 && len > 0) {
		const char *end = memchr(data, '\n', len);
		size_t n = end ? (size_t)(end - data) : len;
		/* Of a row, enough to tell it from the end of the table. */
		size_t room = (p->data ? 4 : sizeof p->line) - 1;
		size_t keep = MIN(n, room - MIN(room, p->len));

		memcpy(p->line + p->len, data, keep);
		p->len += keep;
		if (!end)
			break;
		read_line(p);
		data += n + 1;
		len -= n + 1;
	}
	return r;
}

static int end(void *state, struct error *e)
{
	struct plain *p = state;
	int r = scan_globals.end(p->tail, e);

	if (r >= 0 && p->data)
		return error_set(e, ERR_LOCK, "the dump ends inside a table");
	return r;
}

static void release(void *state)
{
	struct plain *p = state;

	scan_globals.free(p->tail);
	free(p);
}

const struct scan_format scan_plain = { make, add, end, release };
