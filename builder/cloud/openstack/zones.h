/*
 * Availability zones: the buildings of a region. Where there are several (OVH's regions of three), a volume can only
 * be attached to a server in its own; most regions have one, and then nobody needs to say which.
 * https://docs.openstack.org/api-ref/compute/#availability-zones-os-availability-zone
 */
#pragma once

#include "base.h"

struct arena;
struct error;
struct node;
struct os;

/* Those that can be had now, as Nova and Cinder list theirs; NULL-terminated, in the arena. ERR_NETWORK. */
int zones_read(const struct node *reply, struct arena *a, const char ***ret, struct error *e);

struct zones {
	const char **servers; /* where servers can be; empty: the service does not tell */
	const char **
		common; /* of these, where volumes can be, too; empty where there are fewer than two */
	size_t n_common;
};

/* Fills both, NULL-terminated and in the arena. volumes: whether any is wanted; costs a second call where there is a choice. */
int zones_look(struct os *o, const char *region, bool volumes, struct arena *a, struct zones *ret,
	struct error *e);

bool zones_among(const char *zone, const char *const *v);
