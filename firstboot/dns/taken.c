/*
 * Whether another server has taken the names since this one had them. A boot of the old one, kept beside
 * the new one, must not take them back: visitors would be led away from the one that serves them.
 */
#include "job.h"

#include "arena.h"

#include <strings.h>

static bool had(const struct dns_job *j, const char *name)
{
	for (size_t i = 0; i < j->memory.ours.n; i++)
		if (strcasecmp(j->memory.ours.v[i].name, name) == 0)
			return true;
	return false;
}

/* Also one that was: the address of a server can change from boot to boot. */
static bool is_ours(const struct dns_job *j, const char *address)
{
	const char *const now[] = { j->report->ipv4, j->report->ipv6 };

	for (size_t i = 0; i < ARRAY_SIZE(now); i++)
		if (now[i] && dns_address_equal(now[i], address))
			return true;
	for (size_t i = 0; i < j->memory.ours.n; i++)
		if (dns_address_equal(j->memory.ours.v[i].target, address))
			return true;
	return false;
}

/*
 * Where a name leads, when it leads elsewhere only. By the address, not by the record: whoever takes a name
 * changes the record that is there.
 */
static const char *leads_away(const struct dns_job *j, const char *name)
{
	const struct dns_changes *l = &j->report->changes;
	const char *away = NULL;

	for (size_t i = 0; i < l->n; i++) {
		const struct dns_change *c = &l->v[i];

		if (!c->was || strcasecmp(c->record.name, name) != 0)
			continue;
		if (is_ours(j, c->was))
			return NULL;
		away = away ? away : c->was;
	}
	return away;
}

bool dns_taken(struct dns_job *j)
{
	for (size_t i = 0; j->names[i]; i++) {
		const char *away = had(j, j->names[i]) ? leads_away(j, j->names[i]) : NULL;

		if (!away)
			continue;
		j->report->taken = arena_printf(j->arena, "%s leads to %s",
			dns_full_name(j->arena, j->names[i], j->zone_name), away);
		return true;
	}
	return false;
}
