/* What a definition lets in, as rules of a security group. Pure. */
#include "arena.h"
#include "cidr.h"
#include "neutron.h"
#include "provider.h"

#include <string.h>

static bool same(const char *x, const char *y)
{
	return x && y ? strcmp(x, y) == 0 : x == y;
}

/*
 * Neutron gives a prefix back as it was given, or a host with its length (192.0.2.7/32), and takes two ways of writing
 * one network for the same. NULL: from anywhere, which may be written as a network, too.
 */
static const char *plain(const char *prefix, char text[CIDR_SIZE])
{
	if (!prefix)
		return NULL;
	cidr_text(prefix, text);
	return strcmp(text, "0.0.0.0/0") == 0 || strcmp(text, "::/0") == 0 ? NULL : text;
}

static bool same_prefix(const char *x, const char *y)
{
	char one[CIDR_SIZE], other[CIDR_SIZE];

	return same(plain(x, one), plain(y, other));
}

bool neutron_rule_equal(const struct neutron_rule *x, const struct neutron_rule *y)
{
	return same(x->direction, y->direction) && same(x->ethertype, y->ethertype) &&
	       same(x->protocol, y->protocol) && same_prefix(x->prefix, y->prefix) &&
	       same(x->remote_group, y->remote_group) && x->first == y->first && x->last == y->last;
}

bool neutron_rule_among(const struct neutron_rule *rule, const struct neutron_rule *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (neutron_rule_equal(rule, &v[i]))
			return true;
	}
	return false;
}

/* One that is there already is refused, and with it all that are asked for beside it. */
static void add(struct neutron_rule *v, size_t *n, const struct neutron_rule *rule)
{
	if (!neutron_rule_among(rule, v, *n))
		v[(*n)++] = *rule;
}

void neutron_wanted(const struct port_allow *allow, size_t n, struct arena *a,
	struct neutron_rule **ret, size_t *ret_n)
{
	struct neutron_rule *v = arena_alloc(a, (2 * n + 1) * sizeof *v);
	char text[CIDR_SIZE];
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		const struct port_allow *p = &allow[i];
		bool v6 = p->from && strchr(p->from, ':');
		const char *prefix = plain(p->from, text);
		struct neutron_rule rule = {
			.direction = "ingress",
			.protocol = p->protocol,
			.prefix = prefix ? arena_strdup(a, prefix) : NULL,
			.first = p->first,
			.last = p->last,
		};

		if (!p->from || !v6) {
			rule.ethertype = "IPv4";
			add(v, &k, &rule);
		}
		if (!p->from || v6) {
			rule.ethertype = "IPv6";
			add(v, &k, &rule);
		}
	}
	*ret = v;
	*ret_n = k;
}
