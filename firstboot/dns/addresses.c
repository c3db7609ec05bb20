/*
 * The addresses of this server: those that were given, else those that the kernel would use towards the
 * internet. A private one there means that another address leads here from outside, which only a person
 * can know: to take none for an answer would remove records that are right.
 */
#include "job.h"

#include "arena.h"
#include "error.h"

#include <arpa/inet.h>
#include <sys/socket.h>

/* Networks that do not lead here from the internet. */
static const struct {
	unsigned char bytes[4];
	unsigned bits;
} inner[] = {
	{ { 0 }, 8 },
	{ { 10 }, 8 },
	{ { 100, 64 }, 10 }, /* carriers' NAT */
	{ { 127 }, 8 },
	{ { 169, 254 }, 16 },
	{ { 172, 16 }, 12 },
	{ { 192, 168 }, 16 },
	{ { 224 }, 3 },
};

static bool public_ipv4(const unsigned char a[4])
{
	uint32_t v = (uint32_t)a[0] << 24 | (uint32_t)a[1] << 16 | (uint32_t)a[2] << 8 | a[3];

	for (size_t i = 0; i < ARRAY_SIZE(inner); i++) {
		const unsigned char *b = inner[i].bytes;
		uint32_t net = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16;

		if ((v ^ net) >> (32 - inner[i].bits) == 0)
			return false;
	}
	return true;
}

static bool public_address(int family, const char *text)
{
	unsigned char a[16];

	if (inet_pton(family, text, a) != 1)
		return false;
	/* Global unicast is 2000::/3; unique local ones and those of a link are not. */
	return family == AF_INET ? public_ipv4(a) : (a[0] & 0xe0) == 0x20;
}

static int take_given(struct dns_job *j, const char *text, struct error *e)
{
	unsigned char a[16];
	char canonical[INET6_ADDRSTRLEN];
	const char **place;

	if (inet_pton(AF_INET, text, a) == 1) {
		place = &j->report->ipv4;
		inet_ntop(AF_INET, a, canonical, sizeof canonical);
	} else if (inet_pton(AF_INET6, text, a) == 1) {
		place = &j->report->ipv6;
		inet_ntop(AF_INET6, a, canonical, sizeof canonical);
	} else {
		return error_set(e, ERR_INVALID, "'%.100s' is no IP address", text);
	}
	if (*place)
		return error_set(e, ERR_INVALID, "two addresses of one family are given: %s and %s",
			*place, canonical);
	*place = arena_strdup(j->arena, canonical);
	return 0;
}

static int ask_route(struct dns_job *j, int family, const char **ret, struct error *e)
{
	char address[46] = "";
	int r = j->exchange.source(j->exchange.arg, family, address, e);

	if (r < 0)
		return error_prefix(e, "finding this server's address");
	if (!*address)
		return 0;
	if (public_address(family, address)) {
		*ret = arena_strdup(j->arena, address);
		return 0;
	}
	/* Only addresses of its own network: as good as no IPv6. */
	if (family == AF_INET6)
		return 0;
	return error_set(e, ERR_INVALID,
		"this server only knows its private address %s: say which address leads to it "
		"(--address, or 'addresses' beside the DNS credentials)",
		address);
}

int dns_find_addresses(struct dns_job *j, struct error *e)
{
	int r = 0;

	if (j->addresses) {
		for (size_t i = 0; r == 0 && j->addresses[i]; i++)
			r = take_given(j, j->addresses[i], e);
	} else {
		r = ask_route(j, AF_INET, &j->report->ipv4, e);
		if (r == 0)
			r = ask_route(j, AF_INET6, &j->report->ipv6, e);
	}
	if (r < 0)
		return r;
	if (!j->report->ipv4 && !j->report->ipv6) {
		error_set(e, ERR_FAILED, "this server has no public address (yet)");
		return error_transient(e);
	}
	return 0;
}
