/*
 * DNS messages (RFC 1035): one question out, its reply read. Lowest layer: no network, no names of
 * ours, plain -errno. Replies come from anybody who can send a packet; every length is checked.
 */
#pragma once

#include "base.h"

struct arena;
struct buf;

#define DNS_NAME_MAX 256   /* as text, with the NUL */
#define DNS_SIZE_MAX 65535 /* of a message, over TCP */

enum dns_type {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_AAAA = 28,
};

/* "A", "AAAA" …, NULL: another one; and back, 0: unknown. */
const char *dns_type_name(unsigned type);
unsigned dns_type_number(const char *name);

/* Appends a query with one question. -EINVAL: not a name (empty or long labels, too long). */
int dns_query_write(struct buf *out, uint16_t id, const char *name, unsigned type, bool recurse);

struct dns_answer {
	const char *name; /* its owner, without the last dot, as the server wrote it */
	unsigned type;
	uint32_t ttl;
	const char *text; /* the address; the name that it points to; "" for other types */
};

struct dns_reply {
	uint16_t id;
	unsigned code; /* RCODE: 0 no error, 3 no such name, 5 refused */
	bool authoritative, truncated;
	const char *question; /* the name asked, as it came back; "" when there was none */
	unsigned question_type;
	struct dns_answer *answers; /* of the answer section */
	size_t n;
};

/* In the arena. -EBADMSG: no reply, or one that is broken. */
int dns_reply_read(struct dns_reply *ret, struct arena *a, const void *data, size_t len);

/* Whether it is the reply to this query: names are compared without case. */
bool dns_reply_fits(const struct dns_reply *r, uint16_t id, const char *name, unsigned type);

/* "no such name", "refused" …: what a code means. Constant. */
const char *dns_code_text(unsigned code);
