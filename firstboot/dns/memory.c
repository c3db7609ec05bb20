/* STATE/dns.json: ids of our records, what is being created, and whether it must still be published. */
#include "job.h"

#include "agent.h"
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "ipc.h"
#include "node.h"
#include "state.h"

#include <string.h>
#include <strings.h>

/* False when it is no record of ours. */
static bool read_record(const struct node *n, struct dns_record *r)
{
	r->type = node_str(node_get(n, "type"));
	r->name = node_str(node_get(n, "name"));
	r->target = node_str(node_get(n, "target"));
	return r->type && r->name && r->target && node_is_int(node_get(n, "id"), &r->id) &&
	       node_is_int(node_get(n, "ttl"), &r->ttl);
}

int dns_memory_read(struct dns_job *j, struct error *e)
{
	const struct node *doc = NULL, *records;
	struct dns_record record = { 0 };
	const char *zone;
	int r = state_read(j->agent, DNS_STATE, j->arena, &doc, e);

	if (r != 0)
		return r < 0 ? r : 0;
	zone = node_str(node_get(doc, "zone"));
	if (!zone || strcasecmp(zone, j->zone_name) != 0)
		return 0;
	(void)node_is_bool(node_get(doc, "pending"), &j->memory.pending);
	j->memory.creating = read_record(node_get(doc, "creating"), &j->memory.being_made);
	records = node_get(doc, "records");
	for (size_t i = 0; records && records->kind == NODE_LIST && i < records->n; i++)
		if (read_record(records->items[i], &record))
			dns_records_add(&j->memory.ours, j->arena, &record);
	return 0;
}

static void write_record(const struct dns_record *r, struct buf *out)
{
	_buf_ m = BUF_INIT;

	ipc_begin(&m);
	ipc_add_int(&m, "id", r->id);
	ipc_add_str(&m, "type", r->type);
	ipc_add_str(&m, "name", r->name);
	ipc_add_str(&m, "target", r->target);
	ipc_add_int(&m, "ttl", r->ttl);
	ipc_end(&m);
	buf_adds(out, buf_str(&m));
}

int dns_memory_write(const struct dns_job *j, struct error *e)
{
	_buf_ m = BUF_INIT;
	_buf_ part = BUF_INIT;

	ipc_begin(&m);
	ipc_add_int(&m, "v", 1);
	ipc_add_str(&m, "zone", j->zone_name);
	ipc_add_bool(&m, "pending", j->memory.pending);
	if (j->memory.creating)
		write_record(&j->memory.being_made, &part);
	ipc_add(&m, "creating", j->memory.creating ? buf_str(&part) : "null");
	buf_reset(&part);
	buf_addc(&part, '[');
	for (size_t i = 0; i < j->memory.ours.n; i++) {
		if (i > 0)
			buf_addc(&part, ',');
		write_record(&j->memory.ours.v[i], &part);
	}
	buf_addc(&part, ']');
	ipc_add(&m, "records", buf_str(&part));
	ipc_end(&m);
	buf_addc(&m, '\n');
	return state_write(j->agent, DNS_STATE, &m, e);
}
