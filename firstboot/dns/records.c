/* See records.h. */
#include "records.h"

#include "arena.h"

#include <arpa/inet.h>
#include <string.h>

void dns_records_add(struct dns_records *l, struct arena *a, const struct dns_record *r)
{
	if (l->n == l->cap) {
		struct dns_record *more;

		l->cap = l->cap ? 2 * l->cap : 8;
		more = arena_alloc(a, l->cap * sizeof *more);
		if (l->n > 0)
			memcpy(more, l->v, l->n * sizeof *more);
		l->v = more;
	}
	l->v[l->n++] = *r;
}

static void add_change(struct dns_changes *l, struct arena *a, const struct dns_change *c)
{
	if (l->n == l->cap) {
		struct dns_change *more;

		l->cap = l->cap ? 2 * l->cap : 8;
		more = arena_alloc(a, l->cap * sizeof *more);
		if (l->n > 0)
			memcpy(more, l->v, l->n * sizeof *more);
		l->v = more;
	}
	l->v[l->n++] = *c;
	l->writes += c->act != DNS_KEEP;
}

bool dns_address_equal(const char *a, const char *b)
{
	static const int families[] = { AF_INET, AF_INET6 };
	unsigned char x[16], y[16];

	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		if (inet_pton(families[i], a, x) == 1 && inet_pton(families[i], b, y) == 1)
			return memcmp(x, y, families[i] == AF_INET ? 4 : 16) == 0;
	return false;
}

const char *dns_full_name(struct arena *a, const char *name, const char *zone)
{
	if (*name == '\0' || strcmp(name, "@") == 0)
		return zone;
	return arena_printf(a, "%s.%s", name, zone);
}

/* The record that stays: the right one with the right ttl, else the right one, else any; n: none. */
static size_t choose(const struct dns_wanted *w, const struct dns_records *is)
{
	size_t best = is->n;
	int rank = 0;

	for (size_t i = 0; i < is->n; i++) {
		const struct dns_record *r = &is->v[i];
		int64_t ttl = r->ttl ? r->ttl : w->default_ttl;
		int now = 1;

		if (dns_address_equal(r->target, w->address))
			now = ttl == w->ttl ? 3 : 2;
		if (now > rank) {
			best = i;
			rank = now;
		}
	}
	return best;
}

void dns_diff(const struct dns_wanted *w, const struct dns_records *is, struct dns_changes *ret,
	struct arena *a)
{
	size_t stays = w->address ? choose(w, is) : is->n;
	struct dns_change c = { .record = { 0, w->type, w->name, w->address, w->ttl } };

	if (stays < is->n) {
		const struct dns_record *r = &is->v[stays];

		c.record.id = r->id;
		c.was = r->target;
		c.act = DNS_UPDATE;
		if (dns_address_equal(r->target, w->address) &&
			(r->ttl ? r->ttl : w->default_ttl) == w->ttl)
			c.act = DNS_KEEP;
		add_change(ret, a, &c);
	} else if (w->address) {
		c.act = DNS_CREATE;
		add_change(ret, a, &c);
	}
	for (size_t i = 0; i < is->n; i++) {
		if (i == stays)
			continue;
		c = (struct dns_change){ DNS_DELETE, is->v[i], is->v[i].target };
		add_change(ret, a, &c);
	}
}
