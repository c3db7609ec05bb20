/* See plan_table.h: asking the parse process, and reading its table. */
#include "plan_table.h"

#include "agent.h"
#include "arena.h"
#include "buf.h"
#include "config.h"
#include "error.h"
#include "ipc.h"
#include "json.h"
#include "mark.h"
#include "node.h"
#include "role.h"
#include "schema.h"

#include <string.h>

#define PARSE_MS  20000
#define TABLE_MAX (4 * MIB)

#define AT(member) offsetof(struct plan_service, member)

static const struct field fields[] = {
	{ "name", field_string, AT(name), FIELD_REQUIRED },
	{ "hash", field_string, AT(hash), FIELD_REQUIRED },
	{ "image", field_string, AT(image) },
	{ "config", field_string, AT(config) },
	{ "alone", field_string, AT(alone) },
	{ "replicas", field_int, AT(replicas) },
	{ "stateful", field_bool, AT(stateful) },
	{ "keeps_image", field_bool, AT(keeps_image) },
	{ "nameless", field_bool, AT(nameless) },
	{ "database", field_bool, AT(database) },
	{ "restarts", field_bool, AT(restarts) },
	{ "retries", field_bool, AT(retries) },
	{ "oneshot", field_bool, AT(oneshot) },
	{ "unsafe", field_bool, AT(unsafe) },
	{ "dump", field_bool, AT(dump) },
	{ "named", field_bool, AT(named) },
	{ "published", field_bool, AT(published) },
	{ "memory", field_int, AT(memory) },
	{ "drain", field_string, AT(drain) },
	{ "data", field_string, AT(data) },
	{ "shares", field_strings, AT(shares) },
	{},
};

int plan_table(struct agent *a, int doc, struct arena *arena, struct node **ret, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	const char *database = a->config->backup.postgres.container;
	const char *health = a->config->app.health;
	_buf_ request = BUF_INIT;
	_buf_ text = BUF_INIT;
	int r;

	ipc_begin_op(&request, "plan");
	ipc_add_str(&request, "database", database ? database : "");
	ipc_add_str(&request, "health", health ? health : "");
	ipc_end(&request);
	r = role_call(a->parse, &request, &doc, 1, PARSE_MS, &m, e);
	if (r < 0)
		return r;
	if (m.n_fds != 1)
		return error_set(e, ERR_FAILED, "the parse process gave no table");
	r = ipc_read_fd(m.fds[0], TABLE_MAX, &text);
	if (r < 0)
		return error_errno(e, r, "cannot read the parse process's table");
	return json_parse(ret, arena, "plan", buf_str(&text), text.len, e);
}

void plan_set(struct node *table, struct arena *arena, const char *service, const char *key,
	const char *value)
{
	const struct node *list = node_get(table, "services");

	for (size_t i = 0; list && i < list->n; i++) {
		const char *name = node_str(node_get(list->items[i], "name"));

		if (name && strcmp(name, service) == 0)
			node_set(arena, list->items[i], &list->at, key,
				node_scalar(arena, &list->at, value, strlen(value)));
	}
}

int plan_parse(const struct node *table, struct arena *arena, struct plan *ret, struct error *e)
{
	_cleanup_(diags_free) struct diags d = DIAGS_INIT;
	struct schema s = { arena, &d, NULL };
	const struct node *list = node_get(table, "services");

	if (!list || list->kind != NODE_LIST)
		return error_set(e, ERR_FAILED, "a plan without services");
	ret->address = node_str(node_get(table, "address"));
	ret->services = arena_alloc(arena, (list->n + 1) * sizeof *ret->services);
	ret->n = list->n;
	for (size_t i = 0; i < list->n; i++) {
		ret->services[i].replicas = 1;
		schema_read(&s, list->items[i], fields, &ret->services[i]);
	}
	return diags_result(&d, "plan", e);
}

const struct plan_service *plan_find(const struct plan *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->services[i].name, name) == 0)
			return &p->services[i];
	return NULL;
}

bool plan_differs(const struct plan_service *new, const struct plan_service *old)
{
	if (!old || strcmp(new->hash, old->hash) != 0)
		return true;
	return !new->keeps_image &&new->image &&
	       (!old->image || strcmp(new->image, old->image) != 0);
}

bool plan_names(const char *const *names, const char *name)
{
	for (; names && *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

bool plan_is_awaited(const struct plan_service *s)
{
	return s->oneshot && !s->restarts;
}

bool plan_shares(const struct plan *p, const struct plan_service *s)
{
	if (s->shares)
		return true;
	for (size_t i = 0; i < p->n; i++)
		if (plan_names(p->services[i].shares, s->name))
			return true;
	return false;
}

/* Whether a service is in the name spaces of one that is marked. */
static bool shares_with(const struct plan *p, const struct plan_service *s, const bool *marks)
{
	for (size_t i = 0; i < p->n; i++)
		if (marks[i] && plan_names(s->shares, p->services[i].name))
			return true;
	return false;
}

const char **plan_with_sharers(const struct plan *p, struct arena *arena, const char *const *names)
{
	const char **ret = arena_alloc(arena, (p->n + 1) * sizeof *ret);
	bool *marks = arena_alloc(arena, (p->n + 1) * sizeof *marks);
	bool more = true;
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		marks[i] = plan_names(names, p->services[i].name);
	while (more) {
		more = false;
		for (size_t i = 0; i < p->n; i++) {
			if (marks[i] || !shares_with(p, &p->services[i], marks))
				continue;
			marks[i] = more = true;
		}
	}
	for (size_t i = 0; i < p->n; i++)
		if (marks[i])
			ret[n++] = p->services[i].name;
	return ret;
}
