/* The operations of the net role: a row each in net.c, a file each. */
#pragma once

#include "base.h"
#include "role.h"

struct http_curl;

#define NET_RESOLVERS 3 /* as many as libc looks at */

struct net {
	struct http_curl *curl;
	char resolvers[NET_RESOLVERS][64]; /* addresses, "" after the last */
};

struct net_op {
	const char *name;
	int (*run)(struct net *n, struct ipc_message *q, struct role_reply *reply, struct error *e);
};

/* The machine's resolvers, read while files can be: a machine without any has none. */
void net_read_resolvers(struct net *n);

extern const struct net_op net_mail, net_dns, net_http, net_source;
