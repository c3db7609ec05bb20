/* See secrets.h: what is made, what is kept, what is refused. */
#include "secrets.h"

#include "agent.h"
#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "config.h"
#include "credentials.h"
#include "crypt.h"
#include "digest.h"
#include "error.h"
#include "fd.h"
#include "mark.h"
#include "node.h"
#include "values.h"

#include <string.h>

static const struct mark here = { .file = SECRETS_FILE };

static const struct node *definition_of(const struct agent *a)
{
	const struct node *values = a->config->secrets.values;

	return values && values->kind == NODE_MAP && values->n > 0 ? values : NULL;
}

static int lost_all(const struct agent *a, const char *name, struct error *e)
{
	return error_set(e, ERR_INVALID,
		"the database on this server was made with secrets that are not here (%s): put %s/" SECRETS_FILE
		" of the server it comes from back (or, if there never were any, one that says {\"v\":1,\"values\":{}}), "
		"then 'kbuild-agent first-boot --retry'; nothing was made anew",
		name, a->state_dir);
}

static int lost_one(const char *name, struct error *e)
{
	return error_set(e, ERR_INVALID,
		"'%s' is to be the password of a database that exists, which has another one: call it in the definition as before, then 'kbuild-agent first-boot --retry'",
		name);
}

/* What a generated secret needs: kept, made, or refused. lost: there is no document of values at all. */
static int make_one(const struct agent *a, struct arena *arena, const char *name,
	const struct node *how, struct node *values, unsigned flags, bool lost, struct error *e)
{
	bool database = flags & SECRETS_DATABASE, known = node_get(values, name) != NULL;
	_buf_ value = BUF_INIT;

	if (known && (database || !(flags & SECRETS_RENEW)))
		return 0;
	if (database && lost)
		return lost_all(a, name, e);
	/* One that a later image added is no loss, unless the database should already know it. */
	if (database && node_get(how, "postgres"))
		return lost_one(name, e);
	values_generate(node_get(how, "generate"), &value);
	node_set(arena, values, &here, name,
		node_scalar(arena, &here, arena_strdup(arena, buf_str(&value)), value.len));
	crypt_wipe(value.data, value.len);
	return 0;
}

static int take_one(struct arena *arena, const char *name, const struct node *how,
	const struct node *given, struct node *values, struct error *e)
{
	const char *text = node_str(node_get(given, name));

	if (text)
		node_set(arena, values, &here, name, node_scalar(arena, &here, text, strlen(text)));
	if (node_get(values, name))
		return 0;
	return error_set(e, ERR_INVALID,
		"the secret '%s' (%s) was not handed to this server: launch it with --secrets",
		name, node_str(node_get(how, "operator")));
}

int secrets_make(struct agent *a, unsigned flags, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	const struct node *definition = definition_of(a), *given = NULL;
	struct node *before, *values;
	int r;

	if (!definition)
		return SECRETS_NONE;
	r = values_read(a, arena, &before, e);
	if (r == 0)
		r = credential_read(a, "app", arena, &given, e);
	if (r < 0)
		return r;
	values = before ? node_copy(arena, before) : node_map(arena, &here);
	for (size_t i = 0; i < definition->n; i++) {
		const char *name = definition->keys[i]->str;
		const struct node *how = definition->items[i];

		r = 0;
		if (node_get(how, "generate"))
			r = make_one(a, arena, name, how, values, flags, !before, e);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < definition->n; i++) {
		r = 0;
		if (node_get(definition->items[i], "operator"))
			r = take_one(arena, definition->keys[i]->str, definition->items[i], given,
				values, e);
		if (r < 0)
			return r;
	}
	if (before && node_equal(before, values))
		return 0;
	return values_write(a, values, e);
}

int secrets_each(const struct agent *a,
	void (*each)(void *arg, const char *name, const char *value), void *arg, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	const struct node *definition = definition_of(a);
	struct node *values;
	int r;

	if (!definition)
		return SECRETS_NONE;
	r = values_read(a, arena, &values, e);
	return r < 0 ? r : values_each(definition, values, each, arg, e);
}

int secrets_env(const struct agent *a, struct buf *ret, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	const struct node *definition = definition_of(a);
	struct node *values;
	int r;

	if (!definition)
		return SECRETS_NONE;
	r = values_read(a, arena, &values, e);
	return r < 0 ? r : values_env(definition, values, ret, e);
}

int secrets_digest(const struct agent *a, char ret_hex[65], struct error *e)
{
	_buf_ text = BUF_INIT;
	int r = a->config->secrets.env ? secrets_env(a, &text, e) : SECRETS_NONE;

	if (r < 0)
		return r;
	ret_hex[0] = '\0';
	if (r == 0)
		sha256_bytes(buf_str(&text), text.len, ret_hex);
	if (text.data)
		crypt_wipe(text.data, text.len);
	return 0;
}
