/* What the files of this folder share while they work. */
#pragma once

#include "dns.h"
#include "exchange.h"
#include "http.h"
#include "provider.h"

#define DNS_SETTLE_MS 60000  /* what OVH takes at most until a new record is seen everywhere */
#define DNS_BOUND_MS  300000 /* of publishing, the name servers' answers included */

/* What is remembered between runs, in STATE/dns.json. */
struct dns_memory {
	bool pending; /* something was written that may not be published yet */
	bool creating;
	struct dns_record being_made; /* when creating */
	struct dns_records ours;      /* with their ids */
};

struct dns_job {
	struct agent *agent;
	struct arena *arena;
	const struct dns_options *options;
	struct dns_report *report;
	struct http http;
	struct dns_exchange exchange;
	/* What dns_run() finds out. */
	const struct dns_provider *provider;
	void *zone; /* the provider's */
	const char *zone_name;
	int64_t ttl, settle_ms;
	const char **names;	/* below the zone; "" for itself */
	const char **addresses; /* given ones, NULL-terminated; NULL: ask the routes */
	const char **servers;	/* given ones; NULL: the zone's */
	bool servers_given;
	struct dns_wanted *wanted;
	size_t n_wanted;
	struct dns_memory memory;
};

/* sync.c: dns_sync() and dns_show(), over whatever network the job has. */
int dns_run(struct dns_job *j, bool write, struct error *e);

/* memory.c. What cannot be read counts as nothing. */
int dns_memory_read(struct dns_job *j, struct error *e);
int dns_memory_write(const struct dns_job *j, struct error *e);

/* addresses.c: fills report.ipv4 and ipv6. */
int dns_find_addresses(struct dns_job *j, struct error *e);

/* zone.c */
/* Reads what there is under each name, and fills report.changes. ERR_INVALID: a CNAME is in the way. */
int dns_compare(struct dns_job *j, struct error *e);
/* Carries the changes out. DNS_UNSETTLED: the zone was changed meanwhile, compare again. */
int dns_apply(struct dns_job *j, struct error *e);

/* taken.c: after dns_compare(). Fills report.taken. */
bool dns_taken(struct dns_job *j);

/* serve.c */
/* Asks all name servers once and fills report.servers. */
int dns_ask_servers(struct dns_job *j, struct error *e);
/* Asks the provider once and fills report.published and refused. */
int dns_ask_published(struct dns_job *j, struct error *e);
/* The same where nothing had to be written. 1: one answers otherwise, so it has to be published. */
int dns_confirm(struct dns_job *j, struct error *e);
/* Fills report.elsewhere. That nobody can tell is no error. */
void dns_check_delegation(struct dns_job *j);
/* Publishes, whatever an earlier attempt came to, and waits until it is served. */
int dns_publish(struct dns_job *j, struct error *e);

/* job.c */
/* Everything up to the first question to the provider; dns_end() also after a failure. */
int dns_begin(struct dns_job *j, struct error *e);
void dns_end(struct dns_job *j);
/* Waits before the n-th repetition of a question (from 1): 1 s, then longer, 15 s at most. */
int dns_pause(const struct dns_job *j, unsigned n, struct error *e);
void dns_note(const struct dns_job *j, const char *fmt, ...) _printf_(2, 3);
