/*
 * pg_dump's custom format, uncompressed (-Fc -Z0): a head, a table of contents, then blocks of data.
 * PostgreSQL has no description of it beside pg_backup_archiver.c and pg_backup_custom.c; versions 1.12
 * (PostgreSQL 9.0) to 1.16 (17, 18) are read. A server that nobody vouches for may have written it: every
 * length is checked, and what is kept is bounded.
 */

#include "alloc.h"
#include "error.h"
#include "scan_cursor.h"
#include "scan_parts.h"

#include <string.h>

#define CONTENTS_MAX   CURSOR_STRING_MAX /* a schema of 20,000 tables has some 10 MiB */
#define ENTRIES_MAX    1000000
#define VERSION(minor) (minor) /* of 1.minor */

enum { BLOCK_DATA = 1, BLOCK_BLOBS = 3 };
enum { OFFSET_NO_DATA = 3 };

struct entry {
	int64_t id;
	bool seen;    /* its block has come */
	size_t table; /* 1 + its index in scan->tables; 0: no rows */
};

/* What the next bytes of the data part are. */
enum part { PART_TYPE, PART_ID, PART_OID, PART_LENGTH, PART_BYTES };

struct custom {
	struct scan *scan;
	size_t try_at; /* the length of contents at which to read them again */
	bool in_data;
	int minor, int_size, offset_size;
	struct entry *entries; /* those that have data; sorted by id */
	size_t n, cap;

	enum part part;
	bool blobs;
	unsigned char number[9]; /* an integer that came in pieces */
	size_t have;
	uint64_t left; /* of the bytes of this chunk */
	struct entry *current;
	uint64_t lines;
	char tail[5]; /* of this block's bytes */
	size_t tail_len;
};

static void *make(struct scan *s)
{
	struct custom *c = xcalloc(1, sizeof *c);

	c->scan = s;
	c->try_at = 64 * KIB;
	return c;
}

static bool is(const char *s, size_t len, const char *word)
{
	return s && len == strlen(word) && memcmp(s, word, len) == 0;
}

static void read_head(struct custom *c, struct cursor *in)
{
	int major, format;
	const char *version;
	size_t len;

	if (in->end - in->p < 12) {
		in->shortage = true;
		return;
	}
	in->wrong = memcmp(in->p, "PGDMP", 5) != 0;
	in->p += 5;
	major = cursor_byte(in);
	c->minor = cursor_byte(in);
	cursor_byte(in);
	c->int_size = in->int_size = cursor_byte(in);
	c->offset_size = cursor_byte(in);
	format = cursor_byte(in);
	if (major != 1 || c->minor < VERSION(12) || c->minor > VERSION(16) || c->int_size < 1 ||
		c->int_size > 8 || c->offset_size < 1 || c->offset_size > 8 || format != 1)
		in->wrong = true;
	if (in->wrong)
		return;
	/* Compressed is not what we asked for. */
	in->wrong = (c->minor >= VERSION(15) ? cursor_byte(in) : cursor_integer(in)) != 0;
	for (int i = 0; i < 7; i++)
		cursor_integer(in); /* when it was made */
	cursor_skip(in, 1);	    /* the database */
	version = cursor_string(in, &len);
	cursor_skip(in, 1); /* pg_dump's version */
	if (version && !c->scan->server_version)
		c->scan->server_version = xstrndup(version, len);
}

static void add_entry(struct custom *c, int64_t id, size_t table)
{
	c->entries = grow(c->entries, c->n, &c->cap, sizeof *c->entries);
	c->entries[c->n++] = (struct entry){ id, false, table };
}

static void read_entry(struct custom *c, struct cursor *in)
{
	int64_t id = cursor_integer(in), dumper = cursor_integer(in);
	const char *tag, *kind, *schema, *made, *owner;
	size_t tag_len, kind_len, schema_len, made_len, owner_len, copy_len, len, table = 0;
	int offset;

	cursor_skip(in, 2); /* the oids */
	tag = cursor_string(in, &tag_len);
	kind = cursor_string(in, &kind_len);
	cursor_integer(in); /* its section */
	made = cursor_string(in, &made_len);
	cursor_skip(in, 1);	      /* how it is dropped */
	cursor_string(in, &copy_len); /* none: its rows are INSERTs */
	schema = cursor_string(in, &schema_len);
	cursor_skip(in, 1); /* the tablespace */
	if (c->minor >= VERSION(14))
		cursor_skip(in, 1); /* the access method */
	if (c->minor >= VERSION(16))
		cursor_integer(in); /* what kind of relation */
	owner = cursor_string(in, &owner_len);
	cursor_skip(in, 1); /* "false" */
	while (!in->shortage && cursor_string(in, &len))
		; /* what it depends on */
	offset = cursor_byte(in);
	for (int i = 0; i < c->offset_size; i++)
		cursor_byte(in);
	if (in->shortage)
		return;
	scan_define(c->scan, (struct piece){ kind, kind_len }, (struct piece){ tag, tag_len },
		(struct piece){ made, made_len }, (struct piece){ owner, owner_len });
	if (is(kind, kind_len, "TABLE DATA")) {
		scan_table_add(
			c->scan, xasprintf("%.*s.%.*s", (int)schema_len, schema ? schema : "",
					 (int)tag_len, tag ? tag : ""));
		table = c->scan->n;
	}
	if (dumper && offset != OFFSET_NO_DATA)
		add_entry(c, id, copy_len ? table : 0);
}

static int by_id(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static void forget(struct custom *c)
{
	for (size_t i = 0; i < c->scan->n; i++)
		free(c->scan->tables[i].name);
	c->scan->n = 0;
	buf_reset(&c->scan->definition);
	c->n = 0;
}

static int wrong(struct error *e)
{
	return error_set(e, ERR_LOCK, "this is no dump that pg_dump made with -Fc -Z0");
}

/* 1: the contents are read whole, *ret_len bytes; 0: more is needed. */
static int read_contents(struct custom *c, size_t *ret_len, struct error *e)
{
	const struct buf *b = &c->scan->contents;
	const unsigned char *from = (const unsigned char *)buf_str(b);
	struct cursor in = { .p = from, .end = from + b->len };
	int64_t entries;

	forget(c);
	read_head(c, &in);
	entries = in.shortage || in.wrong ? 0 : cursor_integer(&in);
	in.wrong |= entries < 0 || entries > ENTRIES_MAX;
	for (int64_t i = 0; i < entries && !in.shortage && !in.wrong; i++)
		read_entry(c, &in);
	if (in.wrong)
		return wrong(e);
	if (in.shortage)
		return 0;
	if (c->n > 0)
		qsort(c->entries, c->n, sizeof *c->entries, by_id);
	*ret_len = (size_t)(in.p - from);
	return 1;
}

static void block_ends(struct custom *c)
{
	struct entry *entry = c->current;

	if (entry && entry->table) {
		/* The last row is followed by "\." and two empty lines. */
		bool closed = c->tail_len == 5 && memcmp(c->tail, "\\.\n\n\n", 5) == 0;

		c->scan->tables[entry->table - 1].rows = c->lines - (closed ? 3 : 0);
	}
	c->current = NULL;
	c->part = PART_TYPE;
}

static int begin_block(struct custom *c, int64_t id, struct error *e)
{
	struct entry key = { .id = id };

	c->current = c->n ? bsearch(&key, c->entries, c->n, sizeof key, by_id) : NULL;
	if (!c->current || c->current->seen)
		return error_set(e, ERR_LOCK, "the dump holds data that its contents do not name");
	c->current->seen = true;
	c->lines = 0;
	c->tail_len = 0;
	c->part = c->blobs ? PART_OID : PART_LENGTH;
	return 0;
}

static int take_number(struct custom *c, int64_t n, struct error *e)
{
	if (c->part == PART_ID)
		return begin_block(c, n, e);
	if (c->part == PART_OID) {
		if (n == 0)
			block_ends(c);
		else
			c->part = PART_LENGTH;
		return 0;
	}
	if (n < 0)
		return error_set(e, ERR_LOCK, "the dump is damaged: a block has no length");
	if (n > 0) {
		c->left = (uint64_t)n;
		c->part = PART_BYTES;
	} else if (c->blobs) {
		c->part = PART_OID;
	} else {
		block_ends(c);
	}
	return 0;
}

static void keep_tail(struct custom *c, const char *data, size_t len)
{
	size_t keep = len >= 5 ? 0 : MIN(c->tail_len, 5 - len);

	memmove(c->tail, c->tail + c->tail_len - keep, keep);
	memcpy(c->tail + keep, data + len - MIN(len, 5), MIN(len, 5));
	c->tail_len = keep + MIN(len, 5);
}

static size_t take_bytes(struct custom *c, const char *data, size_t len)
{
	size_t n = (size_t)MIN((uint64_t)len, c->left);

	if (c->current && c->current->table) {
		for (const char *p = data; (p = memchr(p, '\n', (size_t)(data + n - p))); p++)
			c->lines++;
		keep_tail(c, data, n);
	}
	c->left -= n;
	if (c->left == 0)
		c->part = PART_LENGTH;
	return n;
}

static int take_type(struct custom *c, int type, struct error *e)
{
	if (type != BLOCK_DATA && type != BLOCK_BLOBS)
		return error_set(e, ERR_LOCK, "the dump is damaged: no block begins with %d", type);
	c->blobs = type == BLOCK_BLOBS;
	c->part = PART_ID;
	return 0;
}

static int add_data(struct custom *c, const char *data, size_t len, struct error *e)
{
	int r = 0;

	while (len > 0 && r >= 0) {
		size_t n = 1;

		if (c->part == PART_TYPE) {
			r = take_type(c, (unsigned char)*data, e);
		} else if (c->part == PART_BYTES) {
			n = take_bytes(c, data, len);
		} else {
			c->number[c->have++] = (unsigned char)*data;
			if (c->have == (size_t)c->int_size + 1) {
				c->have = 0;
				r = take_number(c, cursor_decode(c->number, c->int_size), e);
			}
		}
		data += n;
		len -= n;
	}
	return r;
}

/* What was kept beyond the contents is the beginning of the data. */
static int contents_done(struct custom *c, size_t len, struct error *e)
{
	struct buf *b = &c->scan->contents;
	size_t more = b->len - len;

	c->in_data = c->scan->contents_known = true;
	b->len = len;
	return add_data(c, b->data + len, more, e);
}

static int add(void *state, const char *data, size_t len, struct error *e)
{
	struct custom *c = state;
	struct buf *b = &c->scan->contents;
	size_t whole;
	int r;

	if (c->in_data)
		return add_data(c, data, len, e);
	buf_add(b, data, len);
	if (b->len < c->try_at)
		return 0;
	c->try_at = 2 * b->len;
	r = read_contents(c, &whole, e);
	if (r == 0 && b->len > CONTENTS_MAX)
		return error_set(e, ERR_LOCK, "the dump's table of contents is too large");
	return r <= 0 ? r : contents_done(c, whole, e);
}

static int end(void *state, struct error *e)
{
	struct custom *c = state;
	size_t whole;
	int r;

	if (!c->in_data) {
		r = read_contents(c, &whole, e);
		if (r == 0)
			return error_set(e, ERR_LOCK, "the dump is cut off in its contents");
		r = r < 0 ? r : contents_done(c, whole, e);
		if (r < 0)
			return r;
	}
	if (c->part != PART_TYPE)
		return error_set(e, ERR_LOCK, "the dump is cut off");
	for (size_t i = 0; i < c->n; i++) {
		if (!c->entries[i].seen)
			return error_set(e, ERR_LOCK, "the dump is cut off: data is missing");
	}
	return 0;
}

static void release(void *state)
{
	struct custom *c = state;

	free(c->entries);
	free(c);
}

const struct scan_format scan_custom = { make, add, end, release };
