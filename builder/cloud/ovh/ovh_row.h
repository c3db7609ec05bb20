/* The cloud "ovh": openstack's row with OVH's ways in, prices, and rules of its regions. */
#pragma once

#include "provider.h"

struct row;

extern const struct provider provider_ovh;

/*
 * The project that a way into OpenStack of the user's own leads to, in the row's arena: what it says, or else what
 * its token is for, which may sign in. NULL: there is no such way, so that any project of the account may be meant.
 */
int ovh_row_project(struct row *r, const char **ret, struct error *e);
