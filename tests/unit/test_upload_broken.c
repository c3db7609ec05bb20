/* Uploads against a Glance in memory: what breaks, and who else is at it. */
#include "upload_play.h"

static void a_cut_connection_begins_again_with_the_same_record(void)
{
	static const struct fake_put puts[] = {
		{ .after = "queued", .taken_percent = 50 },
		{ .status = 500,
			.after = "queued",
			.taken_percent = 99,
			.answer = "<html><h1>500</h1>boom" },
		{ .status = 503, .after = "queued" },
		{},
	};
	PLAY;

	begin(&p, true);
	fake.puts = puts;
	check_int(upload(&p), 0);
	check_int(fake.sent, 4);
	check_int(fake.creates, 1);
	check_int(fake.deletes, 0);
	check_int(count_active(&p), 1);
}

static void a_record_that_stays_saving_is_replaced(void)
{
	static const struct fake_put puts[] = {
		{ .after = "saving", .taken_percent = 50 },
		{},
	};
	PLAY;

	begin(&p, true);
	fake.puts = puts;
	check_int(upload(&p), 0);
	check(fake.now > 60000);
	check_int(fake.deletes, 1);
	check_int(fake.creates, 2);
	check(strcmp(fake.v[0].id, fake.v[1].id) != 0); /* an id is never free again */
	check_int(count_active(&p), 1);
}

static void after_six_tries_the_error_is_told_and_the_record_named(void)
{
	static const struct fake_put puts[] = {
		{ .status = 500, .after = "queued", .answer = "<html>disk <b>full</b></html>" },
		{ .status = 500, .after = "queued" },
		{ .status = 500, .after = "queued" },
		{ .status = 500, .after = "queued" },
		{ .status = 500, .after = "queued" },
		{ .status = 500, .after = "queued", .answer = "<html>disk <b>full</b></html>" },
		{},
	};
	PLAY;

	begin(&p, true);
	fake.puts = puts;
	check_int(upload(&p), -ERR_NETWORK);
	check_int(fake.sent, 6);
	check(strstr(p.e.msg, "500 Internal Server Error: disk full"));
	check(strstr(p.e.msg, fake.v[0].id));
}

static void a_connection_that_takes_nothing_is_ended(void)
{
	static const struct fake_put puts[] = {
		{ .stall = true },
		{},
	};
	PLAY;

	begin(&p, true);
	fake.puts = puts;
	check_int(upload(&p), 0);
	check(fake.now > 90000);
	check_int(fake.sent, 2);
	check_int(count_active(&p), 1);
}

static void a_refused_token_is_renewed_twice(void)
{
	static const struct fake_put once[] = { { .status = 401 }, {} };
	static const struct fake_put always[] = { { .status = 401 }, { .status = 401 },
		{ .status = 401 }, {} };
	PLAY;

	begin(&p, true);
	fake.puts = once;
	check_int(upload(&p), 0);
	check_int(fake.forgot, 1);
	check_int(count_active(&p), 1);
	arena_free(p.arena);
	begin(&p, true);
	fake.puts = always;
	check_int(upload(&p), -ERR_NETWORK);
	check(strstr(p.e.msg, "401"));
	check_int(fake.sent, 3);
}

static void what_will_not_work_is_not_tried_again(void)
{
	static const struct fake_put puts[] = { { .status = 413, .answer = "too large" }, {} };
	PLAY;

	begin(&p, true);
	fake.puts = puts;
	check_int(upload(&p), -ERR_NETWORK);
	check(!p.e.transient);
	check(strstr(p.e.msg, "too large") && strstr(p.e.msg, "quota"));
	check_int(fake.sent, 1);
	check(fake.v[0].gone);
}

static void flipped_bytes_are_found_and_removed(void)
{
	static const struct fake_put puts[] = { { .status = 204, .flip = true }, {} };
	PLAY;

	begin(&p, true);
	fake.puts = puts;
	check_int(upload(&p), -ERR_LOCK);
	check(fake.v[0].gone);
	check_int(upload(&p), 0);
	check_int(count_active(&p), 1);
}

static void a_shortened_body_is_found_and_removed(void)
{
	static const struct fake_put puts[] = { { .status = 204, .taken_percent = 50 }, {} };
	PLAY;

	begin(&p, true);
	fake.puts = puts;
	check_int(upload(&p), -ERR_LOCK);
	check(fake.v[0].gone);
}

static unsigned polls;

static void other_uploads(void)
{
	strcpy(fake.v[0].status, "saving");
	polls = 0;
}

static void other_ends(void)
{
	if (++polls < 3)
		return;
	strcpy(fake.v[0].status, "active");
	fake.v[0].size = SIZE;
	strcpy(fake.v[0].hash, fake.v[0].sha512);
}

static void of_two_at_once_the_second_waits_for_the_first(void)
{
	static const struct fake_put puts[] = { { .status = 409, .meanwhile = other_uploads }, {} };
	PLAY;

	begin(&p, true);
	fake.puts = puts;
	fake.on_show = other_ends;
	check_int(upload(&p), 0);
	check(!p.images[0].uploaded);
	check_int(fake.sent, 1);
	check_int(count_active(&p), 1);
}

static void other_fails(void)
{
	if (++polls == 3)
		strcpy(fake.v[0].status, "queued");
}

static void when_the_first_gives_up_the_second_goes_on(void)
{
	static const struct fake_put puts[] = { { .status = 409, .meanwhile = other_uploads }, {} };
	PLAY;

	begin(&p, true);
	fake.puts = puts;
	fake.on_show = other_fails;
	check_int(upload(&p), 0);
	check(p.images[0].uploaded);
	check_int(fake.sent, 2);
	check_int(count_active(&p), 1);
}

static void somebody_elses_upload_that_never_ends_is_told(void)
{
	PLAY;
	struct fake_image *i;

	begin(&p, true);
	i = there(&p, "x", "saving", DIGEST);
	check_int(upload(&p), -ERR_NETWORK);
	check(strstr(p.e.msg, "has not come to an end in 30 min"));
	check(!i->gone);
	i->age_s = 23 * 3600; /* a large one, or clocks that differ */
	check_int(upload(&p), -ERR_NETWORK);
	check(!i->gone);
	i->age_s = 25 * 3600; /* its service was restarted under it */
	check_int(upload(&p), 0);
	check(i->gone);
	check_int(count_active(&p), 1);
}

#define LARGE ((off_t)(4 * GIB))

static void large_one_ends(void)
{
	struct fake_image *i = &fake.v[0];

	if (fake.now < 90 * 60000)
		return;
	strcpy(i->status, "active");
	i->size = LARGE;
	strcpy(i->hash, i->sha512);
}

static void somebody_elses_large_upload_is_waited_for_as_long_as_its_bytes_take(void)
{
	PLAY;

	begin(&p, true);
	strcpy(there(&p, "x", "saving", DIGEST)->sha512, p.sha512);
	check_int(truncate(p.q.disk, LARGE), 0);
	fake.on_show = large_one_ends;
	check_int(upload(&p), 0);
	check_str(p.images[0].id, "x");
	check_int(fake.sent, 0);
}

static void removed(void)
{
	fake.v[fake.n - 1].gone = true;
}

static void a_record_that_is_removed_under_us_is_made_again(void)
{
	static const struct fake_put once[] = { { .status = 410, .meanwhile = removed }, {} };
	static const struct fake_put always[] = { { .status = 410, .meanwhile = removed },
		{ .status = 410, .meanwhile = removed }, { .status = 410, .meanwhile = removed },
		{ .status = 410, .meanwhile = removed }, {} };
	PLAY;

	begin(&p, true);
	fake.puts = once;
	check_int(upload(&p), 0);
	check_int(count_active(&p), 1);
	arena_free(p.arena);
	begin(&p, true);
	fake.puts = always;
	check_int(upload(&p), -ERR_NETWORK);
	check(strstr(p.e.msg, "removed again and again"));
	check(strstr(p.e.msg, "; the last time: sending the bytes: 404 Not Found"));
}

static void a_region_that_takes_no_images_is_asked_once(void)
{
	PLAY;

	begin(&p, true);
	fake.refuse_id = "not available in local zones";
	check_int(upload(&p), -ERR_FAILED);
	check(strstr(p.e.msg, "local zones"));
	check_int(fake.creates, 1);
}

static void no_room_is_known_before_anything_is_made(void)
{
	PLAY;

	begin(&p, true);
	fake.room.mib = 0;
	check_int(upload(&p), -ERR_NETWORK);
	check(strstr(p.e.msg, "0 MiB left") && strstr(p.e.msg, "kbuild prune"));
	check_int(fake.creates + fake.sent, 0);
	fake.room = (struct glance_room){ 1, 0 };
	check_int(upload(&p), -ERR_NETWORK);
	check_int(fake.creates + fake.sent, 0);
	fake.room.images = 1;
	check_int(upload(&p), 0);
}

static void regions_fail_each_for_itself(void)
{
	static const char *const regions[] = { "ONE", "TWO", NULL };
	static const struct fake_put puts[] = { { .status = 403, .answer = "no" }, {} };
	PLAY;

	begin(&p, true);
	p.q.regions = regions;
	fake.puts = puts;
	check_int(upload(&p), -ERR_NETWORK);
	check(strstr(p.e.msg, "ONE: sending the bytes: 403 Forbidden: no\nit is in TWO"));
	check_int(upload(&p), 0);
	check_int(p.n, 2);
	check_str(p.images[0].region, "ONE");
	check(p.images[0].uploaded && !p.images[1].uploaded);
	check_int(fake.sent, 3);
	check_int(count_active(&p), 2);
}

static void an_interrupted_upload_ends_at_once(void)
{
	PLAY;
	static const struct fake_put puts[] = { { .stall = true }, {} };

	begin(&p, true);
	fake.puts = puts;
	fake.interrupted_ms = 5000;
	check_int(upload(&p), -ERR_INTERRUPTED);
	check_int(fake.n_running, 0);
	fake.interrupted_ms = 0;
	check_int(upload(&p), 0);
	check_int(fake.creates, 1); /* the record that was left is used */
	check_int(count_active(&p), 1);
}

static void overwrite(void)
{
	_close_ int fd = openat(tmp_fd(), "disk.raw", O_WRONLY | O_CLOEXEC);

	check(fd >= 0 && pwrite(fd, "o", 1, 0) == 1);
}

static void a_file_that_changes_meanwhile_is_no_image(void)
{
	static const struct fake_put puts[] = { { .status = 204, .meanwhile = overwrite }, {} };
	PLAY;

	begin(&p, true);
	fake.puts = puts;
	check(upload(&p) < 0);
}

static void files_that_are_no_disks_are_refused(void)
{
	PLAY;

	begin(&p, true);
	p.q.disk = tmp_name("nothing");
	check_int(upload(&p), -ERR_FAILED);
	p.q.disk = tmp_name("");
	check_int(upload(&p), -ERR_FAILED);
	p.q.disk = tmp_name("disk.raw");
	p.q.format = "qcow2";
	check_int(upload(&p), -ERR_USAGE);
	check_int(file_replace(tmp_fd(), "disk.raw", "", 0, 0600), 0);
	p.q.format = NULL;
	check_int(upload(&p), -ERR_FAILED);
	check_int(fake.lists, 0);
}

int main(void)
{
	run(a_cut_connection_begins_again_with_the_same_record);
	run(a_record_that_stays_saving_is_replaced);
	run(after_six_tries_the_error_is_told_and_the_record_named);
	run(a_connection_that_takes_nothing_is_ended);
	run(a_refused_token_is_renewed_twice);
	run(what_will_not_work_is_not_tried_again);
	run(flipped_bytes_are_found_and_removed);
	run(a_shortened_body_is_found_and_removed);
	run(of_two_at_once_the_second_waits_for_the_first);
	run(when_the_first_gives_up_the_second_goes_on);
	run(somebody_elses_upload_that_never_ends_is_told);
	run(somebody_elses_large_upload_is_waited_for_as_long_as_its_bytes_take);
	run(a_record_that_is_removed_under_us_is_made_again);
	run(a_region_that_takes_no_images_is_asked_once);
	run(no_room_is_known_before_anything_is_made);
	run(regions_fail_each_for_itself);
	run(an_interrupted_upload_ends_at_once);
	run(a_file_that_changes_meanwhile_is_no_image);
	run(files_that_are_no_disks_are_refused);
	return done();
}
