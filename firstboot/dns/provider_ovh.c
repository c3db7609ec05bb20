/*
 * Zones at OVH. Its filters are loose (a pattern, without case), so what comes back is compared again;
 * a list gives ids only; an id that is listed may not be readable for up to a minute, and the id in the
 * answer to a creation may be 0.
 */
#include "provider.h"

#include "alloc.h"
#include "api.h"
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "json.h"
#include "node.h"
#include "ovh.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define RECORDS_MAX 5000 /* behind one filter; more would be read for an hour */

struct ovh_zone {
	struct ovh_keys keys;
	struct ovh *api;
	char *base; /* "/domain/zone/NAME" */
};

/* The names of keys are those of OVH's own ovh.conf. */
static const struct {
	const char *key;
	size_t offset;
} key_table[] = {
	{ "endpoint", offsetof(struct ovh_keys, endpoint) },
	{ "token_url", offsetof(struct ovh_keys, token_url) },
	{ "application_key", offsetof(struct ovh_keys, application_key) },
	{ "application_secret", offsetof(struct ovh_keys, application_secret) },
	{ "consumer_key", offsetof(struct ovh_keys, consumer_key) },
	{ "client_id", offsetof(struct ovh_keys, client_id) },
	{ "client_secret", offsetof(struct ovh_keys, client_secret) },
	{ "access_token", offsetof(struct ovh_keys, access_token) },
};

static void zone_close(void *p)
{
	struct ovh_zone *z = p;

	if (z->api)
		ovh_free(z->api);
	free(z->base);
	free(z);
}

static int zone_open(const struct dns_place *where, void **ret, struct error *e)
{
	struct ovh_zone *z = xcalloc(1, sizeof *z);
	_buf_ base = BUF_INIT;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(key_table); i++)
		*(const char **)((char *)&z->keys + key_table[i].offset) =
			node_str(node_get(where->keys, key_table[i].key));
	buf_adds(&base, "/domain/zone/");
	api_escape(&base, where->zone);
	z->base = buf_detach(&base);
	r = ovh_new(&z->api, &z->keys, where->http, where->clock, e);
	if (r < 0) {
		zone_close(z);
		return r;
	}
	*ret = z;
	return 0;
}

static int get(
	struct ovh_zone *z, const char *path, struct arena *a, struct node **ret, struct error *e)
{
	return ovh_call(z->api,
		&(struct ovh_query){
			.method = "GET", .path = arena_printf(a, "%s%s", z->base, path) },
		a, ret, e);
}

static int must_get(
	struct ovh_zone *z, const char *path, struct arena *a, struct node **ret, struct error *e)
{
	int r = get(z, path, a, ret, e);

	return r > 0 ? -e->code : r;
}

static int read_fields(const struct node *n, struct dns_record *r, struct error *e)
{
	char what[48];

	snprintf(what, sizeof what, "OVH: record %" PRId64, r->id);
	if (api_text(n, "fieldType", what, &r->type, e) < 0 ||
		api_text(n, "target", what, &r->target, e) < 0)
		return -e->code;
	/* The zone itself: "", or null. */
	r->name = node_str(node_get(n, "subDomain"));
	r->name = r->name ? r->name : "";
	r->ttl = 0;
	if (!node_is_null(node_get(n, "ttl")))
		return api_number(n, "ttl", what, &r->ttl, e);
	return 0;
}

static int zone_read(void *p, struct dns_record *r, struct arena *a, struct error *e)
{
	struct node *n = NULL;
	int s = get(p, arena_printf(a, "/record/%" PRId64, r->id), a, &n, e);

	if (s == OVH_ABSENT)
		return DNS_ABSENT;
	return s != 0 ? -e->code : read_fields(n, r, e);
}

static int zone_list(void *p, const struct dns_record *like, struct arena *a,
	struct dns_records *ret, struct error *e)
{
	_buf_ path = BUF_INIT;
	struct node *ids = NULL;
	int r;

	buf_printf(&path, "/record?fieldType=%s&subDomain=", like->type);
	api_escape(&path, like->name);
	r = must_get(p, buf_str(&path), a, &ids, e);
	if (r == 0)
		r = api_list(ids, "OVH: the list of records", e);
	if (r < 0)
		return r;
	if (ids->n > RECORDS_MAX)
		return error_set(
			e, ERR_FAILED, "OVH: %zu records where a few were asked for", ids->n);
	for (size_t i = 0; i < ids->n; i++) {
		struct dns_record found = { 0 };

		if (!node_is_int(ids->items[i], &found.id))
			return error_set(e, ERR_FAILED,
				"OVH: the list of records: an id must be a whole number, not %s",
				node_what(ids->items[i]));
		r = zone_read(p, &found, a, e);
		if (r == DNS_ABSENT)
			return DNS_UNSETTLED;
		if (r < 0)
			return r;
		if (strcmp(found.type, like->type) == 0 && strcasecmp(found.name, like->name) == 0)
			dns_records_add(ret, a, &found);
	}
	return 0;
}

static void write_fields(const struct dns_record *r, bool all, struct buf *out)
{
	buf_addc(out, '{');
	if (all)
		buf_printf(out, "\"fieldType\":\"%s\",", r->type);
	buf_adds(out, "\"subDomain\":");
	json_write_string(out, r->name, strlen(r->name));
	buf_adds(out, ",\"target\":");
	json_write_string(out, r->target, strlen(r->target));
	buf_printf(out, ",\"ttl\":%" PRId64 "}", r->ttl);
}

static int zone_create(void *p, struct dns_record *r, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct ovh_zone *z = p;
	struct node *n = NULL;
	_buf_ body = BUF_INIT;
	int s;

	write_fields(r, true, &body);
	s = ovh_call(z->api,
		&(struct ovh_query){ .method = "POST",
			.path = arena_printf(a, "%s/record", z->base),
			.body = buf_str(&body) },
		a, &n, e);
	/* A conflict says that it is there: as an answer that was lost would have done. */
	if (s == OVH_UNSURE || s == OVH_CONFLICT)
		return DNS_UNSURE;
	if (s != 0)
		return -e->code;
	if (api_number(n, "id", "OVH: the new record", &r->id, e) < 0)
		return DNS_UNSURE;
	if (r->id > 0)
		return 0;
	r->id = 0;
	error_set(e, ERR_NETWORK, "OVH: the new record: 'id' must be positive");
	return DNS_UNSURE;
}

static int zone_update(void *p, const struct dns_record *r, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct ovh_zone *z = p;
	_buf_ body = BUF_INIT;
	int s;

	write_fields(r, false, &body);
	s = ovh_call(z->api,
		&(struct ovh_query){ .method = "PUT",
			.path = arena_printf(a, "%s/record/%" PRId64, z->base, r->id),
			.body = buf_str(&body) },
		a, NULL, e);
	return s == OVH_ABSENT ? DNS_ABSENT : s != 0 ? -e->code : 0;
}

static int zone_remove(void *p, const struct dns_record *r, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct ovh_zone *z = p;
	int s = ovh_call(z->api,
		&(struct ovh_query){ .method = "DELETE",
			.path = arena_printf(a, "%s/record/%" PRId64, z->base, r->id) },
		a, NULL, e);

	return s == OVH_ABSENT ? 0 : s != 0 ? -e->code : 0;
}

static int zone_default_ttl(void *p, int64_t *ret, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct node *n = NULL;
	int r = must_get(p, "/soa", a, &n, e);

	return r < 0 ? r : api_number(n, "ttl", "OVH: the zone's SOA", ret, e);
}

static int zone_publish(void *p, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct ovh_zone *z = p;
	int r = ovh_must(z->api,
		&(struct ovh_query){ .method = "POST",
			.path = arena_printf(a, "%s/refresh", z->base),
			.harmless = true },
		a, NULL, e);

	return r < 0 ? error_prefix(e, "the records are written but not published") : 0;
}

static int zone_published(void *p, bool *ret, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const struct node *errors;
	struct node *n = NULL;
	int r = must_get(p, "/status", a, &n, e);

	if (r == 0)
		r = api_bool(n, "isDeployed", "OVH: the zone's status", ret, e);
	if (r < 0 || *ret)
		return r;
	errors = node_get(n, "errors");
	if (!errors || errors->kind != NODE_LIST || errors->n == 0 || !node_str(errors->items[0]))
		return 0;
	error_set(
		e, ERR_FAILED, "OVH does not publish the zone: %.300s", node_str(errors->items[0]));
	return DNS_REFUSED;
}

static int zone_servers(void *p, struct arena *a, const char ***ret, struct error *e)
{
	struct node *n = NULL;
	const struct node *list;
	int r = must_get(p, "", a, &n, e);

	if (r < 0)
		return r;
	list = node_get(n, "nameServers");
	if (api_list(list, "OVH: 'nameServers' of the zone", e) < 0)
		return -e->code;
	*ret = arena_alloc(a, (list->n + 1) * sizeof **ret);
	for (size_t i = 0; i < list->n; i++) {
		(*ret)[i] = node_str(list->items[i]);
		if (!(*ret)[i])
			return error_set(e, ERR_FAILED,
				"OVH: 'nameServers' of the zone: a name must be text, not %s",
				node_what(list->items[i]));
	}
	return 0;
}

const struct dns_provider dns_provider_ovh = {
	.name = "ovh",
	.open = zone_open,
	.close = zone_close,
	.list = zone_list,
	.read = zone_read,
	.create = zone_create,
	.update = zone_update,
	.remove = zone_remove,
	.default_ttl = zone_default_ttl,
	.publish = zone_publish,
	.published = zone_published,
	.servers = zone_servers,
};
