/* See scan.h: what the formats share, and the two that are short. */
#include "scan.h"

#include "alloc.h"
#include "error.h"
#include "scan_parts.h"
#include "utf8.h"

#include <string.h>

static const struct scan_format *const formats[] = {
	[SCAN_CUSTOM] = &scan_custom,
	[SCAN_PLAIN] = &scan_plain,
	[SCAN_GLOBALS] = &scan_globals,
	[SCAN_TAR] = &scan_tar,
	[SCAN_JSON] = &scan_json,
};

struct scan *scan_new(enum scan_kind kind)
{
	struct scan *s = xcalloc(1, sizeof *s);

	s->format = formats[kind];
	s->state = s->format->make(s);
	return s;
}

void scan_free(struct scan *s)
{
	s->format->free(s->state);
	for (size_t i = 0; i < s->n; i++)
		free(s->tables[i].name);
	free(s->tables);
	free(s->server_version);
	buf_free(&s->contents);
	buf_free(&s->definition);
	free(s);
}

int scan_add(struct scan *s, const void *data, size_t len, struct error *e)
{
	return s->format->add(s->state, data, len, e);
}

int scan_end(struct scan *s, struct error *e)
{
	return s->format->end(s->state, e);
}

/*
 * As a manifest can hold it: a dump's names are in its database's encoding. Bytes that are no UTF-8 become \xHH, always
 * the same, because names are compared with those of later dumps. Takes name, returns new.
 */
static char *as_text(char *name)
{
	_free_ char *raw = name;
	size_t len = strlen(raw);
	_buf_ out = BUF_INIT;
	uint32_t c;

	for (size_t i = 0, step; i < len; i += MAX(step, 1)) {
		step = utf8_next(raw + i, len - i, &c);
		if (step == 0)
			buf_printf(&out, "\\x%02x", (unsigned char)raw[i]);
		else
			buf_add(&out, raw + i, step);
	}
	return xstrdup(buf_str(&out));
}

struct scan_table *scan_table_add(struct scan *s, char *name)
{
	name = as_text(name);
	s->tables = grow(s->tables, s->n, &s->cap, sizeof *s->tables);
	s->tables[s->n] = (struct scan_table){ name, 0 };
	return &s->tables[s->n++];
}

const struct scan_table *scan_tables(const struct scan *s, size_t *ret_n)
{
	*ret_n = s->n;
	return s->tables;
}

const char *scan_server_version(const struct scan *s)
{
	return s->server_version;
}

bool scan_contents_known(const struct scan *s)
{
	return s->contents_known;
}

const struct buf *scan_definition(const struct scan *s)
{
	return &s->definition;
}

static bool is(struct piece p, const char *word)
{
	return p.at && p.len == strlen(word) && memcmp(p.at, word, p.len) == 0;
}

static void add_name(struct buf *out, struct piece name)
{
	buf_addc(out, '"');
	for (size_t i = 0; i < name.len; i++) {
		if (name.at[i] == '"')
			buf_addc(out, '"');
		buf_addc(out, name.at[i]);
	}
	buf_addc(out, '"');
}

void scan_define(
	struct scan *s, struct piece kind, struct piece tag, struct piece made, struct piece owner)
{
	static const char of[] = "DATABASE ";
	bool own = is(kind, "DATABASE") || is(kind, "DATABASE PROPERTIES");
	bool about = (is(kind, "ACL") || is(kind, "COMMENT")) && tag.len > strlen(of) &&
		     memcmp(tag.at, of, strlen(of)) == 0;

	if (!made.at || (!own && !about))
		return;
	buf_add(&s->definition, made.at, made.len);
	if (!is(kind, "DATABASE") || owner.len == 0)
		return;
	buf_adds(&s->definition, "ALTER DATABASE ");
	add_name(&s->definition, tag);
	buf_adds(&s->definition, " OWNER TO ");
	add_name(&s->definition, owner);
	buf_adds(&s->definition, ";\n");
}

const struct buf *scan_contents(const struct scan *s)
{
	return &s->contents;
}

/* The end of a stream, and no more of it. A tar's is two blocks of zeros; they pad it to more. */
#define TAIL 1024

struct tail {
	char bytes[TAIL];
	size_t len;
};

static void *tail_make(_unused_ struct scan *s)
{
	return xcalloc(1, sizeof(struct tail));
}

static int tail_add(void *state, const char *data, size_t len, _unused_ struct error *e)
{
	struct tail *t = state;
	size_t keep;

	if (len >= TAIL) {
		memcpy(t->bytes, data + len - TAIL, TAIL);
		t->len = TAIL;
		return 0;
	}
	keep = MIN(t->len, TAIL - len);
	memmove(t->bytes, t->bytes + t->len - keep, keep);
	memcpy(t->bytes + keep, data, len);
	t->len = keep + len;
	return 0;
}

static int tar_end(void *state, struct error *e)
{
	const struct tail *t = state;

	if (t->len < TAIL)
		return error_set(e, ERR_LOCK, "the archive is cut off");
	for (size_t i = 0; i < TAIL; i++) {
		if (t->bytes[i])
			return error_set(e, ERR_LOCK, "the archive is cut off");
	}
	return 0;
}

const struct scan_format scan_tar = { tail_make, tail_add, tar_end, free };

static int json_end(void *state, struct error *e)
{
	const struct tail *t = state;
	size_t len = t->len;

	while (len > 0 && strchr("\n ", t->bytes[len - 1]))
		len--;
	return len > 0 && t->bytes[len - 1] == '}'
		       ? 0
		       : error_set(
				 e, ERR_LOCK, "the document is cut off: it does not end with '}'");
}

const struct scan_format scan_json = { tail_make, tail_add, json_end, free };

/* True when text ends with the comment, but for empty lines and empty comments behind it. */
static bool ends_with_comment(const char *text, size_t len, const char *comment)
{
	size_t want = strlen(comment);

	while (len > 0 && strchr("\n\r -", text[len - 1]))
		len--;
	return len >= want && memcmp(text + len - want, comment, want) == 0;
}

/*
 * pg_dumpall's last line of text. Each database's part ends with "PostgreSQL database dump complete",
 * which proves nothing of the whole.
 */
static int globals_end(void *state, struct error *e)
{
	const struct tail *t = state;

	if (!ends_with_comment(t->bytes, t->len, "\n-- PostgreSQL database cluster dump complete"))
		return error_set(e, ERR_LOCK,
			"the dump is cut off: it does not end with \"cluster dump complete\"");
	return 0;
}

const struct scan_format scan_globals = { tail_make, tail_add, globals_end, free };
