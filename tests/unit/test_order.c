/* Levels of packages. */
#include "check.h"
#include "order.h"

static void without_pre_depends_there_is_one_level(void)
{
	struct order_package v[] = {
		{ .name = "libc6", .configured = true },
		{ .name = "bash", .pre_depends = "libc6 (>= 2.41)" },
		{ .name = "vim", .depends = "bash" },
	};

	check_int(order_packages(v, ARRAY_SIZE(v)), 1);
	check_int(v[0].early, 0);
	check_int(v[2].level, 0);
}

static void what_is_pre_depended_on_comes_with_its_dependencies(void)
{
	struct order_package v[] = {
		{ .name = "init", .pre_depends = "systemd-sysv | orphan-sysv" },
		{ .name = "systemd-sysv", .pre_depends = "systemd" },
		{ .name = "systemd", .depends = "libkmod2 (>= 5), default-bus | bus" },
		{ .name = "libkmod2" },
		{ .name = "dbus-broker", .provides = "bus (= 1), default-bus" },
		{ .name = "htop" },
	};

	check_int(order_packages(v, ARRAY_SIZE(v)), 3);
	check_int(v[0].level, 2);
	check_int(v[1].level, 1);
	check_int(v[2].level, 0);
	check_int(v[1].early, 2);
	check_int(v[2].early, 1);
	check_int(v[3].early, 1);
	check_int(v[4].early, 1);
	check_int(v[5].early, 0);
	check_int(v[5].level, 0);
}

static void a_configured_alternative_is_enough(void)
{
	struct order_package v[] = {
		{ .name = "base-files", .pre_depends = "awk" },
		{ .name = "gawk", .provides = "awk" },
		{ .name = "mawk", .provides = "awk", .configured = true },
		{ .name = "x", .pre_depends = "gawk | mawk" },
	};

	check_int(order_packages(v, ARRAY_SIZE(v)), 1);
}

static void cycles_end(void)
{
	struct order_package v[] = {
		{ .name = "a", .pre_depends = "b" },
		{ .name = "b", .pre_depends = "c", .depends = "a" },
		{ .name = "c", .depends = "b, c" },
		{ .name = "d", .pre_depends = "d, nowhere, , |" },
	};

	check(order_packages(v, ARRAY_SIZE(v)) >= 2);
	check_int(v[3].level, 0);
}

int main(void)
{
	run(without_pre_depends_there_is_one_level);
	run(what_is_pre_depended_on_comes_with_its_dependencies);
	run(a_configured_alternative_is_enough);
	run(cycles_end);
	return done();
}
