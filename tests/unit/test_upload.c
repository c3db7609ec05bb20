/* Uploads against a Glance in memory: what is there already, and what is sent. */
#include "upload_play.h"

static void a_new_image_takes_four_calls_and_its_bytes(void)
{
	PLAY;

	begin(&p, true);
	check_int(upload(&p), 0);
	check_int(p.n, 1);
	check(p.images[0].uploaded);
	check_str(p.images[0].sha512, p.sha512);
	check_str(p.images[0].digest, DIGEST);
	check_int(p.images[0].size, SIZE);
	check_int(count_active(&p), 1);
	check_int(fake.lists + fake.rooms + fake.creates + fake.shows, 4);
	check_int(fake.sent, 1);
	check_int(fake.confirms + fake.deletes, 0);
}

static void the_same_is_never_sent_twice(void)
{
	PLAY;

	begin(&p, true);
	check_int(upload(&p), 0);
	check_int(upload(&p), 0);
	check(!p.images[0].uploaded);
	check_int(fake.sent, 1);
	check_int(fake.lists, 2);
	check_int(fake.shows, 1);
	check_int(count_active(&p), 1);
}

static void what_another_has_uploaded_and_proven_is_used_whatever_its_bytes(void)
{
	PLAY;
	struct fake_image *i;

	begin(&p, true);
	i = there(&p, "x", "active", DIGEST);
	i->size = 5;
	strcpy(i->hash, "other");
	strcpy(i->sha512, "other");
	check_int(upload(&p), 0);
	check_str(p.images[0].id, "x");
	check_int(fake.sent, 0);
}

static void what_nobody_has_compared_is_compared(void)
{
	PLAY;

	begin(&p, true);
	there(&p, "x", "active", DIGEST);
	check_int(upload(&p), 0);
	check_str(p.images[0].id, "x");
	check_int(fake.sent, 0);
	check_int(fake.confirms, 1);
	check_int(count_active(&p), 1);
}

static void other_bytes_than_their_uploader_said_are_replaced(void)
{
	PLAY;
	struct fake_image *i;

	begin(&p, true);
	i = there(&p, "x", "active", DIGEST);
	strcpy(i->hash, "flipped");
	strcpy(i->sha512, "meant");
	check_int(upload(&p), 0);
	check(p.images[0].uploaded);
	check(i->gone);
	check_int(count_active(&p), 1);
}

static void what_is_wrong_and_in_use_is_not_removed(void)
{
	PLAY;
	struct fake_image *i;

	begin(&p, true);
	i = there(&p, "x", "active", DIGEST);
	strcpy(i->hash, "flipped");
	strcpy(i->sha512, "meant");
	fake.users = "web, shop";
	check_int(upload(&p), -ERR_FAILED);
	check(strstr(p.e.msg, "it has other bytes, and servers were made from it (web, shop)"));
	check(!p.e.transient);
	check(!i->gone);
	check_int(fake.deletes, 0);
}

static void what_another_has_just_stored_is_left_to_him(void)
{
	PLAY;
	struct fake_image *i;

	begin(&p, true);
	i = there(&p, "x", "active", DIGEST);
	strcpy(i->hash, "of a moment ago");
	check_int(upload(&p), -ERR_NETWORK);
	check(strstr(p.e.msg, "another upload"));
	check(!i->gone);
	i->age_s = 3600; /* an hour later nobody is at it any more */
	check_int(upload(&p), 0);
	check(i->gone);
	check_int(count_active(&p), 1);
}

static void a_killed_upload_is_gone_on_with(void)
{
	PLAY;

	begin(&p, true);
	there(&p, "first", "queued", DIGEST);
	there(&p, "second", "queued", DIGEST);
	check_int(upload(&p), 0);
	check_str(p.images[0].id, "first");
	check_int(fake.creates, 0);
	check_int(fake.deletes, 1);
	check_int(count_active(&p), 1);
}

static void other_images_and_formats_are_left_alone(void)
{
	PLAY;
	struct fake_image *other, *qcow2;

	begin(&p, true);
	other = there(&p, "x", "queued", OTHER);
	qcow2 = there(&p, "y", "queued", DIGEST);
	qcow2->format = "qcow2";
	check_int(upload(&p), 0);
	check(!other->gone && !qcow2->gone);
	check_int(fake.creates, 1);
}

static void a_file_from_elsewhere_is_hashed_while_it_is_sent(void)
{
	PLAY;

	begin(&p, false);
	check_int(upload(&p), 0);
	check(p.images[0].uploaded);
	check_int(fake.confirms, 1);
	check_int(count_active(&p), 1);
	check_int(upload(&p), 0);
	check(!p.images[0].uploaded);
	check_int(fake.sent, 1);
}

static void equal_bytes_under_another_name_are_found(void)
{
	PLAY;
	struct fake_image *i;

	begin(&p, false);
	i = there(&p, "x", "active", OTHER);
	check_int(upload(&p), 0);
	check_str(p.images[0].id, "x");
	check_int(fake.sent, 0);
	strcpy(i->hash, "no, others");
	check_int(upload(&p), 0);
	check_int(fake.sent, 1);
}

static void services_of_old_compare_less(void)
{
	PLAY;
	static const struct fake_put puts[] = { { .status = 204, .flip = true }, {} };

	begin(&p, true);
	fake.no_hash = true;
	fake.puts = puts;
	check_int(upload(&p), -ERR_LOCK); /* MD5 finds it, too */
	check_int(upload(&p), 0);
	arena_free(p.arena);
	begin(&p, true);
	fake.no_hash = fake.no_checksum = true;
	check_int(upload(&p), 0);
	check_int(count_active(&p), 1);
}

/* By another build, after the manifest beside it was read. */
static void another_disk_is_not_sent_under_the_name_of_the_first(void)
{
	PLAY;
	struct stat st;

	begin(&p, true);
	check_int(fstatat(tmp_fd(), "disk.raw", &st, 0), 0);
	p.q.disk_stat = &st;
	write_disk('k');
	check_int(upload(&p), -ERR_FAILED);
	check(strstr(p.e.msg, "/disk.raw was built anew meanwhile; again"));
	check_int(fake.lists + fake.creates + fake.sent, 0);
	check_int(fstatat(tmp_fd(), "disk.raw", &st, 0), 0);
	check_int(upload(&p), 0);
	check_int(count_active(&p), 1);
}

int main(void)
{
	run(another_disk_is_not_sent_under_the_name_of_the_first);
	run(a_new_image_takes_four_calls_and_its_bytes);
	run(the_same_is_never_sent_twice);
	run(what_another_has_uploaded_and_proven_is_used_whatever_its_bytes);
	run(what_nobody_has_compared_is_compared);
	run(other_bytes_than_their_uploader_said_are_replaced);
	run(what_is_wrong_and_in_use_is_not_removed);
	run(what_another_has_just_stored_is_left_to_him);
	run(a_killed_upload_is_gone_on_with);
	run(other_images_and_formats_are_left_alone);
	run(a_file_from_elsewhere_is_hashed_while_it_is_sent);
	run(equal_bytes_under_another_name_are_found);
	run(services_of_old_compare_less);
	return done();
}
