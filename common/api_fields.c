/* What calls of APIs are made of and answers are read by: escaped text, fields, the server's words. */
#include "api.h"

#include "arena.h"
#include "buf.h"
#include "error.h"
#include "node.h"
#include "utf8.h"

#include <string.h>

#define SAID_MAX 300 /* of a server's words; they go to terminals and logs */

void api_escape(struct buf *out, const char *text)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789-._~";

	for (; *text; text++) {
		if (strchr(plain, *text))
			buf_addc(out, *text);
		else
			buf_printf(out, "%%%02X", (unsigned char)*text);
	}
}

const char *api_clean(struct arena *a, const char *text)
{
	size_t len = strlen(text), kept = len > SAID_MAX ? utf8_whole(text, SAID_MAX) : len;
	char *copy = arena_strndup(a, text, kept);

	for (char *p = copy, *end = copy + kept; p < end;) {
		size_t n = utf8_shown(p, (size_t)(end - p));

		if (n == 0)
			*p++ = ' ';
		p += n;
	}
	return len > SAID_MAX ? arena_printf(a, "%s…", copy) : copy;
}

static int wrong(const struct node *n, const char *key, const char *what, const char *wanted,
	struct error *e)
{
	const struct node *v = node_get(n, key);

	return error_set(e, ERR_FAILED, "%s: '%s' must be %s, not %s", what, key, wanted,
		v ? node_what(v) : "missing");
}

int api_text(
	const struct node *n, const char *key, const char *what, const char **ret, struct error *e)
{
	const struct node *v = node_get(n, key);
	const char *text = node_str(v);

	if (!text || !v->quoted)
		return wrong(n, key, what, "text", e);
	*ret = text;
	return 0;
}

int api_number(
	const struct node *n, const char *key, const char *what, int64_t *ret, struct error *e)
{
	if (!node_is_int(node_get(n, key), ret))
		return wrong(n, key, what, "a whole number", e);
	return 0;
}

int api_bool(const struct node *n, const char *key, const char *what, bool *ret, struct error *e)
{
	if (!node_is_bool(node_get(n, key), ret))
		return wrong(n, key, what, "true or false", e);
	return 0;
}

int api_list(const struct node *n, const char *what, struct error *e)
{
	if (!n || n->kind != NODE_LIST)
		return error_set(e, ERR_FAILED, "%s must be a list, not %s", what,
			n ? node_what(n) : "missing");
	return 0;
}
