/*
 * Nodes as YAML, for PyYAML to read back: text is written plain only when nothing can be seen in it
 * but text; all else is quoted, or a literal block when it has lines.
 */
#include "node.h"

#include "base64.h"
#include "buf.h"
#include "utf8.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Printable in YAML 1.1 without an escape, line ends aside. NEL, LS, PS and the BOM are not. */
static bool yaml_printable(uint32_t c)
{
	if (c < 0x80)
		return c == '\t' || (c >= ' ' && c < 0x7f);
	return c >= 0xa0 && c != 0x2028 && c != 0x2029 && c != 0xfeff && c != 0xfffe && c != 0xffff;
}

static bool all_printable(const struct node *n, bool with_lines)
{
	uint32_t c;

	for (size_t i = 0, step; i < n->len; i += step) {
		step = utf8_next(n->str + i, n->len - i, &c);
		if (step == 0 || (!yaml_printable(c) && !(with_lines && c == '\n')))
			return false;
	}
	return true;
}

/* May stand without quotes, as far as its characters go. */
static bool plain_possible(const struct node *n)
{
	if (n->len == 0 || !all_printable(n, false) || memchr(n->str, '\t', n->len))
		return false;
	if (strchr("-?:,[]{}#&*!|>'\"%@` ", n->str[0]) &&
		!(n->str[0] == '-' && n->len > 1 && n->str[1] != ' ' && n->str[1] != '-'))
		return false;
	return n->str[n->len - 1] != ' ' && n->str[n->len - 1] != ':' && !strstr(n->str, ": ") &&
	       !strstr(n->str, " #");
}

/* Text that no reader of any YAML version takes for something else. */
static bool plainly_text(const struct node *n)
{
	static const char *const words[] = { "null", "true", "false", "yes", "no", "on", "off", "y",
		"n" };

	if (!isalpha((unsigned char)n->str[0]) && !strchr("/_", n->str[0]))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcasecmp(n->str, words[i]) == 0)
			return false;
	}
	return true;
}

static void write_single_quoted(const struct node *n, struct buf *out)
{
	buf_addc(out, '\'');
	for (size_t i = 0; i < n->len; i++) {
		if (n->str[i] == '\'')
			buf_addc(out, '\'');
		buf_addc(out, n->str[i]);
	}
	buf_addc(out, '\'');
}

static void write_double_quoted(const struct node *n, struct buf *out)
{
	uint32_t c;

	buf_addc(out, '"');
	for (size_t i = 0, step; i < n->len; i += step) {
		step = utf8_next(n->str + i, n->len - i, &c);
		if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", (char)c);
		else if (c == '\n')
			buf_adds(out, "\\n");
		else if (c == '\t')
			buf_adds(out, "\\t");
		else if (yaml_printable(c))
			buf_add(out, n->str + i, step);
		else if (c < 0x100)
			buf_printf(out, "\\x%02x", c);
		else
			buf_printf(out, c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
	}
	buf_addc(out, '"');
}

/* A literal block keeps every byte, when its first line has something and does not begin blank. */
static bool literal_possible(const struct node *n)
{
	return n->len > 0 && memchr(n->str, '\n', n->len) && !strchr(" \t\n", n->str[0]) &&
	       all_printable(n, true);
}

struct writer {
	struct buf *out;
	node_note note; /* NULL: none */
	void *arg;
};

static void write_note(const struct writer *w, const struct node *n)
{
	_buf_ text = BUF_INIT;

	if (!w->note)
		return;
	w->note(w->arg, n, &text);
	if (text.len > 0)
		buf_printf(w->out, "  # %s", buf_str(&text));
}

static void write_literal(const struct writer *w, const struct node *n, int indent)
{
	const char *p = n->str, *end = n->str + n->len;
	bool one = n->str[n->len - 1] == '\n';
	bool more = one && n->len > 1 && n->str[n->len - 2] == '\n';

	buf_adds(w->out, more ? "|+" : one ? "|" : "|-");
	write_note(w, n);
	while (p < end) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));

		if (!eol)
			eol = end;
		buf_addc(w->out, '\n');
		if (eol > p)
			buf_printf(w->out, "%*s%.*s", indent, "", (int)(eol - p), p);
		p = eol + 1;
	}
}

/* A scalar in one line: a key, or a value that is no literal block. */
static void write_inline(const struct node *n, struct buf *out)
{
	if (node_is_null(n)) {
		buf_adds(out, "null");
	} else if (plain_possible(n) && (!n->quoted || plainly_text(n))) {
		buf_adds(out, n->str);
	} else if (!utf8_valid(n->str, n->len)) {
		buf_adds(out, "!!binary \"");
		base64_encode(n->str, n->len, out);
		buf_addc(out, '"');
	} else if (all_printable(n, false) && !memchr(n->str, '\t', n->len)) {
		write_single_quoted(n, out);
	} else {
		write_double_quoted(n, out);
	}
}

/* Keys are compared by their text: an absent one is '', and "~" does not become "null". */
static void write_key(const struct node *key, struct buf *out)
{
	if (key->len == 0)
		buf_adds(out, "''");
	else if (node_is_null(key))
		buf_adds(out, key->str);
	else
		write_inline(key, out);
}

static void write_scalar(const struct writer *w, const struct node *n, int indent)
{
	if (indent > 0 && literal_possible(n)) {
		write_literal(w, n, indent);
		return;
	}
	write_inline(n, w->out);
	write_note(w, n);
}

static void write_block(
	const struct writer *w, const struct node *n, int indent, bool inline_first);

/* The value behind "key:" or "-", up to and with the end of its line. */
static void write_value(const struct writer *w, const struct node *n, int indent, bool in_list)
{
	if (n->kind == NODE_SCALAR) {
		buf_addc(w->out, ' ');
		write_scalar(w, n, indent + 2);
		buf_addc(w->out, '\n');
	} else if (n->n == 0) {
		buf_adds(w->out, n->kind == NODE_MAP ? " {}" : " []");
		write_note(w, n);
		buf_addc(w->out, '\n');
	} else if (in_list) {
		buf_addc(w->out, ' ');
		write_block(w, n, indent + 2, true);
	} else {
		buf_addc(w->out, '\n');
		write_block(w, n, n->kind == NODE_LIST ? indent : indent + 2, false);
	}
}

/* The entries, one a line; inline_first: the first one follows "- " on a line already begun. */
static void write_block(const struct writer *w, const struct node *n, int indent, bool inline_first)
{
	for (size_t i = 0; i < n->n; i++) {
		if (i > 0 || !inline_first)
			buf_printf(w->out, "%*s", indent, "");
		if (n->kind == NODE_LIST) {
			buf_addc(w->out, '-');
		} else {
			write_key(n->keys[i], w->out);
			buf_addc(w->out, ':');
		}
		write_value(w, n->items[i], indent, n->kind == NODE_LIST);
	}
}

void node_write_yaml_noted(const struct node *n, node_note note, void *arg, struct buf *out)
{
	const struct writer w = { out, note, arg };

	if (n->kind == NODE_SCALAR) {
		write_scalar(&w, n, 0);
		buf_addc(out, '\n');
	} else if (n->n == 0) {
		buf_adds(out, n->kind == NODE_MAP ? "{}\n" : "[]\n");
	} else {
		write_block(&w, n, 0, false);
	}
}

void node_write_yaml(const struct node *n, struct buf *out)
{
	node_write_yaml_noted(n, NULL, NULL, out);
}
