/* The way from kbuild.dns to name servers that answer it; see dns.h. */
#include "job.h"

#include "agent.h"
#include "config.h"
#include "error.h"
#include "fd.h"

#define PASSES 3 /* when others write to the zone at the same time */

/* All is served: what is ours is remembered, and that nothing has to be published any more. */
static int conclude(struct dns_job *j, struct error *e)
{
	const struct dns_changes *l = &j->report->changes;
	struct dns_records ours = { 0 };
	bool same = !j->memory.pending && !j->memory.creating;

	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].act != DNS_DELETE)
			dns_records_add(&ours, j->arena, &l->v[i].record);
	same = same && ours.n == j->memory.ours.n;
	for (size_t i = 0; same && i < ours.n; i++)
		same = ours.v[i].id == j->memory.ours.v[i].id;
	if (same)
		return 0;
	j->memory = (struct dns_memory){ .ours = ours };
	return dns_memory_write(j, e);
}

static int compare_and_apply(struct dns_job *j, struct error *e)
{
	int r = DNS_UNSETTLED;

	for (int i = 0; i < PASSES && r == DNS_UNSETTLED; i++) {
		r = dns_compare(j, e);
		if (r == 0 && j->options->yields && dns_taken(j))
			return DNS_TAKEN;
		if (r == 0)
			r = dns_apply(j, e);
	}
	if (r == DNS_UNSETTLED)
		return error_set(e, ERR_NETWORK,
			"the zone %s is being changed by somebody else; try again later",
			j->zone_name);
	return r;
}

/* The whole of dns_sync(), over a provider that is open. */
static int sync_zone(struct dns_job *j, struct error *e)
{
	int r = dns_memory_read(j, e);

	if (r == 0)
		r = compare_and_apply(j, e);
	if (r != 0)
		return r;
	j->report->written = j->report->changes.writes > 0;
	if (!j->memory.pending && !j->options->publish) {
		/* A change that somebody made and did not publish is seen here. */
		r = dns_confirm(j, e);
		if (r <= 0)
			return r < 0 ? r : conclude(j, e);
	}
	r = dns_publish(j, e);
	return r < 0 ? r : conclude(j, e);
}

static int show_zone(struct dns_job *j, struct error *e)
{
	int r = dns_compare(j, e);

	if (r == 0)
		r = dns_ask_published(j, e);
	return r < 0 ? r : dns_ask_servers(j, e);
}

int dns_run(struct dns_job *j, bool write, struct error *e)
{
	int r;

	*j->report = (struct dns_report){ 0 };
	if (!j->agent->config->has_dns)
		return DNS_NOT_ASKED;
	r = dns_begin(j, e);
	if (r == 0)
		r = write ? sync_zone(j, e) : show_zone(j, e);
	if (r == 0)
		dns_check_delegation(j);
	dns_end(j);
	return r;
}

static struct dns_job job_of(
	struct agent *a, const struct dns_options *o, struct arena *arena, struct dns_report *ret)
{
	return (struct dns_job){
		.agent = a,
		.options = o,
		.arena = arena,
		.report = ret,
		.http = agent_http(a),
		.exchange = dns_exchange_of(a),
	};
}

int dns_sync(struct agent *a, const struct dns_options *o, struct arena *arena,
	struct dns_report *ret, struct error *e)
{
	struct dns_job j = job_of(a, o, arena, ret);
	_close_ int lock = -1;
	int r = agent_lock_part(a, "dns", &lock, e);

	if (r == AGENT_BUSY) {
		error_set(
			e, ERR_FAILED, "another 'dns sync', by hand or of first boot, is at work");
		return error_transient(e);
	}
	return r < 0 ? r : dns_run(&j, true, e);
}

int dns_show(struct agent *a, const struct dns_options *o, struct arena *arena,
	struct dns_report *ret, struct error *e)
{
	struct dns_job j = job_of(a, o, arena, ret);

	return dns_run(&j, false, e);
}
