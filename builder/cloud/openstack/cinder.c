/* Calls of Cinder. */
#include "cinder.h"

#include "api.h"
#include "arena.h"
#include "body.h"
#include "error.h"
#include "node.h"
#include "os.h"
#include "reply.h"
#include "server.h"

static struct os_query query(const char *region, const char *method, const char *path)
{
	return (struct os_query){
		.service = OS_VOLUME, .region = region, .method = method, .path = path
	};
}

int cinder_volume_read(
	const struct node *n, struct arena *a, struct cinder_volume *ret, struct error *e)
{
	struct raw {
		struct cinder_volume v;
		const struct node *metadata, *attachments;
	} raw = {};
	static const struct field fields[] = {
		{ "id", reply_text, offsetof(struct raw, v.id), FIELD_REQUIRED },
		{ "status", reply_text, offsetof(struct raw, v.status), FIELD_REQUIRED },
		{ "size", reply_number, offsetof(struct raw, v.size), FIELD_REQUIRED },
		{ "name", reply_text, offsetof(struct raw, v.name) },
		{ "availability_zone", reply_text, offsetof(struct raw, v.zone) },
		{ "created_at", reply_time, offsetof(struct raw, v.created) },
		{ "metadata", field_node, offsetof(struct raw, metadata) },
		{ "attachments", field_node, offsetof(struct raw, attachments) },
		{},
	};
	int r = reply_read(n, "volume", fields, &raw, a, e);

	if (r < 0)
		return r;
	if (!id_valid(raw.v.id)) {
		r = error_set(e, ERR_NETWORK, "the reply's 'volume.id' must be an id");
		e->transient = false;
		return r;
	}
	raw.v.server = node_str(node_get(raw.metadata, "kbuild:server"));
	if (raw.v.server && !server_name_valid(raw.v.server))
		raw.v.server = NULL; /* none that kbuild has written */
	for (size_t i = 0; raw.attachments && raw.attachments->kind == NODE_LIST &&
			   i < raw.attachments->n && !raw.v.attached_to;
		i++)
		raw.v.attached_to = node_str(node_get(raw.attachments->items[i], "server_id"));
	if (raw.v.attached_to)
		raw.v.attached_to = api_clean(a, raw.v.attached_to);
	*ret = raw.v;
	return 0;
}

int cinder_volumes(struct os *o, const char *region, bool brief, struct arena *a,
	struct cinder_volume **ret, size_t *ret_n, struct error *e)
{
	struct os_query q = query(region, "GET", "/volumes/detail");
	struct cinder_volume *v;
	struct node *list;
	int r;

	q.brief = brief;
	r = os_list(o, &q, "volumes", a, &list, e);
	if (r < 0)
		return r;
	v = arena_alloc(a, (list->n + 1) * sizeof *v);
	for (size_t i = 0; i < list->n; i++) {
		r = cinder_volume_read(list->items[i], a, &v[i], e);
		if (r < 0)
			return r;
	}
	*ret = v;
	*ret_n = list->n;
	return 0;
}

int cinder_get(struct os *o, const char *region, const char *id, struct arena *a,
	struct cinder_volume *ret, struct error *e)
{
	struct os_query q = query(region, "GET", arena_printf(a, "/volumes/%s", id));
	struct node *reply = NULL;
	int r = os_call(o, &q, a, &reply, e);

	if (r == OS_ABSENT)
		return r;
	r = api_plain(r, e);
	return r < 0 ? r : cinder_volume_read(node_get(reply, "volume"), a, ret, e);
}

int cinder_make(struct os *o, const char *region, const struct cinder_new *n, struct arena *a,
	struct cinder_volume *ret, struct error *e)
{
	struct os_query q = query(region, "POST", "/volumes");
	struct node *volume = body_map(a), *reply = NULL;
	int r;

	body_number(a, volume, "size", n->size);
	body_text(a, volume, "name", arena_printf(a, "kbuild-%s", n->server));
	body_text(a, volume, "availability_zone", n->zone);
	body_set(a, volume, "metadata", body_text(a, body_map(a), "kbuild:server", n->server));
	q.body = body_json(a, "volume", volume);
	r = os_call(o, &q, a, &reply, e);
	if (r != 0)
		return r;
	/* It was made: who looks by its metadata finds it. */
	r = cinder_volume_read(node_get(reply, "volume"), a, ret, e);
	return r < 0 ? OS_UNSURE : 0;
}

int cinder_delete(struct os *o, const char *region, const char *id, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct os_query q = query(region, "DELETE", arena_printf(a, "/volumes/%s", id));
	struct node *reply = NULL;
	int r = os_call(o, &q, a, &reply, e);

	return r == OS_ABSENT || r == OS_REFUSED ? r : api_plain(r, e);
}

int cinder_limits_read(
	const struct node *reply, struct arena *a, struct cinder_limits *ret, struct error *e)
{
	static const struct field fields[] = {
		{ "maxTotalVolumes", reply_number, offsetof(struct cinder_limits, max_volumes) },
		{ "totalVolumesUsed", reply_number, offsetof(struct cinder_limits, volumes) },
		{ "maxTotalVolumeGigabytes", reply_number,
			offsetof(struct cinder_limits, max_gib) },
		{ "totalGigabytesUsed", reply_number, offsetof(struct cinder_limits, gib) },
		{},
	};
	struct cinder_limits l = { .max_volumes = -1, .max_gib = -1 };
	int r = reply_read(
		node_path(reply, "limits.absolute"), "limits.absolute", fields, &l, a, e);

	if (r == 0)
		*ret = l;
	return r;
}

int cinder_limits(struct os *o, const char *region, struct arena *a, struct cinder_limits *ret,
	struct error *e)
{
	struct os_query q = query(region, "GET", "/limits");
	struct node *reply = NULL;
	int r = os_must(o, &q, a, &reply, e);

	return r < 0 ? r : cinder_limits_read(reply, a, ret, e);
}
