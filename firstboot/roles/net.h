/* The operations of the net role: a row each in net.c, a file each. */
#pragma once

#include "base.h"
#include "role.h"

struct http_curl;

struct net {
	struct http_curl *curl;
};

struct net_op {
	const char *name;
	int (*run)(struct net *n, struct ipc_message *q, struct role_reply *reply, struct error *e);
};

extern const struct net_op net_mail, net_dns, net_http, net_source;
