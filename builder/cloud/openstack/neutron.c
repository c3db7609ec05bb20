/* Calls of Neutron. */
#include "neutron.h"

#include "api.h"
#include "arena.h"
#include "body.h"
#include "error.h"
#include "node.h"
#include "os.h"
#include "reply.h"

#include <string.h>

#define RULES_MAX 10000

static struct os_query query(const char *region, const char *method, const char *path)
{
	return (struct os_query){
		.service = OS_NETWORK, .region = region, .method = method, .path = path
	};
}

static int wrong(const char *what, struct error *e)
{
	int r = error_set(e, ERR_NETWORK, "the reply's '%s", what);

	e->transient = false;
	return r;
}

int neutron_network_read(
	const struct node *n, struct arena *a, struct neutron_network *ret, struct error *e)
{
	static const struct field fields[] = {
		{ "id", reply_text, offsetof(struct neutron_network, id), FIELD_REQUIRED },
		{ "name", reply_text, offsetof(struct neutron_network, name) },
		{ "status", reply_text, offsetof(struct neutron_network, status) },
		{ "router:external", field_bool, offsetof(struct neutron_network, external) },
		{ "port_security_enabled", field_bool,
			offsetof(struct neutron_network, port_security) },
		{ "shared", field_bool, offsetof(struct neutron_network, shared) },
		{ "tenant_id", reply_text, offsetof(struct neutron_network, project) },
		{ "project_id", reply_text, offsetof(struct neutron_network, project) },
		{},
	};
	struct neutron_network w = { .name = "", .port_security = true };
	int r = reply_read(n, "network", fields, &w, a, e);

	if (r == 0 && !id_valid(w.id))
		return wrong("network.id' must be an id", e);
	if (r == 0)
		*ret = w;
	return r;
}

/*
 * To who is an admin Neutron shows the objects of all projects, and what another one has is not ours, whatever its
 * name. its: NULL where the service does not say.
 */
static bool is_of(const char *its, const char *project)
{
	return !its || strcmp(its, project) == 0;
}

int neutron_networks(struct os *o, const char *region, struct arena *a,
	struct neutron_network **ret, size_t *ret_n, struct error *e)
{
	struct os_query q = query(region, "GET", "/networks");
	struct neutron_network *v;
	const char *project;
	struct node *list;
	size_t n = 0;
	int r = os_project(o, a, &project, e);

	if (r < 0)
		return r;
	r = os_list(o, &q, "networks", a, &list, e);
	if (r < 0)
		return r;
	v = arena_alloc(a, (list->n + 1) * sizeof *v);
	for (size_t i = 0; i < list->n; i++) {
		r = neutron_network_read(list->items[i], a, &v[n], e);
		if (r < 0)
			return r;
		n += v[n].shared || v[n].external || is_of(v[n].project, project);
	}
	*ret = v;
	*ret_n = n;
	return 0;
}

static int read_rule(
	const struct node *n, struct arena *a, struct neutron_rule *ret, struct error *e)
{
	static const struct field fields[] = {
		{ "id", reply_text, offsetof(struct neutron_rule, id), FIELD_REQUIRED },
		{ "direction", reply_text, offsetof(struct neutron_rule, direction),
			FIELD_REQUIRED },
		{ "ethertype", reply_text, offsetof(struct neutron_rule, ethertype) },
		{ "protocol", reply_text, offsetof(struct neutron_rule, protocol) },
		{ "remote_ip_prefix", reply_text, offsetof(struct neutron_rule, prefix) },
		{ "remote_group_id", reply_text, offsetof(struct neutron_rule, remote_group) },
		{ "port_range_min", reply_number, offsetof(struct neutron_rule, first) },
		{ "port_range_max", reply_number, offsetof(struct neutron_rule, last) },
		{},
	};
	struct neutron_rule rule = { .first = -1, .last = -1 };
	int r = reply_read(n, "security_group_rule", fields, &rule, a, e);

	if (r == 0 && !id_valid(rule.id))
		return wrong("security_group_rule.id' must be an id", e);
	if (r == 0)
		*ret = rule;
	return r;
}

int neutron_group_read(
	const struct node *n, struct arena *a, struct neutron_group *ret, struct error *e)
{
	struct raw {
		struct neutron_group g;
		const struct node *rules;
	} raw = { .g = { .description = "" } };
	static const struct field fields[] = {
		{ "id", reply_text, offsetof(struct raw, g.id), FIELD_REQUIRED },
		{ "name", reply_text, offsetof(struct raw, g.name), FIELD_REQUIRED },
		{ "description", reply_text, offsetof(struct raw, g.description) },
		{ "tenant_id", reply_text, offsetof(struct raw, g.project) },
		{ "project_id", reply_text, offsetof(struct raw, g.project) },
		{ "security_group_rules", field_node, offsetof(struct raw, rules) },
		{},
	};
	int r = reply_read(n, "security_group", fields, &raw, a, e);

	if (r < 0)
		return r;
	if (!id_valid(raw.g.id))
		return wrong("security_group.id' must be an id", e);
	if (raw.rules && (raw.rules->kind != NODE_LIST || raw.rules->n > RULES_MAX))
		return wrong("security_group.security_group_rules' must be a list", e);
	raw.g.n_rules = raw.rules ? raw.rules->n : 0;
	raw.g.rules = arena_alloc(a, (raw.g.n_rules + 1) * sizeof *raw.g.rules);
	for (size_t i = 0; i < raw.g.n_rules; i++) {
		r = read_rule(raw.rules->items[i], a, &raw.g.rules[i], e);
		if (r < 0)
			return r;
	}
	*ret = raw.g;
	return 0;
}

bool neutron_group_is_ours(const struct neutron_group *g)
{
	return strncmp(g->description, "kbuild:server=", 14) == 0;
}

int neutron_groups(struct os *o, const char *region, const char *name, struct arena *a,
	struct neutron_group **ret, size_t *ret_n, struct error *e)
{
	struct neutron_group *v;
	const char *project;
	struct os_query q;
	struct node *list;
	size_t n = 0;
	int r = os_project(o, a, &project, e);

	if (r < 0)
		return r;
	q = query(region, "GET",
		arena_printf(a, "/security-groups?name=%s&project_id=%s", escaped(a, name),
			escaped(a, project)));
	r = os_list(o, &q, "security_groups", a, &list, e);
	if (r < 0)
		return r;
	v = arena_alloc(a, (list->n + 1) * sizeof *v);
	for (size_t i = 0; i < list->n; i++) {
		r = neutron_group_read(list->items[i], a, &v[n], e);
		if (r < 0)
			return r;
		n += strcmp(v[n].name, name) == 0 && is_of(v[n].project, project);
	}
	*ret = v;
	*ret_n = n;
	return 0;
}

int neutron_group_make(struct os *o, const char *region, const char *name, const char *description,
	struct arena *a, struct neutron_group *ret, struct error *e)
{
	struct os_query q = query(region, "POST", "/security-groups");
	struct node *group = body_map(a), *reply = NULL;
	int r;

	body_text(a, group, "name", name);
	body_text(a, group, "description", description);
	q.body = body_json(a, "security_group", group);
	r = os_call(o, &q, a, &reply, e);
	if (r != 0)
		return r;
	/* It was made: who looks by name finds it. */
	r = neutron_group_read(node_get(reply, "security_group"), a, ret, e);
	return r < 0 ? OS_UNSURE : 0;
}

static int delete (struct os *o, const char *region, const char *path, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct os_query q = query(region, "DELETE", path);
	struct node *reply = NULL;

	return os_call(o, &q, a, &reply, e);
}

int neutron_group_delete(struct os *o, const char *region, const char *id, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	int r = delete (o, region, arena_printf(a, "/security-groups/%s", id), e);

	return r == OS_ABSENT || r == OS_CONFLICT ? r : api_plain(r, e);
}

int neutron_rule_delete(struct os *o, const char *region, const char *id, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	int r = delete (o, region, arena_printf(a, "/security-group-rules/%s", id), e);

	return r == OS_ABSENT ? r : api_plain(r, e);
}

int neutron_rules_make(struct os *o, const char *region, const char *group,
	const struct neutron_rule *rules, size_t n, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct os_query q = query(region, "POST", "/security-group-rules");
	struct node *list = body_list(a), *reply = NULL;

	for (size_t i = 0; i < n; i++) {
		const struct neutron_rule *rule = &rules[i];
		struct node *to = body_map(a);

		body_text(a, to, "security_group_id", group);
		body_text(a, to, "direction", rule->direction);
		body_text(a, to, "ethertype", rule->ethertype);
		body_text(a, to, "protocol", rule->protocol);
		body_text(a, to, "remote_ip_prefix", rule->prefix);
		if (rule->first >= 0) {
			body_number(a, to, "port_range_min", rule->first);
			body_number(a, to, "port_range_max", rule->last);
		}
		node_append(a, list, to);
	}
	q.body = body_json(a, "security_group_rules", list);
	return os_call(o, &q, a, &reply, e);
}

/* {"used": 1, "limit": 10} of a kind of object. */
static int read_pair(const struct node *quota, const char *kind, struct arena *a, int64_t *ret_max,
	int64_t *ret_used, struct error *e)
{
	struct pair {
		int64_t limit, used;
	} pair = { -1, 0 };
	static const struct field fields[] = {
		{ "limit", reply_number, offsetof(struct pair, limit) },
		{ "used", reply_number, offsetof(struct pair, used) },
		{},
	};
	const struct node *n = node_get(quota, kind);
	int r = n ? reply_read(n, kind, fields, &pair, a, e) : 0;

	*ret_max = pair.limit;
	*ret_used = pair.used;
	return r;
}

int neutron_limits_read(
	const struct node *reply, struct arena *a, struct neutron_limits *ret, struct error *e)
{
	const struct node *quota = node_get(reply, "quota");
	int r = read_pair(quota, "security_group", a, &ret->max_groups, &ret->groups, e);

	if (r == 0)
		r = read_pair(quota, "security_group_rule", a, &ret->max_rules, &ret->rules, e);
	return r < 0 ? r : read_pair(quota, "port", a, &ret->max_ports, &ret->ports, e);
}

int neutron_limits(struct os *o, const char *region, struct arena *a, struct neutron_limits *ret,
	struct error *e)
{
	const char *project = NULL;
	struct node *reply = NULL;
	struct os_query q;
	int r = os_project(o, a, &project, e);

	*ret = (struct neutron_limits){ -1, 0, -1, 0, -1, 0 };
	if (r < 0)
		return r;
	q = query(region, "GET", arena_printf(a, "/quotas/%s/details.json", project));
	r = os_call(o, &q, a, &reply, e);
	if (r == OS_ABSENT || r == OS_REFUSED)
		return 0; /* an extension, or a right, that this cloud has not */
	r = api_plain(r, e);
	return r < 0 ? r : neutron_limits_read(reply, a, ret, e);
}
