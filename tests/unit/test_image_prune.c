/* Which images are old: by definition and region, and never one that somebody needs. */
#include "check.h"

#include "image_prune.h"
#include "provider.h"

#define NOW 1000000

struct row {
	const char *definition, *region, *status;
	int64_t age_s;
	size_t in_use;
	enum prune_verdict wanted;
	bool is_protected;
};

static void judge(const struct row *rows, size_t n, size_t keep)
{
	struct cloud_image v[16] = {};
	enum prune_verdict verdicts[16];

	for (size_t i = 0; i < n; i++) {
		v[i].definition = rows[i].definition;
		v[i].region = rows[i].region;
		v[i].status = rows[i].status;
		v[i].created = NOW - rows[i].age_s;
		v[i].in_use = rows[i].in_use;
		v[i].is_protected = rows[i].is_protected;
	}
	image_prune(v, n, keep, NOW, verdicts);
	for (size_t i = 0; i < n; i++) {
		if (verdicts[i] != rows[i].wanted)
			check_fail("row %zu is %d, wanted %d", i, verdicts[i], rows[i].wanted);
	}
}

static void the_newest_of_each_definition_and_region_stay(void)
{
	static const struct row rows[] = {
		{ "web", "ONE", "active", 1, 0, PRUNE_KEEP },
		{ "web", "TWO", "active", 2, 0, PRUNE_KEEP },
		{ "db", "ONE", "active", 3, 0, PRUNE_KEEP },
		{ "web", "ONE", "active", 4, 0, PRUNE_KEEP },
		{ "web", "ONE", "active", 5, 0, PRUNE_DELETE },
		{ "web", "TWO", "active", 6, 0, PRUNE_KEEP },
		{ "web", "ONE", "active", 7, 0, PRUNE_DELETE },
		{ NULL, "ONE", "active", 8, 0, PRUNE_KEEP },
		{ NULL, NULL, "active", 9, 0, PRUNE_KEEP },
	};

	judge(rows, ARRAY_SIZE(rows), 2);
}

/* The service would refuse, each night. */
static void what_is_protected_stays(void)
{
	static const struct row rows[] = {
		{ "web", "ONE", "active", 1, 0, PRUNE_DELETE },
		{ "web", "ONE", "active", 2, 0, PRUNE_KEEP, true },
	};

	judge(rows, ARRAY_SIZE(rows), 0);
}

static void servers_keep_their_images_however_old(void)
{
	static const struct row rows[] = {
		{ "web", "ONE", "active", 1, 0, PRUNE_DELETE },
		{ "web", "ONE", "active", 2, 1, PRUNE_IN_USE },
		{ "web", "ONE", "deactivated", 999999, 2, PRUNE_IN_USE },
	};

	judge(rows, ARRAY_SIZE(rows), 0);
}

static void a_deactivated_one_counts_as_any_other(void)
{
	static const struct row rows[] = {
		{ "web", "ONE", "active", 1, 0, PRUNE_KEEP },
		{ "web", "ONE", "deactivated", 100000, 0, PRUNE_KEEP },
		{ "web", "ONE", "active", 200000, 0, PRUNE_DELETE },
		{ "web", "ONE", "deactivated", 300000, 0, PRUNE_DELETE },
	};

	judge(rows, ARRAY_SIZE(rows), 2);
}

static void what_is_being_uploaded_stays_for_a_day_and_counts_for_nothing(void)
{
	static const struct row rows[] = {
		{ "web", "ONE", "queued", 1, 0, PRUNE_BUSY },
		{ "web", "ONE", "saving", 3600, 0, PRUNE_BUSY },
		{ "web", "ONE", "active", 4000, 0, PRUNE_KEEP },
		{ "web", "ONE", "active", 5000, 0, PRUNE_DELETE },
		{ "web", "ONE", "queued", 86401, 0, PRUNE_DELETE },
		{ "web", "ONE", "killed", 90000, 0, PRUNE_DELETE },
	};

	judge(rows, ARRAY_SIZE(rows), 1);
}

static void an_old_record_that_is_used_again_is_busy(void)
{
	const struct cloud_image v = {
		.status = "saving", .created = NOW - 999999, .changed = NOW - 60
	};
	enum prune_verdict verdict;

	image_prune(&v, 1, 0, NOW, &verdict);
	check_int(verdict, PRUNE_BUSY);
}

static void clocks_that_disagree_remove_nothing(void)
{
	static const struct row rows[] = {
		{ "web", "ONE", "queued", -5000, 0, PRUNE_BUSY },
		{ "web", "ONE", "active", -4000, 0, PRUNE_KEEP },
	};

	judge(rows, ARRAY_SIZE(rows), 1);
}

int main(void)
{
	run(the_newest_of_each_definition_and_region_stay);
	run(what_is_protected_stays);
	run(servers_keep_their_images_however_old);
	run(a_deactivated_one_counts_as_any_other);
	run(what_is_being_uploaded_stays_for_a_day_and_counts_for_nothing);
	run(an_old_record_that_is_used_again_is_busy);
	run(clocks_that_disagree_remove_nothing);
	return done();
}
