/* Calls below a project, and lists. */
#include "native_reply.h"

#include "api.h"
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "node.h"
#include "ovh.h"
#include "project.h"

#include <string.h>

const char *native_part(const char *path, const char *text, struct arena *a)
{
	_buf_ out = BUF_INIT;

	buf_adds(&out, path);
	api_escape(&out, text);
	return arena_strdup(a, buf_str(&out));
}

const char *native_path(const struct native *n, const char *path, struct arena *a)
{
	return arena_printf(
		a, "%s%s", native_part("/cloud/project/", n->project, a), path ? path : "");
}

int native_get(const struct native *n, const char *path, struct arena *a, struct node **ret,
	struct error *e)
{
	return ovh_call(n->api,
		&(struct ovh_query){ .method = "GET", .path = native_path(n, path, a) }, a, ret, e);
}

int native_list(const struct native *n, const char *path, struct arena *a, struct node **ret,
	struct error *e)
{
	const char *whole = native_path(n, path, a);
	int r = ovh_must(n->api, &(struct ovh_query){ .method = "GET", .path = whole }, a, ret, e);

	return r < 0 ? r : reply_list(*ret, whole, e);
}

int reply_list(const struct node *n, const char *what, struct error *e)
{
	if (n && n->kind == NODE_LIST)
		return 0;
	error_set(e, ERR_NETWORK, "the reply of %s must be a list, not %s", what, node_what(n));
	e->transient = false;
	return -e->code;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int reply_names(
	const struct node *n, const char *what, struct arena *a, const char ***ret, struct error *e)
{
	const char **names;
	int r = reply_list(n, what, e);

	if (r < 0)
		return r;
	names = arena_alloc(a, (n->n + 1) * sizeof *names);
	for (size_t i = 0; i < n->n; i++) {
		names[i] = node_str(n->items[i]);
		/* It may come to a terminal. */
		if (names[i] && *names[i] && strcmp(api_clean(a, names[i]), names[i]) == 0)
			continue;
		error_set(e, ERR_NETWORK, "the reply of %s: entry %zu must be a name, not %s", what,
			i + 1, node_what(n->items[i]));
		e->transient = false;
		return -e->code;
	}
	qsort(names, n->n, sizeof *names, compare);
	*ret = names;
	return 0;
}
