/*
 * Nodes from libyaml's events. Not from its document loader: that keeps aliases as references, so
 * that "&a [*a]" sends a naive reader round for ever, and 362 bytes of nested aliases became 3 GB.
 * Here every alias is a copy that is counted before it is made.
 */
#include "yaml_tree.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "fd.h"
#include "mark.h"
#include "node.h"
#include "yaml_merge.h"
#include "yaml_scalar.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <yaml.h>

struct anchor {
	const char *name;
	struct node *node;
	size_t size;	 /* nodes in it; 0 while it is still being read */
	unsigned height; /* levels in it */
};

struct reader {
	yaml_parser_t parser;
	struct arena *arena;
	struct diags *diags;
	const char *file, *text;
	size_t len;
	size_t nodes;		 /* made so far, against YAML_NODES_MAX */
	unsigned depth, deepest; /* deepest: since the anchor in question began */
	struct anchor *anchors;
	size_t n_anchors, cap_anchors;
	bool broken; /* reading cannot go on */
};

static void event_delete(yaml_event_t *ev)
{
	yaml_event_delete(ev);
}
#define _event_ _cleanup_(event_delete) yaml_event_t

static void reader_done(struct reader *r)
{
	yaml_parser_delete(&r->parser);
	free(r->anchors);
}

static struct mark mark_of(const struct reader *r, const yaml_mark_t *m)
{
	return (struct mark){ r->file, (unsigned)m->line + 1, (unsigned)m->column + 1 };
}

/* libyaml's reader (encoding errors) knows a byte offset only. */
static struct mark mark_of_offset(const struct reader *r, size_t offset)
{
	struct mark at = { r->file, 1, 1 };

	for (size_t i = 0; i < offset && i < r->len; i++) {
		if (r->text[i] == '\n') {
			at.line++;
			at.col = 1;
		} else if (((unsigned char)r->text[i] & 0xc0) != 0x80) {
			at.col++;
		}
	}
	return at;
}

/* What libyaml says, and what people do about it. The first row that is in the text counts. */
static const struct {
	const char *says, *hint;
} advice[] = {
	{ "mapping values are not allowed",
		"a value that holds ': ' must be in quotes; or the line above lacks its ':'" },
	{ "cannot start any token", "put the value in quotes (a tab cannot indent: use blanks)" },
	{ "could not find expected ':'", "a key ends with ':' and a blank" },
	{ "did not find expected key",
		"look at the indentation of this line and of the one above" },
	{ "did not find expected '-' indicator", "all items of a list stand in the same column" },
	{ "did not find expected ',' or", "is a closing ']' or '}' missing, or a comma?" },
	{ "unexpected end of stream", "is a closing quote missing?" },
	{ "control characters", "the file must be plain text in UTF-8" },
	{ "UTF-8", "the file must be plain text in UTF-8" },
};

static void syntax_error(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	const char *problem = p->problem ? p->problem : "unreadable", *hint = NULL;
	struct mark at = p->error == YAML_READER_ERROR ? mark_of_offset(r, p->problem_offset)
						       : mark_of(r, &p->problem_mark);

	for (size_t i = 0; i < ARRAY_SIZE(advice) && !hint; i++) {
		if (strstr(problem, advice[i].says))
			hint = advice[i].hint;
	}
	r->broken = true;
	/* Where the file ends is of no use: what was begun there is. */
	if (p->context && strstr(problem, "unexpected end of stream")) {
		at = mark_of(r, &p->context_mark);
		diag_add(r->diags, DIAG_ERROR, &at, "yaml-syntax", hint,
			"not YAML: the file ends %s", p->context);
		return;
	}
	if (p->context && p->error != YAML_READER_ERROR && p->context_mark.line + 1 != at.line)
		diag_add(r->diags, DIAG_ERROR, &at, "yaml-syntax", hint,
			"not YAML: %s (%s that begins in line %zu)", problem, p->context,
			p->context_mark.line + 1);
	else
		diag_add(r->diags, DIAG_ERROR, &at, "yaml-syntax", hint, "not YAML: %s", problem);
}

static bool next_event(struct reader *r, yaml_event_t *ev)
{
	if (yaml_parser_parse(&r->parser, ev))
		return true;
	memset(ev, 0, sizeof *ev);
	syntax_error(r);
	return false;
}

/* Counts n more nodes; false, with a complaint, when that is too many. */
static bool count_nodes(struct reader *r, const struct mark *at, size_t n)
{
	r->nodes += n;
	if (r->nodes <= YAML_NODES_MAX)
		return true;
	diag_add(r->diags, DIAG_ERROR, at, "too-many-nodes",
		"aliases count with all that they stand for",
		"more than %d values; this is no honest file", YAML_NODES_MAX);
	r->broken = true;
	return false;
}

/* Whether that many levels may follow here; complains when not. */
static bool allow_depth(struct reader *r, const struct mark *at, unsigned levels)
{
	r->deepest = MAX(r->deepest, r->depth + levels);
	if (r->depth + levels <= YAML_DEPTH_MAX)
		return true;
	diag_add(r->diags, DIAG_ERROR, at, "too-deep", NULL, "nested more than %d levels deep",
		YAML_DEPTH_MAX);
	r->broken = true;
	return false;
}

static struct anchor *anchor_find(struct reader *r, const char *name)
{
	for (size_t i = r->n_anchors; i > 0; i--) {
		if (strcmp(r->anchors[i - 1].name, name) == 0)
			return &r->anchors[i - 1];
	}
	return NULL;
}

/* Begins an anchor, when the event has one; returns its index + 1, or 0. */
static size_t anchor_begin(struct reader *r, const yaml_char_t *name, const struct mark *at)
{
	if (!name)
		return 0;
	if (r->n_anchors == YAML_ANCHORS_MAX) {
		diag_add(r->diags, DIAG_ERROR, at, "too-many-anchors", NULL, "more than %d anchors",
			YAML_ANCHORS_MAX);
		r->broken = true;
		return 0;
	}
	r->anchors = grow(r->anchors, r->n_anchors, &r->cap_anchors, sizeof *r->anchors);
	r->anchors[r->n_anchors++] =
		(struct anchor){ .name = arena_strdup(r->arena, (const char *)name) };
	return r->n_anchors;
}

/* What an anchor names is complete; before is the count of nodes when it began. */
static void anchor_end(
	struct reader *r, size_t index, struct node *n, size_t before, unsigned height)
{
	if (index == 0 || !n)
		return;
	r->anchors[index - 1].node = n;
	r->anchors[index - 1].size = r->nodes - before;
	r->anchors[index - 1].height = height;
}

static struct node *nothing(struct reader *r, const struct mark *at)
{
	struct node *n = node_scalar(r->arena, at, "", 0);

	n->quoted = false;
	return n;
}

/* Complaints about an alias leave a null in its place, so that reading goes on. */
static struct node *read_alias(struct reader *r, const yaml_event_t *ev)
{
	const char *name = (const char *)ev->data.alias.anchor;
	const struct anchor *a = anchor_find(r, name);
	struct mark at = mark_of(r, &ev->start_mark);

	if (!a) {
		diag_add(r->diags, DIAG_ERROR, &at, "unknown-alias",
			"an anchor (&name) must stand before its aliases (*name)",
			"nothing is named '&%s'", name);
		return nothing(r, &at);
	}
	if (a->size == 0) {
		diag_add(r->diags, DIAG_ERROR, &at, "alias-cycle", NULL,
			"'*%s' stands inside what it names", name);
		return nothing(r, &at);
	}
	if (!count_nodes(r, &at, a->size) || !allow_depth(r, &at, a->height))
		return NULL;
	return node_copy(r->arena, a->node);
}

static struct node *read_scalar(struct reader *r, const yaml_event_t *ev)
{
	const struct yaml_scalar scalar = {
		.at = mark_of(r, &ev->start_mark),
		.tag = (const char *)ev->data.scalar.tag,
		.text = (const char *)ev->data.scalar.value,
		.len = ev->data.scalar.length,
		.plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE,
	};

	return yaml_scalar_node(r->arena, &scalar, r->diags);
}

static struct node *read_node(struct reader *r, const yaml_event_t *ev);

static struct node *read_list(struct reader *r, const struct mark *at)
{
	struct node *list = node_list(r->arena, at), *item;

	for (;;) {
		_event_ ev = {};

		if (!next_event(r, &ev))
			return NULL;
		if (ev.type == YAML_SEQUENCE_END_EVENT)
			return list;
		item = read_node(r, &ev);
		if (!item)
			return NULL;
		node_append(r->arena, list, item);
	}
}

/* The key of an entry; one that cannot be a key is complained about and gives NULL with *ret_skip set. */
static struct node *read_key(struct reader *r, const yaml_event_t *ev, bool *ret_skip)
{
	struct mark at = mark_of(r, &ev->start_mark);
	struct node *key = read_node(r, ev);

	*ret_skip = false;
	if (!key || (key->kind == NODE_SCALAR && strlen(key->str) == key->len))
		return key;
	diag_add(r->diags, DIAG_ERROR, &at, "bad-key", NULL, "a key must be text, not %s",
		key->kind == NODE_SCALAR ? "text with a NUL byte" : node_what(key));
	*ret_skip = true;
	return NULL;
}

static struct node *read_map(struct reader *r, const struct mark *at)
{
	struct node *map = node_map(r->arena, at), *key, *value;
	bool skip;

	for (;;) {
		_event_ key_ev = {};
		_event_ value_ev = {};

		if (!next_event(r, &key_ev))
			return NULL;
		if (key_ev.type == YAML_MAPPING_END_EVENT)
			break;
		key = read_key(r, &key_ev, &skip);
		if ((!key && !skip) || !next_event(r, &value_ev))
			return NULL;
		value = read_node(r, &value_ev);
		if (!value)
			return NULL;
		if (key)
			node_add(r->arena, map, key, value);
	}
	yaml_complain_repeated(map, r->diags);
	yaml_apply_merge(r->arena, map, r->diags);
	return map;
}

static struct node *read_collection(struct reader *r, const yaml_event_t *ev, bool list)
{
	const yaml_char_t *raw = list ? ev->data.sequence_start.tag : ev->data.mapping_start.tag;
	const char *tag = (const char *)raw;
	struct mark at = mark_of(r, &ev->start_mark);
	struct node *n;

	if (tag && strcmp(tag, "!") != 0 &&
		strcmp(tag, list ? YAML_CORE "seq" : YAML_CORE "map") != 0)
		yaml_unknown_tag(tag, &at, r->diags);
	if (!allow_depth(r, &at, 1))
		return NULL;
	r->depth++;
	n = list ? read_list(r, &at) : read_map(r, &at);
	r->depth--;
	return n;
}

/* The node that an event begins; NULL when reading cannot go on. */
static struct node *read_node(struct reader *r, const yaml_event_t *ev)
{
	struct mark at = mark_of(r, &ev->start_mark);
	size_t before = r->nodes, anchor;
	unsigned outside = r->deepest;
	struct node *n;

	if (ev->type == YAML_ALIAS_EVENT)
		return read_alias(r, ev);
	if (!count_nodes(r, &at, 1))
		return NULL;
	r->deepest = r->depth;
	if (ev->type == YAML_SCALAR_EVENT) {
		anchor = anchor_begin(r, ev->data.scalar.anchor, &at);
		n = read_scalar(r, ev);
	} else {
		bool list = ev->type == YAML_SEQUENCE_START_EVENT;

		anchor = anchor_begin(r,
			list ? ev->data.sequence_start.anchor : ev->data.mapping_start.anchor, &at);
		n = r->broken ? NULL : read_collection(r, ev, list);
	}
	anchor_end(r, anchor, n, before, r->deepest - r->depth);
	r->deepest = MAX(r->deepest, outside);
	return r->broken ? NULL : n;
}

static struct node *read_stream(struct reader *r)
{
	struct node *root = NULL;

	for (;;) {
		_event_ ev = {};
		struct mark at;

		if (!next_event(r, &ev))
			return NULL;
		at = mark_of(r, &ev.start_mark);
		switch (ev.type) {
		case YAML_STREAM_START_EVENT:
		case YAML_DOCUMENT_END_EVENT:
			break;
		case YAML_STREAM_END_EVENT:
			return root ? root : node_map(r->arena, &at);
		case YAML_DOCUMENT_START_EVENT:
			if (root) {
				diag_add(r->diags, DIAG_ERROR, &at, "second-document", NULL,
					"a second document begins here; one file holds one");
				return NULL;
			}
			break;
		default:
			root = read_node(r, &ev);
			if (!root)
				return NULL;
		}
	}
}

int yaml_parse(struct node **ret, struct arena *a, const char *name, const char *text, size_t len,
	struct diags *d, struct error *e)
{
	_cleanup_(reader_done) struct reader r = {
		.arena = a, .diags = d, .file = name, .text = text, .len = len
	};
	struct mark start = { name, 1, 1 };
	size_t errors = d->errors;
	struct node *root;

	if (!yaml_parser_initialize(&r.parser))
		abort(); /* out of memory, as in alloc.c */
	if (len > YAML_SIZE_MAX) {
		diag_add(d, DIAG_ERROR, &start, "too-large", NULL, "larger than %llu MiB",
			(unsigned long long)(YAML_SIZE_MAX / MIB));
		return diags_result(d, name, e);
	}
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	root = read_stream(&r);
	if (!root || d->errors > errors)
		return diags_result(d, name, e);
	if (node_is_null(root))
		root = node_map(a, &start);
	*ret = root;
	return 0;
}

int yaml_read_text(struct buf *ret, const char *path, struct diags *d, struct error *e)
{
	const struct mark nowhere = { .file = path };
	int r = file_read(AT_FDCWD, path, YAML_SIZE_MAX, ret);

	if (r == -EFBIG) {
		diag_add(d, DIAG_ERROR, &nowhere, "too-large", NULL, "larger than %llu MiB",
			(unsigned long long)(YAML_SIZE_MAX / MIB));
		return diags_result(d, path, e);
	}
	return r < 0 ? error_errno(e, r, "cannot read %s", path) : 0;
}

int yaml_read_file(
	struct node **ret, struct arena *a, const char *path, struct diags *d, struct error *e)
{
	_buf_ text = BUF_INIT;
	int r = yaml_read_text(&text, path, d, e);

	if (r < 0)
		return r;
	return yaml_parse(ret, a, arena_strdup(a, path), buf_str(&text), text.len, d, e);
}
