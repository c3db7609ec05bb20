/* The rules of a security group: which are one, and which are wanted. */
#include "check.h"

#include "arena.h"
#include "neutron.h"
#include "provider.h"

static void rules_as_neutron_writes_them(void)
{
	static const struct {
		const char *x, *y;
		bool equal;
	} rows[] = {
		{ NULL, NULL, true },
		{ NULL, "0.0.0.0/0", true },
		{ "::/0", NULL, true },
		{ "10.0.0.0/8", "10.0.0.0/8", true },
		{ "10.0.0.0/8", "10.0.0.0/9", false },
		{ "10.0.0.0/8", NULL, false },
		{ "192.0.2.7", "192.0.2.7/32", true },
		{ "192.0.2.7", "192.0.2.7/24", false },
		{ "2001:db8::1", "2001:db8::1/128", true },
		{ "2001:db8::1", "2001:db8::1/32", false },
		{ "10.1.2.3/8", "10.0.0.0/8", true },
		{ "2001:DB8:0::/32", "2001:db8::/32", true },
		{ "2001:db8::/32", "2001:db8::/33", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct neutron_rule x = { .direction = "ingress",
			.ethertype = "IPv4",
			.protocol = "tcp",
			.prefix = rows[i].x,
			.first = 22,
			.last = 22 };
		struct neutron_rule y = x;

		y.prefix = rows[i].y;
		check_int(neutron_rule_equal(&x, &y), rows[i].equal);
		y.first = 21;
		check(!neutron_rule_equal(&x, &y));
	}
}

static void what_is_let_in_is_let_in_over_both(void)
{
	static const struct port_allow allow[] = { { "tcp", 22, 22, NULL },
		{ "tcp", 80, 90, "10.0.0.0/8" }, { "udp", 53, 53, "2001:db8::/32" } };
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct neutron_rule *v;
	size_t n;

	neutron_wanted(allow, 3, a, &v, &n);
	check_int(n, 4);
	check_str(v[0].ethertype, "IPv4");
	check_str(v[1].ethertype, "IPv6");
	check_str(v[2].ethertype, "IPv4");
	check_str(v[2].prefix, "10.0.0.0/8");
	check_int(v[2].last, 90);
	check_str(v[3].ethertype, "IPv6");
}

/* Neutron refuses all rules of a request where two of them are one, and the image has been sent by then. */
static void what_is_said_twice_is_let_in_once(void)
{
	static const struct port_allow allow[] = { { "tcp", 22, 22, NULL }, { "tcp", 22, 22, NULL },
		{ "tcp", 22, 22, "0.0.0.0/0" }, { "tcp", 22, 22, "10.9.9.9/0" },
		{ "tcp", 22, 22, "::/0" }, { "tcp", 80, 80, "10.0.0.1" },
		{ "tcp", 80, 80, "10.0.0.1/32" }, { "tcp", 90, 90, "10.1.2.3/8" },
		{ "tcp", 90, 90, "10.0.0.0/8" }, { "udp", 53, 53, "2001:DB8:0:0::/32" },
		{ "udp", 53, 53, "2001:db8::/32" } };
	static const struct {
		const char *ethertype, *prefix;
	} rows[] = { { "IPv4", NULL }, { "IPv6", NULL }, { "IPv4", "10.0.0.1" },
		{ "IPv4", "10.0.0.0/8" }, { "IPv6", "2001:db8::/32" } };
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct neutron_rule *v;
	size_t n;

	neutron_wanted(allow, ARRAY_SIZE(allow), a, &v, &n);
	check_int(n, ARRAY_SIZE(rows));
	for (size_t i = 0; i < n; i++) {
		check_str(v[i].ethertype, rows[i].ethertype);
		check_str(v[i].prefix, rows[i].prefix);
	}
	/* One family alone is not both. */
	neutron_wanted(&allow[2], 1, a, &v, &n);
	check_int(n, 1);
	check_str(v[0].ethertype, "IPv4");
	check(!v[0].prefix);
}

int main(void)
{
	run(rules_as_neutron_writes_them);
	run(what_is_let_in_is_let_in_over_both);
	run(what_is_said_twice_is_let_in_once);
	return done();
}
