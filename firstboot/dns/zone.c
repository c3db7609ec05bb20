/*
 * What is in the zone, what is wanted, and the way from one to the other. Every creation is written down
 * before it is asked for, and looked for, not repeated, when nobody knows whether it was carried out.
 */
#include "job.h"

#include "agent.h"
#include "alloc.h"
#include "arena.h"
#include "clock.h"
#include "error.h"

#include <string.h>
#include <strings.h>

#define CREATIONS 3 /* attempts, each after it was sure that the one before was not carried out */

static bool same_place(const struct dns_record *a, const struct dns_record *b)
{
	return strcmp(a->type, b->type) == 0 && strcasecmp(a->name, b->name) == 0;
}

static const struct dns_record *find_target(const struct dns_records *l, const struct dns_record *r)
{
	for (size_t i = 0; i < l->n; i++)
		if (dns_address_equal(l->v[i].target, r->target))
			return &l->v[i];
	return NULL;
}

static bool has_id(const struct dns_records *l, int64_t id)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].id == id)
			return true;
	return false;
}

/*
 * Adds what an earlier run made here and the list does not show. It may have been made a moment ago,
 * or removed by somebody since: only time tells.
 */
static int add_remembered(
	struct dns_job *j, const struct dns_record *like, struct dns_records *ret, struct error *e)
{
	bool unsettled = false;

	for (size_t i = 0; i < j->memory.ours.n; i++) {
		struct dns_record r = j->memory.ours.v[i];
		int s;

		if (!same_place(&r, like) || r.id == 0 || has_id(ret, r.id))
			continue;
		s = j->provider->read(j->zone, &r, j->arena, e);
		if (s < 0)
			return s;
		if (s == 0 && same_place(&r, like))
			dns_records_add(ret, j->arena, &r);
		unsettled |= s == DNS_ABSENT;
	}
	if (j->memory.creating && same_place(&j->memory.being_made, like)) {
		if (find_target(ret, &j->memory.being_made))
			j->memory.creating = false;
		else
			unsettled = true;
	}
	return unsettled ? DNS_UNSETTLED : 0;
}

/* The records of a place, once they are all to be seen. */
static int read_place(
	struct dns_job *j, const struct dns_record *like, struct dns_records *ret, struct error *e)
{
	int64_t end = clock_now_ms(j->agent->clock) + j->settle_ms;

	for (unsigned n = 1;; n++) {
		bool listed;
		int r;

		ret->n = 0;
		r = j->provider->list(j->zone, like, j->arena, ret, e);
		listed = r == 0;
		if (r == 0)
			r = add_remembered(j, like, ret, e);
		if (r <= 0)
			return r;
		if (clock_now_ms(j->agent->clock) >= end) {
			/* What is still not there was never made, or was removed by somebody. */
			if (listed && j->memory.creating && same_place(&j->memory.being_made, like))
				j->memory.creating = false;
			return listed ? 0
				      : error_set(e, ERR_NETWORK,
						"the %s records of %s do not settle: some are listed "
						"and cannot be read",
						like->type,
						dns_full_name(j->arena, like->name, j->zone_name));
		}
		r = dns_pause(j, n, e);
		if (r < 0)
			return r;
	}
}

static int refuse_cname(struct dns_job *j, const char *name, struct error *e)
{
	const struct dns_record like = { .type = "CNAME", .name = name };
	struct dns_records found = { 0 };
	int r = read_place(j, &like, &found, e);

	if (r < 0 || found.n == 0)
		return r;
	return error_set(e, ERR_INVALID,
		"%s is a CNAME to %.255s, and nothing can stand beside a CNAME: remove it from the zone, "
		"or '%s' from kbuild.dns.records",
		dns_full_name(j->arena, name, j->zone_name), found.v[0].target, name);
}

static int default_ttl(
	struct dns_job *j, const struct dns_records *is, int64_t *ret, struct error *e)
{
	/* Asked once, and only when a record has it. */
	for (size_t i = 0; i < is->n && *ret == 0; i++) {
		int r = is->v[i].ttl == 0 ? j->provider->default_ttl(j->zone, ret, e) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

int dns_compare(struct dns_job *j, struct error *e)
{
	int64_t zone_ttl = 0;

	j->report->changes = (struct dns_changes){ 0 };
	for (size_t i = 0; j->names[i]; i++) {
		/* The zone itself has a SOA: no CNAME can be there, and "" could give all of the zone's. */
		int r = *j->names[i] ? refuse_cname(j, j->names[i], e) : 0;

		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < j->n_wanted; i++) {
		struct dns_wanted *w = &j->wanted[i];
		const struct dns_record like = { .type = w->type, .name = w->name };
		struct dns_records is = { 0 };
		int r = read_place(j, &like, &is, e);

		if (r == 0)
			r = default_ttl(j, &is, &zone_ttl, e);
		if (r < 0)
			return r;
		w->default_ttl = zone_ttl;
		dns_diff(w, &is, &j->report->changes, j->arena);
	}
	return 0;
}

/* Whether a creation of which nobody knows was carried out. 0: yes, with its id. */
static int look_for(struct dns_job *j, struct dns_record *r, struct error *e)
{
	const struct dns_record *found;
	struct dns_records is = { 0 };
	int s = read_place(j, r, &is, e); /* waits for being_made */

	if (s < 0)
		return s;
	found = find_target(&is, r);
	if (!found)
		return DNS_ABSENT;
	r->id = found->id;
	return 0;
}

static int create(struct dns_job *j, struct dns_record *r, struct error *e)
{
	struct error unsure = { 0 };

	for (unsigned n = 0; n < CREATIONS; n++) {
		int s;

		j->memory.creating = true;
		j->memory.being_made = *r;
		s = dns_memory_write(j, e);
		if (s < 0)
			return s;
		s = j->provider->create(j->zone, r, e);
		if (s == DNS_UNSURE) {
			unsure = *e;
			s = look_for(j, r, e);
		}
		if (s <= 0) {
			j->memory.creating = s < 0;
			return s;
		}
	}
	*e = unsure;
	return -e->code;
}

/* Whether that was news. */
static bool remember(struct dns_job *j, const struct dns_change *c)
{
	struct dns_records *l = &j->memory.ours;
	bool known = false, ours = c->act != DNS_DELETE && c->record.id > 0;
	size_t k = 0, n = l->n;

	for (size_t i = 0; i < n; i++)
		if (l->v[i].id != c->record.id)
			l->v[k++] = l->v[i];
		else
			known = dns_address_equal(l->v[i].target, c->record.target);
	l->n = k;
	if (ours)
		dns_records_add(l, j->arena, &c->record);
	return ours ? !known : k < n;
}

static int apply_one(struct dns_job *j, struct dns_change *c, struct error *e)
{
	switch (c->act) {
	case DNS_KEEP:
		return 0;
	case DNS_CREATE:
		return create(j, &c->record, e);
	case DNS_UPDATE:
		return j->provider->update(j->zone, &c->record, e);
	case DNS_DELETE:
		return j->provider->remove(j->zone, &c->record, e);
	}
	return 0;
}

int dns_apply(struct dns_job *j, struct error *e)
{
	struct dns_changes *l = &j->report->changes;
	int r = 0;

	if (l->writes > 0 && !j->memory.pending) {
		j->memory.pending = true;
		r = dns_memory_write(j, e);
	}
	for (size_t i = 0; r == 0 && i < l->n; i++) {
		r = apply_one(j, &l->v[i], e);
		if (r < 0)
			error_prefix(e, "%s record of %s", l->v[i].record.type,
				dns_full_name(j->arena, l->v[i].record.name, j->zone_name));
		/* At once: whatever comes behind may fail, and the names be another server's by then. */
		if (r == 0 && remember(j, &l->v[i]))
			r = dns_memory_write(j, e);
	}
	return r == DNS_ABSENT ? DNS_UNSETTLED : r;
}
