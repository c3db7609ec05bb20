/* The row "openstack" of the table of clouds: what clouds.yaml and OS_* say. */
#include "row.h"

static int openstack_hook(struct row *r, struct os_access *ret, struct error *e)
{
	return os_access_read(ret, r->cloud.account, r->cloud.region, r->arena, e);
}

static const struct row_hooks openstack_hooks = { .title = "OpenStack", .open = openstack_hook };

static int openstack_open(struct cloud *c, struct error *e)
{
	return row_open(c, &openstack_hooks, e);
}

const struct provider provider_openstack = {
	.name = "openstack",
	.open = openstack_open,
	ROW_OPERATIONS,
};
