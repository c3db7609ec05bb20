/* What a definition lets in, as rules of a security group. Pure. */
#include "arena.h"
#include "neutron.h"
#include "provider.h"

#include <string.h>

void neutron_wanted(const struct port_allow *allow, size_t n, struct arena *a,
	struct neutron_rule **ret, size_t *ret_n)
{
	struct neutron_rule *v = arena_alloc(a, (2 * n + 1) * sizeof *v);
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		const struct port_allow *p = &allow[i];
		bool v6 = p->from && strchr(p->from, ':');
		struct neutron_rule rule = {
			.direction = "ingress",
			.protocol = p->protocol,
			.prefix = p->from,
			.first = p->first,
			.last = p->last,
		};

		if (!p->from || !v6) {
			rule.ethertype = "IPv4";
			v[k++] = rule;
		}
		if (!p->from || v6) {
			rule.ethertype = "IPv6";
			v[k++] = rule;
		}
	}
	*ret = v;
	*ret_n = k;
}

static bool same(const char *x, const char *y)
{
	return x && y ? strcmp(x, y) == 0 : x == y;
}

/* Neutron writes hosts with their length: 192.0.2.7 becomes 192.0.2.7/32; and "anywhere" may be 0.0.0.0/0. */
static bool same_prefix(const char *x, const char *y)
{
	size_t nx, ny;

	if (x && (strcmp(x, "0.0.0.0/0") == 0 || strcmp(x, "::/0") == 0))
		x = NULL;
	if (y && (strcmp(y, "0.0.0.0/0") == 0 || strcmp(y, "::/0") == 0))
		y = NULL;
	if (!x || !y)
		return x == y;
	nx = strcspn(x, "/");
	ny = strcspn(y, "/");
	if (nx != ny || strncmp(x, y, nx) != 0)
		return false;
	if (x[nx] && y[ny])
		return strcmp(x + nx, y + ny) == 0;
	x = x[nx] ? x + nx : y + ny;
	return !*x || strcmp(x, strchr(y, ':') ? "/128" : "/32") == 0;
}

bool neutron_rule_equal(const struct neutron_rule *x, const struct neutron_rule *y)
{
	return same(x->direction, y->direction) && same(x->ethertype, y->ethertype) &&
	       same(x->protocol, y->protocol) && same_prefix(x->prefix, y->prefix) &&
	       same(x->remote_group, y->remote_group) && x->first == y->first && x->last == y->last;
}
