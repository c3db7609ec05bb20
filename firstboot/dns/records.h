/*
 * Records of one name and type, and the difference between those that are and those that should be.
 * Nothing here talks to anybody.
 */
#pragma once

#include "base.h"

struct arena;

/* A and AAAA only: "A" or "AAAA"; CNAME is looked for, never written. */
struct dns_record {
	int64_t id;	  /* 0: not known */
	const char *type; /* "A" */
	const char *name; /* below the zone; "" for the zone itself */
	const char *target;
	int64_t ttl; /* seconds; 0: the zone's default */
};

/* A growable list in an arena. */
struct dns_records {
	struct dns_record *v;
	size_t n, cap;
};
void dns_records_add(struct dns_records *l, struct arena *a, const struct dns_record *r);

enum dns_act { DNS_KEEP, DNS_CREATE, DNS_UPDATE, DNS_DELETE };

struct dns_change {
	enum dns_act act;
	struct dns_record record; /* as it shall be; of DNS_DELETE: as it is */
	const char *was;	  /* the target before; NULL when created */
};

struct dns_changes {
	struct dns_change *v;
	size_t n, cap;
	size_t writes; /* those that are not DNS_KEEP */
};

/* What a name and type should have. */
struct dns_wanted {
	const char *type, *name;
	const char *address; /* NULL: no record */
	int64_t ttl;
	int64_t default_ttl; /* what ttl 0 of an existing record means */
};

/*
 * Appends what has to be done so that is becomes what is wanted: one record, kept when there is one
 * already, else one of the others is changed to it; whatever is left over goes. Addresses are compared as
 * addresses, not as text.
 */
void dns_diff(const struct dns_wanted *w, const struct dns_records *is, struct dns_changes *ret,
	struct arena *a);

/* Two texts of the same address. False when either is none. */
bool dns_address_equal(const char *a, const char *b);

/* "example.com", "api.example.com": in the arena. name "" or "@" is the zone. */
const char *dns_full_name(struct arena *a, const char *name, const char *zone);
