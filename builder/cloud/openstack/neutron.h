/*
 * Neutron, the service of networks: what a server is attached to, and who may reach it. As nova.h in all
 * else. https://docs.openstack.org/api-ref/network/v2/
 */
#pragma once

#include "base.h"

struct arena;
struct error;
struct node;
struct os;
struct port_allow;

struct neutron_network {
	const char *id, *name; /* never NULL; the name may be "" */
	const char *status;
	const char *project; /* whose it is; NULL: not said */
	bool external;	     /* leads to the internet by itself */
	bool port_security;  /* false: security groups do nothing there */
	bool shared;
};
int neutron_network_read(
	const struct node *n, struct arena *a, struct neutron_network *ret, struct error *e);
/* The project's own, and what all may use. */
int neutron_networks(struct os *o, const char *region, struct arena *a,
	struct neutron_network **ret, size_t *ret_n, struct error *e);

/* A rule of a security group. NULL: any. */
struct neutron_rule {
	const char *id; /* NULL: not made yet */
	const char *direction, *ethertype, *protocol, *prefix;
	const char *remote_group; /* id */
	int64_t first, last;	  /* ports; -1: any */
};

struct neutron_group {
	const char *id, *name, *description; /* never NULL */
	const char *project;		     /* whose it is; NULL: not said */
	struct neutron_rule *rules;
	size_t n_rules;
};
int neutron_group_read(
	const struct node *n, struct arena *a, struct neutron_group *ret, struct error *e);
/* kbuild has made it: its description says so. */
bool neutron_group_is_ours(const struct neutron_group *g);
/* The project's security groups of exactly that name. */
int neutron_groups(struct os *o, const char *region, const char *name, struct arena *a,
	struct neutron_group **ret, size_t *ret_n, struct error *e);
/* 0, OS_REFUSED, OS_CONFLICT (quota), OS_UNSURE: then look by name. */
int neutron_group_make(struct os *o, const char *region, const char *name, const char *description,
	struct arena *a, struct neutron_group *ret, struct error *e);
/* 0, OS_ABSENT, OS_CONFLICT: a port still uses it. */
int neutron_group_delete(struct os *o, const char *region, const char *id, struct error *e);

/*
 * What must come in: each entry for IPv4 and IPv6, or for the one that its "from" belongs to; equal ones once, however
 * they are written. In the arena.
 */
void neutron_wanted(const struct port_allow *allow, size_t n, struct arena *a,
	struct neutron_rule **ret, size_t *ret_n);
bool neutron_rule_equal(const struct neutron_rule *x, const struct neutron_rule *y);
bool neutron_rule_among(const struct neutron_rule *rule, const struct neutron_rule *v, size_t n);
/* All in one call. 0; OS_CONFLICT: one of them is there already; OS_REFUSED, OS_UNSURE. */
int neutron_rules_make(struct os *o, const char *region, const char *group,
	const struct neutron_rule *rules, size_t n, struct error *e);
/* 0 or OS_ABSENT. */
int neutron_rule_delete(struct os *o, const char *region, const char *id, struct error *e);

/* -1: no limit, or not said. */
struct neutron_limits {
	int64_t max_groups, groups, max_rules, rules, max_ports, ports;
};
int neutron_limits_read(
	const struct node *reply, struct arena *a, struct neutron_limits *ret, struct error *e);
/* A cloud that does not say leaves all at -1. */
int neutron_limits(struct os *o, const char *region, struct arena *a, struct neutron_limits *ret,
	struct error *e);
