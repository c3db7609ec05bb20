/* See cidr.h. */
#include "cidr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

void cidr_text(const char *from, char ret[CIDR_SIZE])
{
	int family = strchr(from, ':') ? AF_INET6 : AF_INET;
	size_t bytes = family == AF_INET6 ? 16 : 4;
	unsigned bits = (unsigned)bytes * 8;
	unsigned char addr[16];
	char host[INET6_ADDRSTRLEN];
	const char *slash = strchr(from, '/');

	snprintf(host, sizeof host, "%.*s", slash ? (int)(slash - from) : (int)strlen(from), from);
	if (inet_pton(family, host, addr) != 1 || (slash && sscanf(slash, "/%u", &bits) != 1) ||
		bits > bytes * 8) {
		snprintf(ret, CIDR_SIZE, "%s", from);
		return;
	}
	for (size_t i = 0; i < bytes; i++) {
		unsigned keep = bits > i * 8 ? MIN(bits - (unsigned)i * 8, 8u) : 0;

		addr[i] &= (unsigned char)(0xff00u >> keep);
	}
	inet_ntop(family, addr, host, sizeof host);
	if (bits == bytes * 8)
		snprintf(ret, CIDR_SIZE, "%s", host);
	else
		snprintf(ret, CIDR_SIZE, "%s/%u", host, bits);
}
