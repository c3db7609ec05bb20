/* See values.h. Nothing here puts a value into a message. */
#include "values.h"

#include "agent.h"
#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "crypt.h"
#include "error.h"
#include "fd.h"
#include "json.h"
#include "mark.h"
#include "node.h"
#include "secrets.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define VALUES_MAX (1 * MIB)

static const struct mark here = { .file = SECRETS_FILE };

int values_read(const struct agent *a, struct arena *arena, struct node **ret, struct error *e)
{
	_buf_ text = BUF_INIT;
	struct error ignored = {};
	struct node *doc = NULL, *values;
	int r = file_read(a->state_fd, SECRETS_FILE, VALUES_MAX, &text);

	*ret = NULL;
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return error_errno(e, r, "cannot read %s/" SECRETS_FILE, a->state_dir);
	r = json_parse(&doc, arena, SECRETS_FILE, buf_str(&text), text.len, &ignored);
	if (text.data)
		crypt_wipe(text.data, text.len);
	values = r == 0 ? node_get(doc, "values") : NULL;
	if (!values || values->kind != NODE_MAP)
		return error_set(e, ERR_INVALID,
			"%s/" SECRETS_FILE
			" is not what this agent writes; put back the one of an encrypted backup",
			a->state_dir);
	*ret = values;
	return 0;
}

int values_write(const struct agent *a, const struct node *values, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct node *doc = node_map(arena, &here), *version = node_scalar(arena, &here, "1", 1);
	_buf_ text = BUF_INIT;
	int r;

	version->quoted = false;
	node_set(arena, doc, &here, "v", version);
	node_set(arena, doc, &here, "values", node_copy(arena, values));
	node_write_json(doc, 0, &text);
	r = mkdir_all(a->state_fd, SECRETS_DIR, 0700);
	if (r == 0)
		r = file_replace(a->state_fd, SECRETS_FILE, text.data, text.len, 0600);
	crypt_wipe(text.data, text.len);
	return r < 0 ? error_errno(e, r, "cannot write %s/" SECRETS_FILE, a->state_dir) : 0;
}

void values_generate(const struct node *generate, struct buf *ret)
{
	/* No '$', which Compose replaces; nothing that a URL or a shell would take for its own. */
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	/* 6 bits a character; one more than needed pays for what the first one may not be. */
	int64_t bits = 256, n;

	(void)node_is_int(generate, &bits);
	n = bits / 6 + 1;
	while (n > 0) {
		unsigned char byte;
		char c;

		crypt_random(&byte, 1);
		c = alphabet[byte & 63];
		if (ret->len == 0 && !isalnum((unsigned char)c))
			continue;
		buf_addc(ret, c);
		n--;
	}
}

/* What Compose takes as it stands. */
static bool plain(const char *value)
{
	static const char safe[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789_-.:/@%+=,~^";

	return *value && value[strspn(value, safe)] == '\0';
}

/*
 * Single quotes keep everything but themselves. With one inside, double quotes, in which the backslash,
 * the quote and the dollar are escaped.
 */
static void add_value(struct buf *out, const char *value)
{
	if (plain(value)) {
		buf_adds(out, value);
	} else if (!strchr(value, '\'') && !strchr(value, '\\')) {
		buf_printf(out, "'%s'", value);
	} else {
		buf_addc(out, '"');
		for (const char *p = value; *p; p++) {
			if (strchr("\\\"$", *p))
				buf_addc(out, '\\');
			buf_addc(out, *p);
		}
		buf_addc(out, '"');
	}
}

static int missing(const char *name, struct error *e)
{
	return error_set(e, ERR_INVALID, "the secret '%s' has no value on this server", name);
}

/* "postgresql://app:${PASSWORD}@db": each ${NAME} becomes that value. */
static int fill(const char *name, const char *template, const struct node *values, struct buf *ret,
	struct error *e)
{
	for (const char *p = template; *p;) {
		const char *open = strstr(p, "${"), *close = open ? strchr(open, '}') : NULL,
			   *value;
		_free_ char *other = NULL;

		if (!close) {
			buf_adds(ret, p);
			return 0;
		}
		other = xstrndup(open + 2, (size_t)(close - open - 2));
		value = node_str(node_get(values, other));
		if (!value) {
			missing(other, e);
			return error_prefix(e, "the template '%s'", name);
		}
		buf_add(ret, p, (size_t)(open - p));
		buf_adds(ret, value);
		p = close + 1;
	}
	return 0;
}

/* A template may also name a text without ${}: that is a value as any other. */
static struct node *with_texts(
	const struct node *definition, const struct node *values, struct arena *arena)
{
	struct node *all = node_map(arena, &here);

	for (size_t i = 0; values && i < values->n; i++)
		node_set(arena, all, &here, values->keys[i]->str, values->items[i]);
	/* Over them: what was made here once may be a text in a later image. */
	for (size_t i = 0; i < definition->n; i++) {
		const char *text = node_str(definition->items[i]);

		if (text && !strstr(text, "${"))
			node_set(arena, all, &here, definition->keys[i]->str,
				node_scalar(arena, &here, text, strlen(text)));
	}
	return all;
}

int values_each(const struct node *definition, const struct node *values, values_fn each, void *arg,
	struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct node *all = with_texts(definition, values, arena);

	for (size_t i = 0; i < definition->n; i++) {
		const char *name = definition->keys[i]->str, *value = node_str(node_get(all, name));
		const char *template = node_str(definition->items[i]);
		_buf_ filled = BUF_INIT;
		int r = template ? fill(name, template, all, &filled, e) : 0;

		if (r < 0)
			return r;
		if (!template && !value)
			return missing(name, e);
		each(arg, name, template ? buf_str(&filled) : value);
		if (filled.data)
			crypt_wipe(filled.data, filled.len);
	}
	return 0;
}

static void add_line(void *arg, const char *name, const char *value)
{
	buf_printf(arg, "%s=", name);
	add_value(arg, value);
	buf_addc(arg, '\n');
}

int values_env(
	const struct node *definition, const struct node *values, struct buf *ret, struct error *e)
{
	_buf_ text = BUF_INIT;
	int r = values_each(definition, values, add_line, &text, e);

	if (r == 0)
		buf_add(ret, buf_str(&text), text.len);
	if (text.data)
		crypt_wipe(text.data, text.len);
	return r;
}
