/* The way from kbuild.dns to name servers that answer it; see dns.h. */
#include "job.h"

#include "agent.h"
#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "clock.h"
#include "config.h"
#include "credentials.h"
#include "error.h"
#include "node.h"
#include "retry.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PASSES 3 /* when others write to the zone at the same time */

int dns_pause(const struct dns_job *j, unsigned n, struct error *e)
{
	int64_t ms = 1000 * (int64_t)n * (n + 1) / 2; /* 1, 3, 6, 10, 15 s */
	int r = clock_sleep_ms(j->agent->clock, MIN(ms, 15000));

	return r < 0 ? error_errno(e, r, "waiting") : 0;
}

void dns_note(const struct dns_job *j, const char *fmt, ...)
{
	_free_ char *text = NULL;
	va_list ap;

	if (!j->options->note)
		return;
	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	j->options->note(j->options->note_arg, text);
}

/* NULL: absent; in the arena. */
static int read_list(const struct dns_job *j, const struct node *doc, const char *key,
	const char ***ret, struct error *e)
{
	const struct node *n = node_get(doc, key);
	const char **list;

	if (node_is_null(n))
		return 0;
	if (n->kind != NODE_LIST || n->n == 0)
		return error_set(e, ERR_INVALID,
			"DNS credentials: '%s' must be a list that is not empty", key);
	list = arena_alloc(j->arena, (n->n + 1) * sizeof *list);
	for (size_t i = 0; i < n->n; i++) {
		list[i] = node_str(n->items[i]);
		if (!list[i])
			return error_set(e, ERR_INVALID,
				"DNS credentials: '%s' must be a list of texts", key);
	}
	*ret = list;
	return 0;
}

static int read_credentials(struct dns_job *j, const struct node **ret, struct error *e)
{
	int r = credential_read(j->agent, "dns", j->arena, ret, e);

	if (r == CREDENTIAL_ABSENT)
		return error_set(e, ERR_INVALID,
			"kbuild.dns is there, but no DNS credentials: this server was launched without 'dns' "
			"in the file of --secrets");
	if (r == 0)
		r = read_list(j, *ret, "addresses", &j->addresses, e);
	if (r == 0)
		r = read_list(j, *ret, "nameservers", &j->servers, e);
	j->servers_given = j->servers != NULL;
	return r;
}

static void list_wanted(struct dns_job *j, const struct agent_config *c)
{
	const char *const types[] = { "A", "AAAA" };
	const char *const addresses[] = { j->report->ipv4, j->report->ipv6 };
	size_t n = 0;

	while (c->dns.records[n])
		n++;
	j->names = arena_alloc(j->arena, (n + 1) * sizeof *j->names);
	j->wanted = arena_alloc(j->arena, 2 * (n + 1) * sizeof *j->wanted);
	for (size_t i = 0; i < n; i++) {
		j->names[i] = strcmp(c->dns.records[i], "@") == 0 ? "" : c->dns.records[i];
		for (size_t t = 0; t < ARRAY_SIZE(types); t++)
			j->wanted[j->n_wanted++] = (struct dns_wanted){ types[t], j->names[i],
				addresses[t], j->ttl, 0 };
	}
}

/* Everything up to the first question to the provider. */
static int begin(struct dns_job *j, struct error *e)
{
	const struct agent_config *c = j->agent->config;
	const struct node *keys = NULL;
	int r;

	j->zone_name = j->report->zone = c->dns.zone;
	j->ttl = c->dns.ttl;
	j->settle_ms = env_number("KBUILD_DNS_SETTLE_MS", DNS_SETTLE_MS, 0, DNS_SETTLE_MS);
	j->provider = dns_provider_find(c->dns.provider);
	if (!j->provider)
		return error_set(
			e, ERR_INVALID, "kbuild.dns: unknown provider '%s'", c->dns.provider);
	r = read_credentials(j, &keys, e);
	if (r < 0)
		return r;
	if (j->options->addresses)
		j->addresses = (const char **)(uintptr_t)j->options->addresses;
	r = dns_find_addresses(j, e);
	if (r < 0)
		return r;
	list_wanted(j, c);
	return j->provider->open(
		&(struct dns_place){ &j->http, j->agent->clock, j->zone_name, keys }, &j->zone, e);
}

static void end(struct dns_job *j)
{
	if (j->zone)
		j->provider->close(j->zone);
}

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
	if (r < 0)
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
		r = j->provider->published(j->zone, &j->report->published, e);
	return r < 0 ? r : dns_ask_servers(j, e);
}

int dns_run(struct dns_job *j, bool write, struct error *e)
{
	int r;

	*j->report = (struct dns_report){ 0 };
	if (!j->agent->config->has_dns)
		return DNS_NOT_ASKED;
	r = begin(j, e);
	if (r == 0)
		r = write ? sync_zone(j, e) : show_zone(j, e);
	if (r == 0)
		dns_check_delegation(j);
	end(j);
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

	return dns_run(&j, true, e);
}

int dns_show(struct agent *a, const struct dns_options *o, struct arena *arena,
	struct dns_report *ret, struct error *e)
{
	struct dns_job j = job_of(a, o, arena, ret);

	return dns_run(&j, false, e);
}
