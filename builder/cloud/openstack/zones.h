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

/*
 * Those that servers and volumes have in common, by which one can be put where the other is. Empty where the
 * service of servers has fewer than two (that is one call, else two), or does not tell.
 */
int zones_common(struct os *o, const char *region, struct arena *a, const char ***ret,
	size_t *ret_n, struct error *e);
