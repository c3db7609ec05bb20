/* One job on a zone: its beginning, its end, and how it waits and reports; see job.h. */
#include "job.h"

#include "agent.h"
#include "alloc.h"
#include "arena.h"
#include "clock.h"
#include "config.h"
#include "credentials.h"
#include "error.h"
#include "node.h"
#include "retry.h"

#include <stdarg.h>
#include <string.h>

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
int dns_begin(struct dns_job *j, struct error *e)
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

void dns_end(struct dns_job *j)
{
	if (j->zone)
		j->provider->close(j->zone);
}
