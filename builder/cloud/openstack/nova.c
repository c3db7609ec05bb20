/* Calls of Nova about servers. */
#include "nova.h"

#include "api.h"
#include "arena.h"
#include "body.h"
#include "error.h"
#include "node.h"
#include "os.h"

#include <string.h>

#define PAGE 1000 /* Nova's own bound */

static int call(struct os *o, const char *region, const char *method, const char *path,
	const char *body, struct arena *a, struct node **ret, struct error *e)
{
	struct os_query q = {
		.service = OS_COMPUTE,
		.region = region,
		.method = method,
		.path = path,
		.body = body,
		.microversion = NOVA_VERSION,
	};

	return os_call(o, &q, a, ret, e);
}

static int list_servers(struct os *o, const struct os_query *q, const char *name, struct arena *a,
	struct nova_server **ret, size_t *ret_n, struct error *e)
{
	struct nova_server *v;
	struct node *list;
	size_t n = 0;
	int r = os_list(o, q, "servers", a, &list, e);

	if (r < 0)
		return r;
	v = arena_alloc(a, (list->n + 1) * sizeof *v);
	for (size_t i = 0; i < list->n; i++) {
		r = nova_server_read(list->items[i], a, &v[n], e);
		if (r < 0)
			return r;
		n += !name || (v[n].tag_name && strcmp(v[n].tag_name, name) == 0);
	}
	*ret = v;
	*ret_n = n;
	return 0;
}

static struct os_query servers_query(const char *region, bool brief, struct arena *a)
{
	return (struct os_query){
		.service = OS_COMPUTE,
		.region = region,
		.method = "GET",
		.path = arena_printf(a, "/servers/detail?limit=%d", PAGE),
		.microversion = NOVA_VERSION,
		.brief = brief,
	};
}

int nova_servers(struct os *o, const char *region, const char *name, struct arena *a,
	struct nova_server **ret, size_t *ret_n, struct error *e)
{
	const struct os_query q = servers_query(region, false, a);

	return list_servers(o, &q, name, a, ret, ret_n, e);
}

int nova_servers_brief(struct os *o, const char *region, const char *name, struct arena *a,
	struct nova_server **ret, size_t *ret_n, struct error *e)
{
	const struct os_query q = servers_query(region, true, a);

	return list_servers(o, &q, name, a, ret, ret_n, e);
}

int nova_get(struct os *o, const char *region, const char *id, struct arena *a,
	struct nova_server *ret, struct error *e)
{
	struct node *reply = NULL;
	int r = call(o, region, "GET", arena_printf(a, "/servers/%s", id), NULL, a, &reply, e);

	if (r == OS_ABSENT)
		return r;
	r = api_plain(r, e);
	return r < 0 ? r : nova_server_read(node_get(reply, "server"), a, ret, e);
}

static struct node *metadata(const struct nova_new *n, struct arena *a)
{
	struct node *m = body_map(a);

	body_text(a, m, "kbuild:name", n->name);
	body_text(a, m, "kbuild:definition", n->definition);
	body_text(a, m, "kbuild:image", n->digest);
	body_text(a, m, "kbuild:flavor", n->flavor_name);
	body_text(a, m, "kbuild:intent", n->intent);
	return body_text(a, m, "kbuild:user", n->user);
}

const char *nova_new_json(const struct nova_new *n, struct arena *a)
{
	struct node *server = body_map(a), *networks = body_list(a), *groups = body_list(a);

	body_text(a, server, "name", n->name);
	body_text(a, server, "flavorRef", n->flavor);
	body_text(a, server, "imageRef", n->image);
	node_append(a, networks, body_text(a, body_map(a), "uuid", n->network));
	body_set(a, server, "networks", networks);
	body_text(a, server, "key_name", n->key);
	body_text(a, server, "availability_zone", n->zone);
	body_text(a, server, "user_data", n->user_data);
	body_bool(a, server, "config_drive", true);
	if (n->group) {
		node_append(a, groups, body_text(a, body_map(a), "name", n->group));
		body_set(a, server, "security_groups", groups);
	}
	body_set(a, server, "metadata", metadata(n, a));
	return body_json(a, "server", server);
}

int nova_create(struct os *o, const char *region, const struct nova_new *n, struct arena *a,
	const char **ret_id, struct error *e)
{
	struct node *reply = NULL;
	int r = call(o, region, "POST", "/servers", nova_new_json(n, a), a, &reply, e);

	if (r != 0)
		return r;
	*ret_id = node_str(node_path(reply, "server.id"));
	if (id_valid(*ret_id))
		return 0;
	/* It was made: who looks by name finds it. */
	error_set(e, ERR_NETWORK, "the reply's 'server.id' must be an id");
	return OS_UNSURE;
}

int nova_delete(struct os *o, const char *region, const char *id, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct node *reply = NULL;
	int r = call(o, region, "DELETE", arena_printf(a, "/servers/%s", id), NULL, a, &reply, e);

	return r == OS_ABSENT ? r : api_plain(r, e);
}

int nova_act(struct os *o, const char *region, const char *id, const char *action, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct os_query q = {
		.service = OS_COMPUTE,
		.region = region,
		.method = "POST",
		.path = arena_printf(a, "/servers/%s/action", id),
		.body = arena_printf(a, "{\"%s\":null}", action),
		.microversion = NOVA_VERSION,
		.harmless = true, /* twice is once: the second is refused, being in that state */
	};
	struct node *reply = NULL;
	int r = os_call(o, &q, a, &reply, e);

	return r == OS_ABSENT || r == OS_CONFLICT ? r : api_plain(r, e);
}

int nova_mark(struct os *o, const char *region, const char *id, const char *key, const char *value,
	struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct os_query q = {
		.service = OS_COMPUTE,
		.region = region,
		.method = "POST",
		.path = arena_printf(a, "/servers/%s/metadata", id),
		.body = body_json(a, "metadata", body_text(a, body_map(a), key, value)),
		.microversion = NOVA_VERSION,
		.harmless = true,
	};
	struct node *reply = NULL;
	int r = os_call(o, &q, a, &reply, e);

	return r == OS_ABSENT ? r : api_plain(r, e);
}

int nova_console(struct os *o, const char *region, const char *id, struct arena *a,
	const char **ret, struct error *e)
{
	struct os_query q = {
		.service = OS_COMPUTE,
		.region = region,
		.method = "POST",
		.path = arena_printf(a, "/servers/%s/action", id),
		.body = "{\"os-getConsoleOutput\":{}}", /* without a length: all that is kept */
		.microversion = NOVA_VERSION,
		.harmless = true,
	};
	struct node *reply = NULL;
	int r = os_call(o, &q, a, &reply, e);

	if (r == OS_ABSENT || r == OS_CONFLICT)
		return r;
	r = api_plain(r, e);
	if (r < 0)
		return r;
	/* node_str() knows no text with NULs, which a serial line may well send: then up to the first. */
	const struct node *output = node_get(reply, "output");

	if (!output || output->kind != NODE_SCALAR || !output->str) {
		r = error_set(e, ERR_NETWORK, "the reply's 'output' must be text");
		e->transient = false;
		return r;
	}
	*ret = output->str;
	return 0;
}

const char *nova_failure_read(const struct node *reply, struct arena *a)
{
	const struct node *list = node_get(reply, "instanceActions");

	/* The newest stands first. */
	for (size_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++) {
		const char *message = node_str(node_get(list->items[i], "message"));
		const char *action = node_str(node_get(list->items[i], "action"));

		if (message && *message)
			return api_clean(
				a, arena_printf(a, "%s: %s", action ? action : "action", message));
	}
	return NULL;
}

int nova_last_failure(struct os *o, const char *region, const char *id, struct arena *a,
	const char **ret, struct error *e)
{
	struct node *reply = NULL;
	int r = call(o, region, "GET", arena_printf(a, "/servers/%s/os-instance-actions", id), NULL,
		a, &reply, e);

	r = api_plain(r, e);
	*ret = r < 0 ? NULL : nova_failure_read(reply, a);
	return r;
}

int nova_attach(
	struct os *o, const char *region, const char *server, const char *volume, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct node *v = body_text(a, body_map(a), "volumeId", volume), *reply = NULL;

	return call(o, region, "POST", arena_printf(a, "/servers/%s/os-volume_attachments", server),
		body_json(a, "volumeAttachment", v), a, &reply, e);
}
