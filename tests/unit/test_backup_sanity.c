/* What is odd about a backup, and what only a restore has made. */
#include "arena.h"
#include "manifest.h"
#include "restore_name.h"
#include "sanity.h"

#include "check.h"

static struct backup_file file_of(const char *kind, const char *of, uint64_t bytes, size_t tables)
{
	static const struct backup_table some[8] = { { "a", 1 }, { "b", 2 }, { "c", 3 } };

	return (struct backup_file){ "n", kind, of, "", bytes / 2, bytes, some, tables };
}

static void what_shrank_is_odd(void)
{
	static const struct {
		struct backup_file before, now;
		const char *says; /* NULL: nothing */
	} rows[] = {
		{ { .kind = "database", .of = "a", .bytes = 1000000, .n_tables = 4 },
			{ .kind = "database", .of = "a", .bytes = 500000, .n_tables = 2 }, NULL },
		{ { .kind = "database", .of = "a", .bytes = 1000000, .n_tables = 4 },
			{ .kind = "database", .of = "a", .bytes = 499999, .n_tables = 4 },
			"less than half" },
		{ { .kind = "database", .of = "a", .bytes = 1000000, .n_tables = 4 },
			{ .kind = "database", .of = "a", .bytes = 1000000, .n_tables = 1 },
			"1 tables" },
		{ { .kind = "database", .of = "a", .bytes = 2000, .n_tables = 1 },
			{ .kind = "database", .of = "a", .bytes = 900, .n_tables = 1 }, NULL },
		{ { .kind = "database", .of = "b", .bytes = 1000, .n_tables = 1 },
			{ .kind = "database", .of = "a", .bytes = 1000, .n_tables = 1 },
			"is gone" },
		{ { .kind = "volume", .of = "v", .bytes = 1000000 },
			{ .kind = "database", .of = "a", .bytes = 1000, .n_tables = 1 },
			"is gone" },
		{ { .kind = "volume", .of = "v", .bytes = 1000000 },
			{ .kind = "volume", .of = "v", .bytes = 10240 },
			"volume v has 10240 bytes, less than half of the 1000000" },
		{ { .kind = "path", .of = "/srv", .bytes = 1000000 },
			{ .kind = "path", .of = "/srv", .bytes = 600000 }, NULL },
		{ { .kind = "globals", .bytes = 1000000 }, { .kind = "globals", .bytes = 10 },
			NULL },
		{ { .kind = "cluster", .bytes = 1000000, .n_tables = 4 },
			{ .kind = "globals", .bytes = 10, .n_tables = 1 }, NULL },
		{ { .kind = "globals", .bytes = 10 },
			{ .kind = "cluster", .bytes = 1000, .n_tables = 1 }, NULL },
	};
	_cleanup_(arena_freep) struct arena *arena = arena_new();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct backup_file now = rows[i].now;
		struct manifest last = { .files = &rows[i].before, .n_files = 1 };
		struct manifest m = { .files = &now, .n_files = 1 };
		const char *odd = sanity_check(&m, &last, arena);

		if (!rows[i].says)
			check_str(odd, NULL);
		else if (!odd || !strstr(odd, rows[i].says))
			check_fail("row %zu says '%s'", i, odd ? odd : "nothing");
	}
}

static void what_a_restore_calls_its_own_is_known_again(void)
{
	static const char id[] = "20260104T020000Z";
	static const char *const names[] = { "app", "a b.c", "_before_",
		"app_before_20260104T020000Z",
		"customer_of_a_long_name_that_is_cut_because_it_is_too_long_00001" };
	static const char *const others[] = { "", "app", "app_before_", "app_before_lunch",
		"_before_20260104T020000Z", "app_before_20260104T020000",
		"app_before_20260104T020000Z_", "app_before_20260104T020000Z_1",
		"app_before_20260104T020000Z_02", "app_before_20260104T020000Z_2x",
		"app_before_20260104T020000Zx", "app_before_20260231T020000Z",
		"app_Before_20260104T020000Z", "appbefore_20260104T020000Z",
		"app_restore_20260104T020000Z_2", "app_after_20260104T020000Z",
		"a_name_of_more_than_PostgreSQL_holds_longer_before_20260104T020000Z" };
	_cleanup_(arena_freep) struct arena *arena = arena_new();

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *made[12] = { NULL };

		check(restore_made(restore_name(arena, names[i], RESTORE_FRESH, id)));
		for (size_t n = 0; n < ARRAY_SIZE(made) - 1; n++) {
			made[n] = restore_old_name(arena, made, names[i], id);
			if (!restore_made(made[n]))
				check_fail("%s is not known again", made[n]);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		if (restore_made(others[i]))
			check_fail("%s is taken for one", others[i]);
	}
}

/* Also in a manifest of a time when it was dumped. */
static void what_a_restore_has_put_aside_is_not_missed(void)
{
	static const struct backup_table both[] = { { "app.public.a", 1 }, { "app.public.b", 1 },
		{ "app_before_20260104T020000Z.public.a", 1 },
		{ "app_before_20260104T020000Z.public.b", 1 },
		{ "app_before_20260104T020000Z.public.c", 1 } };
	struct backup_file before[] = { file_of("database", "app", 1000000, 3),
		file_of("database", "app_before_20260104T020000Z", 1000000, 3) };
	struct backup_file all = {
		.kind = "cluster", .bytes = 2100000, .tables = both, .n_tables = 5
	};
	struct backup_file left = {
		.kind = "cluster", .bytes = 1000000, .tables = both, .n_tables = 2
	};
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct manifest last = { .files = before, .n_files = 2 };
	struct manifest m = { .files = before, .n_files = 1 };

	check_str(sanity_check(&m, &last, arena), NULL);
	before[1].of = "app_before_lunch";
	check_str(sanity_check(&m, &last, arena),
		"database app_before_lunch was in the last backup and is gone");
	/* All of them in one file. */
	last = (struct manifest){ .files = &all, .n_files = 1 };
	m = (struct manifest){ .files = &left, .n_files = 1 };
	check_str(sanity_check(&m, &last, arena), NULL);
	left.n_tables = 1;
	check_str(sanity_check(&m, &last, arena), NULL);
	all.tables++;
	all.n_tables--;
	left.tables += 2;
	check(strstr(sanity_check(&m, &last, arena), "0 tables, less than half of the 1 ") != NULL);
	/* Where it is in both, bytes are compared as ever. */
	left = all;
	left.bytes = 1000000;
	check(strstr(sanity_check(&m, &last, arena), "has 1000000 bytes") != NULL);
}

static void no_tables_at_all_is_odd(void)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct backup_file empty = file_of("database", "a", 2042, 0);
	struct backup_file volume = file_of("volume", "v", 2042, 0);
	struct manifest m = { .files = &empty, .n_files = 1 };

	check_str(sanity_check(&m, NULL, arena), "the database has no tables");
	m.files = &volume;
	check_str(sanity_check(&m, NULL, arena), NULL);
}

int main(void)
{
	run(what_shrank_is_odd);
	run(what_a_restore_calls_its_own_is_known_again);
	run(what_a_restore_has_put_aside_is_not_missed);
	run(no_tables_at_all_is_odd);
	return done();
}
