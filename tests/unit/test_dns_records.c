/* The difference between the records that are and the one that should be. */
#include "records.h"

#include "arena.h"
#include "buf.h"
#include "check.h"

static const char *const words[] = { "keep", "create", "update", "delete" };

/* "keep 1 192.0.2.1/60, delete 2 …" of the changes. */
static void show(const struct dns_changes *l, struct buf *out)
{
	for (size_t i = 0; i < l->n; i++)
		buf_printf(out, "%s%s %lld %s/%lld", i ? ", " : "", words[l->v[i].act],
			(long long)l->v[i].record.id, l->v[i].record.target,
			(long long)l->v[i].record.ttl);
}

static void one_record_stays_and_the_others_go(void)
{
	static const struct {
		const char *wanted;
		struct dns_record is[3];
		const char *changes;
		size_t writes;
	} cases[] = {
		{ "192.0.2.1", {}, "create 0 192.0.2.1/60", 1 },
		{ NULL, {}, "", 0 },
		{ "192.0.2.1", { { 1, "A", "", "192.0.2.1", 60 } }, "keep 1 192.0.2.1/60", 0 },
		{ "192.0.2.1", { { 1, "A", "", "192.0.2.9", 60 } }, "update 1 192.0.2.1/60", 1 },
		{ "192.0.2.1", { { 1, "A", "", "192.0.2.1", 3600 } }, "update 1 192.0.2.1/60", 1 },
		/* 0 is the zone's default, here 60 */
		{ "192.0.2.1", { { 1, "A", "", "192.0.2.1", 0 } }, "keep 1 192.0.2.1/60", 0 },
		{ "192.0.2.1",
			{ { 1, "A", "", "192.0.2.8", 60 }, { 2, "A", "", "192.0.2.1", 60 },
				{ 3, "A", "", "192.0.2.1", 60 } },
			"keep 2 192.0.2.1/60, delete 1 192.0.2.8/60, delete 3 192.0.2.1/60", 2 },
		{ "192.0.2.1",
			{ { 1, "A", "", "192.0.2.1", 300 }, { 2, "A", "", "192.0.2.1", 60 } },
			"keep 2 192.0.2.1/60, delete 1 192.0.2.1/300", 1 },
		{ NULL, { { 1, "AAAA", "", "2001:db8::1", 60 } }, "delete 1 2001:db8::1/60", 1 },
		/* the same address in another spelling; nonsense is no address */
		{ "2001:db8::1", { { 1, "AAAA", "", "2001:0DB8:0::0:1", 60 } },
			"keep 1 2001:db8::1/60", 0 },
		{ "192.0.2.1", { { 1, "A", "", "nonsense", 60 } }, "update 1 192.0.2.1/60", 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		const struct dns_wanted w = { "A", "", cases[i].wanted, 60, 60 };
		struct dns_records is = { 0 };
		struct dns_changes got = { 0 };
		_buf_ text = BUF_INIT;

		for (size_t k = 0; k < 3 && cases[i].is[k].id; k++)
			dns_records_add(&is, a, &cases[i].is[k]);
		dns_diff(&w, &is, &got, a);
		show(&got, &text);
		check_str(buf_str(&text), cases[i].changes);
		check_int(got.writes, cases[i].writes);
	}
}

static void addresses_are_compared_as_addresses(void)
{
	check(dns_address_equal("192.0.2.1", "192.0.2.1"));
	check(dns_address_equal("::ffff:192.0.2.1", "::ffff:c000:201"));
	check(!dns_address_equal("192.0.2.1", "192.0.2.2"));
	check(!dns_address_equal("192.0.2.1", "::ffff:192.0.2.1"));
	check(!dns_address_equal("x", "x"));
}

static void lists_grow(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct dns_records l = { 0 };

	for (int i = 0; i < 100; i++)
		dns_records_add(&l, a, &(struct dns_record){ .id = i });
	check_int(l.n, 100);
	for (int i = 0; i < 100; i++)
		check_int(l.v[i].id, i);
}

static void names_are_put_before_the_zone(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();

	check_str(dns_full_name(a, "", "example.com"), "example.com");
	check_str(dns_full_name(a, "@", "example.com"), "example.com");
	check_str(dns_full_name(a, "*.apps", "example.com"), "*.apps.example.com");
}

int main(void)
{
	run(one_record_stays_and_the_others_go);
	run(addresses_are_compared_as_addresses);
	run(lists_grow);
	run(names_are_put_before_the_zone);
	return done();
}
