/*
 * The seam to name servers and routes: the net role does it in the agent, a script in tests. What comes
 * back is bytes of a stranger; they are read by common/dns_wire.h, here.
 */
#pragma once

#include "base.h"

struct agent;
struct buf;
struct error;

struct dns_question {
	/*
	 * An address or a name; "192.0.2.1:5353", "[::1]:5353" and "name:53" too. NULL: the resolvers of
	 * this machine, which ask on.
	 */
	const char *server;
	const char *name; /* without the last dot */
	unsigned type;	  /* enum dns_type */
};

struct dns_exchange {
	/*
	 * Asks, by UDP and, when the reply was cut, by TCP; the reply was checked to be the one to
	 * this question. ERR_NETWORK: no answer from any of the server's addresses.
	 */
	int (*ask)(void *arg, const struct dns_question *q, struct buf *ret, struct error *e);
	/*
	 * The address that this machine uses towards the internet, as text; "" when there is no route
	 * in that family (AF_INET, AF_INET6). No packet is sent.
	 */
	int (*source)(void *arg, int family, char ret[46], struct error *e);
	void *arg;
};

/* Through the net role of a, which must have been started. */
struct dns_exchange dns_exchange_of(struct agent *a);
