/* Versions in dpkg's order, relation fields in all their forms. */
#include "depend.h"

#include "check.h"

static const struct {
	const char *a, *b;
	int want;
} versions[] = {
	{ "1", "1", 0 },
	{ "1.0", "1.0-0", 0 },
	{ "0:1", "1", 0 },
	{ "1.00", "1.0", 0 },
	{ "1", "2", -1 },
	{ "9", "10", -1 },
	{ "1.9", "1.10", -1 },
	{ "1~rc1", "1", -1 },
	{ "1~", "1~~", 1 },
	{ "1~~a", "1~", -1 },
	{ "1.0a", "1.0", 1 },
	{ "1.0a", "1.0+", -1 },
	{ "1.0+b1", "1.0", 1 },
	{ "1:1", "2", 1 },
	{ "2:1", "10:1", -1 },
	{ "1-1", "1-2", -1 },
	{ "1-1", "1-1+b1", -1 },
	{ "1-2-1", "1-1-2", 1 },
	{ "1.2-3", "1.2-3ubuntu1", -1 },
	{ "2.41-12+deb13u5", "2.41-12+deb13u10", -1 },
	{ "257.13-1~deb13u1", "257.13-1", -1 },
	{ "1.3.dfsg+really1.3.1-1", "1.3.dfsg-1", 1 },
	{ "29.1.3-0ubuntu3~24.04.2", "29.1.3-0ubuntu3~22.04.2", 1 },
	{ "", "1", -1 },
	{ "", "", 0 },
	{ "a", "", 1 },
};

static void versions_compare_as_dpkg_does(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		int c = version_compare(versions[i].a, versions[i].b);
		int back = version_compare(versions[i].b, versions[i].a);

		c = (c > 0) - (c < 0);
		back = (back > 0) - (back < 0);
		if (c != versions[i].want || back != -versions[i].want)
			check_fail("'%s' and '%s': %d, backwards %d", versions[i].a, versions[i].b,
				c, back);
	}
}

static void check_relation(
	const char **p, const char *name, const char *op, const char *version, bool more)
{
	struct relation r;
	char text[64];

	check(relation_next(p, &r));
	snprintf(text, sizeof text, "%.*s", (int)r.name_len, r.name);
	check_str(text, name);
	check_str(r.op, op);
	check_str(r.version, version);
	check_int(r.more, more);
}

static void a_field_of_relations_is_taken_apart(void)
{
	const char *p =
		"libc6 (>= 2.34), debconf (>= 0.5) | debconf-2.0,\n perl:any, a(<<1), b (< 2) "
		"[amd64] <!nocheck> | c,d (= 1:2-3 ) ,";
	struct relation r;

	check_relation(&p, "libc6", ">=", "2.34", false);
	check_relation(&p, "debconf", ">=", "0.5", true);
	check_relation(&p, "debconf-2.0", "", "", false);
	check_relation(&p, "perl", "", "", false);
	check_relation(&p, "a", "<<", "1", false);
	check_relation(&p, "b", "<=", "2", true);
	check_relation(&p, "c", "", "", false);
	check_relation(&p, "d", "=", "1:2-3", false);
	check(!relation_next(&p, &r));
	check(!relation_next(&p, &r));
}

static const struct {
	const char *relation, *version;
	bool want;
} answers[] = {
	{ "a", "1", true },
	{ "a (>= 1)", "1", true },
	{ "a (>= 1)", "1~", false },
	{ "a (>> 1)", "1", false },
	{ "a (>> 1)", "1+b1", true },
	{ "a (<< 2)", "1.9", true },
	{ "a (<= 2)", "2", true },
	{ "a (<< 2)", "2", false },
	{ "a (= 2-1)", "2-1", true },
	{ "a (= 2-1)", "2-1+b1", false },
};

static void a_version_answers_a_relation_or_not(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		const char *p = answers[i].relation;
		struct relation r;

		check(relation_next(&p, &r));
		if (relation_satisfied(&r, answers[i].version) != answers[i].want)
			check_fail("%s by %s", answers[i].relation, answers[i].version);
	}
}

int main(void)
{
	run(versions_compare_as_dpkg_does);
	run(a_field_of_relations_is_taken_apart);
	run(a_version_answers_a_relation_or_not);
	return done();
}
