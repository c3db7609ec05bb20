/* Nodes as JSON, and the one way to write a JSON string. */
#include "buf.h"
#include "json.h"
#include "node.h"
#include "utf8.h"

#include <ctype.h>
#include <string.h>

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
