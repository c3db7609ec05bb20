/*
 * Nodes as YAML and as JSON. The YAML is for PyYAML to read back: text is written plain only when
 * nothing can be seen in it but text; all else is quoted, or a literal block when it has lines.
 */
#include "node.h"

#include "base64.h"
#include "buf.h"
#include "json.h"
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

static void write_literal(const struct node *n, int indent, struct buf *out)
{
	const char *p = n->str, *end = n->str + n->len;
	bool one = n->str[n->len - 1] == '\n';
	bool more = one && n->len > 1 && n->str[n->len - 2] == '\n';

	buf_adds(out, more ? "|+" : one ? "|" : "|-");
	while (p < end) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));

		if (!eol)
			eol = end;
		buf_addc(out, '\n');
		if (eol > p)
			buf_printf(out, "%*s%.*s", indent, "", (int)(eol - p), p);
		p = eol + 1;
	}
}

static void write_scalar(const struct node *n, int indent, struct buf *out)
{
	if (node_is_null(n)) {
		buf_adds(out, "null");
	} else if (plain_possible(n) && (!n->quoted || plainly_text(n))) {
		buf_adds(out, n->str);
	} else if (!utf8_valid(n->str, n->len)) {
		buf_adds(out, "!!binary \"");
		base64_encode(n->str, n->len, out);
		buf_addc(out, '"');
	} else if (indent > 0 && literal_possible(n)) {
		write_literal(n, indent, out);
	} else if (all_printable(n, false) && !memchr(n->str, '\t', n->len)) {
		write_single_quoted(n, out);
	} else {
		write_double_quoted(n, out);
	}
}

static void write_block(const struct node *n, int indent, bool inline_first, struct buf *out);

/* The value behind "key:" or "-", up to and with the end of its line. */
static void write_value(const struct node *n, int indent, bool in_list, struct buf *out)
{
	if (n->kind == NODE_SCALAR) {
		buf_addc(out, ' ');
		write_scalar(n, indent + 2, out);
		buf_addc(out, '\n');
	} else if (n->n == 0) {
		buf_adds(out, n->kind == NODE_MAP ? " {}\n" : " []\n");
	} else if (in_list) {
		buf_addc(out, ' ');
		write_block(n, indent + 2, true, out);
	} else {
		buf_addc(out, '\n');
		write_block(n, n->kind == NODE_LIST ? indent : indent + 2, false, out);
	}
}

/* The entries, one a line; inline_first: the first one follows "- " on a line already begun. */
static void write_block(const struct node *n, int indent, bool inline_first, struct buf *out)
{
	for (size_t i = 0; i < n->n; i++) {
		if (i > 0 || !inline_first)
			buf_printf(out, "%*s", indent, "");
		if (n->kind == NODE_LIST) {
			buf_addc(out, '-');
		} else {
			/* An explicit key ("? ") would be needed only for keys with lines. */
			write_scalar(n->keys[i], 0, out);
			buf_addc(out, ':');
		}
		write_value(n->items[i], indent, n->kind == NODE_LIST, out);
	}
}

void node_write_yaml(const struct node *n, struct buf *out)
{
	if (n->kind == NODE_SCALAR) {
		write_scalar(n, 0, out);
		buf_addc(out, '\n');
	} else if (n->n == 0) {
		buf_adds(out, n->kind == NODE_MAP ? "{}\n" : "[]\n");
	} else {
		write_block(n, 0, false, out);
	}
}

void json_write_string(struct buf *out, const char *s, size_t len)
{
	uint32_t c;

	buf_addc(out, '"');
	for (size_t i = 0, step; i < len; i += MAX(step, 1)) {
		step = utf8_next(s + i, len - i, &c);
		if (step == 0)
			buf_adds(out, "\xef\xbf\xbd");
		else if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", (char)c);
		else if (c == '\n')
			buf_adds(out, "\\n");
		else if (c < ' ' || c == 0x7f)
			buf_printf(out, "\\u%04x", c);
		else
			buf_add(out, s + i, step);
	}
	buf_addc(out, '"');
}

/* The grammar of a JSON number. */
static bool json_number(const struct node *n)
{
	const char *p = n->str + (n->str[0] == '-');

	if (n->quoted || !isdigit((unsigned char)*p) || (*p == '0' && isdigit((unsigned char)p[1])))
		return false;
	p += strspn(p, "0123456789");
	if (*p == '.') {
		if (!isdigit((unsigned char)p[1]))
			return false;
		p += 1 + strspn(p + 1, "0123456789");
	}
	if (*p == 'e' || *p == 'E') {
		p += 1 + (p[1] == '-' || p[1] == '+');
		if (!isdigit((unsigned char)*p))
			return false;
		p += strspn(p, "0123456789");
	}
	return p == n->str + n->len;
}

static void write_json_scalar(const struct node *n, struct buf *out)
{
	int64_t number;
	bool truth;

	if (node_is_null(n))
		buf_adds(out, "null");
	else if (node_is_bool(n, &truth))
		buf_adds(out, truth ? "true" : "false");
	else if (json_number(n))
		buf_adds(out, n->str);
	else if (node_is_int(n, &number))
		buf_printf(out, "%lld", (long long)number);
	else
		json_write_string(out, n->str, n->len);
}

static void write_json(const struct node *n, int indent, int depth, struct buf *out)
{
	bool map = n->kind == NODE_MAP;

	if (n->kind == NODE_SCALAR) {
		write_json_scalar(n, out);
		return;
	}
	buf_addc(out, map ? '{' : '[');
	for (size_t i = 0; i < n->n; i++) {
		if (i > 0)
			buf_adds(out, indent ? "," : ", ");
		if (indent)
			buf_printf(out, "\n%*s", indent * (depth + 1), "");
		if (map) {
			json_write_string(out, n->keys[i]->str, n->keys[i]->len);
			buf_adds(out, ": ");
		}
		write_json(n->items[i], indent, depth + 1, out);
	}
	if (indent && n->n > 0)
		buf_printf(out, "\n%*s", indent * depth, "");
	buf_addc(out, map ? '}' : ']');
}

void node_write_json(const struct node *n, int indent, struct buf *out)
{
	write_json(n, indent, 0, out);
}
