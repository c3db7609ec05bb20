/* Levels of packages, and the fields of control files they are computed from. */
#include "check.h"
#include "order.h"

static const char control[] =
	"Package: python3\n"
	"Version: 3.13.5-1\n"
	"Pre-Depends: python3-minimal (= 3.13.5-1)\n"
	"Depends: python3.13 (>= 3.13.5-1~),\n"
	" libpython3-stdlib (= 3.13.5-1)\n"
	"Description: interactive\n"
	" high-level language\n"
	" .\n"
	" Version: of nothing\n"
	"\n"
	"Homepage: of another stanza\n";

static void fields_are_found_and_joined(void)
{
	static const struct {
		const char *field, *value;
	} rows[] = {
		{ "Package", "python3" },
		{ "pre-depends", "python3-minimal (= 3.13.5-1)" },
		{ "Depends", "python3.13 (>= 3.13.5-1~), libpython3-stdlib (= 3.13.5-1)" },
		{ "Version", "3.13.5-1" },
		{ "Pre", NULL },
		{ "Homepage", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_free_ char *v = control_field(control, rows[i].field);

		check_str(v, rows[i].value);
	}
}

static void fields_of_odd_texts(void)
{
	_free_ char *none = control_field("", "A");
	_free_ char *cut = control_field("A", "A");
	_free_ char *open = control_field("A: b", "A");
	_free_ char *empty = control_field("A:\nB: c\n", "A");

	check_str(none, NULL);
	check_str(cut, NULL);
	check_str(open, "b");
	check_str(empty, "");
}

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
	run(fields_are_found_and_joined);
	run(fields_of_odd_texts);
	run(without_pre_depends_there_is_one_level);
	run(what_is_pre_depended_on_comes_with_its_dependencies);
	run(a_configured_alternative_is_enough);
	run(cycles_end);
	return done();
}
