/* Picking and showing servers. */
#include "servers.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "ctx.h"
#include "error.h"
#include "mark.h"
#include "node.h"
#include "progress.h"
#include "provider.h"
#include "verb.h"

static const char **names_of(const struct server *v, size_t n, struct arena *a)
{
	const char **names = arena_alloc(a, (n + 1) * sizeof *names);

	for (size_t i = 0; i < n; i++)
		names[i] = v[i].name;
	return names;
}

static int add_names(const char *const *names, struct error *e)
{
	for (size_t i = 0; names[i]; i++)
		error_append(e, "%s%s", i ? ", " : "", names[i]);
	return -e->code;
}

int servers_pick(const struct cloud *cloud, const char *name, struct arena *a, struct server *ret,
	struct error *e)
{
	const char **names, *near;
	struct server_list l;
	int r;

	if (name) {
		r = cloud->provider->find(cloud, name, a, ret, e);
		if (r != CLOUD_ABSENT)
			return r;
	}
	r = cloud->provider->list(cloud, a, &l, e);
	if (r < 0)
		return r;
	if (!name && l.partial && l.n <= 1)
		return error_set(
			e, ERR_NETWORK, "say which server: there may be others (%s)", l.lacks);
	names = names_of(l.servers, l.n, a);
	if (!name && l.n == 1) {
		*ret = l.servers[0];
		return 0;
	}
	if (l.n == 0)
		return error_set(e, ERR_FAILED,
			"there is no server%s%s%s; 'kbuild launch' makes one", name ? " '" : "",
			name ? name : "", name ? "'" : "");
	if (!name) {
		error_set(e, ERR_USAGE, "there are %zu servers, say which: ", l.n);
		return add_names(names, e);
	}
	near = nearest_word(name, names);
	error_set(e, ERR_FAILED, "there is no server '%s'; ", name);
	if (near)
		return error_append(e, "did you mean '%s'?", near);
	error_append(e, "there is: ");
	return add_names(names, e);
}

void servers_lack(const struct ctx *c, const char *lacks)
{
	if (lacks)
		progress_warn(c->progress, "not known: %s", lacks);
}

int servers_gone(const char *name, struct error *e)
{
	return error_set(e, ERR_FAILED, "the server '%s' was destroyed meanwhile", name);
}
