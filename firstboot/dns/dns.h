/*
 * The records of kbuild.dns: A and AAAA of this server under each name of the definition.
 *
 * Whose record is it? The definition gives its names to this server, in both types: whatever A or AAAA
 * stands under one of them is ours, and is replaced by ours (an old server's address that was left
 * there would get a part of the visitors). Every other name, and every other type under our names, is
 * somebody else's and never written. A CNAME under one of our names is an error for a person.
 *
 * A crash at any point and another run come to the same end without a record twice: STATE/dns.json
 * says, before the first write, that something will have to be published, and, before each creation,
 * what is being created; so the next run looks for it before it creates again.
 */
#pragma once

#include "base.h"
#include "records.h"

struct agent;
struct arena;
struct buf;
struct error;

#define DNS_STATE "dns.json" /* below the state: zone, pending, records */

struct dns_options {
	const char *
		credentials; /* NULL: $CREDENTIALS_DIRECTORY/dns, else /etc/kbuild/credentials/dns.json */
	const char *const
		*addresses; /* NULL: those beside the credentials, else those of the routes */
	bool publish;	    /* even when nothing changed */
	bool yields;	    /* a name that another server took from this one is left to it */
	/* Said while it waits; NULL: nobody listens. */
	void (*note)(void *arg, const char *text);
	void *note_arg;
};

enum dns_view { DNS_SERVES, DNS_DIFFERS, DNS_SILENT };

struct dns_server {
	const char *name;
	enum dns_view view;
	const char *why; /* what differs; "" when it serves */
};

struct dns_report {
	const char *zone, *ipv4, *ipv6; /* addresses of this server; NULL: none */
	bool published;			/* as the provider says */
	const char *refused;		/* what it says against it; NULL: nothing */
	bool written;			/* something was changed or published */
	struct dns_changes changes;	/* of dns_show(): what would be done */
	struct dns_server *servers;
	size_t n_servers;
	const char *taken;     /* of DNS_TAKEN: "api.example.com leads to 203.0.113.7" */
	const char *elsewhere; /* who the world asks for the zone instead, NULL: these servers */
};

#define DNS_NOT_ASKED 1 /* the definition has no kbuild.dns */
#define DNS_TAKEN     2 /* yields, and has to: nothing was written */

/*
 * Makes it so, publishes it, and waits (five minutes at most) until the zone's own name servers answer
 * it; nothing is written, and nothing published, when all of that is so already. The net role must
 * have been started. ret lives in the arena. DNS_NOT_ASKED, DNS_TAKEN; what is transient may be tried
 * again, as when another run is at work here: one at a time writes.
 */
int dns_sync(struct agent *a, const struct dns_options *o, struct arena *arena,
	struct dns_report *ret, struct error *e);

/* How it is, without changing anything. */
int dns_show(struct agent *a, const struct dns_options *o, struct arena *arena,
	struct dns_report *ret, struct error *e);

void dns_report_json(const struct dns_report *r, struct buf *out);
void dns_report_text(const struct dns_report *r, struct buf *out);
