/* Runs of blocks become extents. */
#include "check.h"
#include "ext4_extent.h"

#include <stdlib.h>

static void runs_that_continue_are_joined(void)
{
	struct extents x = {};

	extents_add(&x, 0, 100, 10);
	extents_add(&x, 10, 110, 5);
	check_int(x.n, 1);
	check_int(x.v[0].len, 15);
	check_int(x.blocks, 15);
	free(x.v);
}

static void gaps_in_the_file_or_on_the_disk_begin_a_new_extent(void)
{
	struct extents x = {};

	extents_add(&x, 0, 100, 10);
	extents_add(&x, 11, 110, 1); /* a hole */
	extents_add(&x, 12, 200, 1); /* somewhere else */
	check_int(x.n, 3);
	check_int(x.v[2].logical, 12);
	check_int(x.v[2].start, 200);
	check_int(x.blocks, 12);
	free(x.v);
}

static void no_extent_is_longer_than_the_format_allows(void)
{
	struct extents x = {};

	extents_add(&x, 0, 5, 30000);
	extents_add(&x, 30000, 30005, 70000);
	check_int(x.n, 4);
	for (size_t i = 0; i < 3; i++) {
		check_int(x.v[i].len, EXTENT_LEN_MAX);
		check_int(x.v[i + 1].logical, x.v[i].logical + EXTENT_LEN_MAX);
		check_int(x.v[i + 1].start, x.v[i].start + EXTENT_LEN_MAX);
	}
	check_int(x.v[3].len, 100000 - 3 * EXTENT_LEN_MAX);
	free(x.v);
}

int main(void)
{
	run(runs_that_continue_are_joined);
	run(gaps_in_the_file_or_on_the_disk_begin_a_new_extent);
	run(no_extent_is_longer_than_the_format_allows);
	return done();
}
