/* What a launch wants, of its request and of what was found: for all that looks, shows and makes. */
#include "launching.h"

const struct port_allow *launch_allow(const struct launch_request *q, size_t *ret_n)
{
	static const struct port_allow ssh = { "tcp", 22, 22, NULL };

	*ret_n = q->allow ? q->n_allow : 1;
	return q->allow ? q->allow : &ssh;
}

bool flavor_fits(const struct launching *l, const struct nova_flavor *f)
{
	return f->disk <= 0 || (uint64_t)f->disk * GIB >= MAX(l->q->min_disk, l->q->disk_size);
}

bool launch_makes_server(const struct launching *l)
{
	return !l->server || l->broken;
}
