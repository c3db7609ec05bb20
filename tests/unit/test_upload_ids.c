/* Uploads against a Glance in memory: whose choice a record's id is, and what keeps the image one then. */
#include "upload_play.h"

static void remove_all_images(void)
{
	for (size_t i = 0; i < fake.n; i++)
		fake.v[i].gone = true;
}

static unsigned count_calls(void)
{
	return fake.lists + fake.rooms + fake.creates + fake.shows;
}

static void an_image_that_was_removed_often_is_uploaded_again(void)
{
	static const unsigned calls[] = { 4, 6, 9 }; /* then it gets no dearer */
	PLAY;

	begin(&p, true);
	for (size_t i = 0; i < 20; i++) {
		unsigned before = count_calls();

		check_int(upload(&p), 0);
		check(p.images[0].uploaded);
		check_int(count_active(&p), 1);
		check_int(count_calls() - before, calls[MIN(i, ARRAY_SIZE(calls) - 1)]);
		check_int(upload(&p), 0);
		check(!p.images[0].uploaded);
		remove_all_images();
	}
	check_int(fake.sent, 20);
	check_int(fake.deletes, 0);
}

static struct play *playing;
static const char *other_status;
static bool other_older;

/* Another upload has made its record when this one has made its own. */
static void another_makes_one_too(void)
{
	struct fake_image mine = fake.v[0], *other;

	if (fake.lists != 2)
		return;
	other = fake_add("other", NULL, other_status, DIGEST, "raw");
	snprintf(other->sha512, sizeof other->sha512, "%s", playing->sha512);
	if (!other_older)
		return;
	fake.v[0] = *other;
	fake.v[1] = mine;
}

static void other_comes_to_an_end(void)
{
	struct fake_image *i = fake_find(NULL, "other");

	if (strcmp(i->status, "saving") != 0)
		return;
	strcpy(i->status, "active");
	i->size = SIZE;
	strcpy(i->hash, i->sha512);
}

static void of_two_records_both_uploads_choose_the_same(void)
{
	static const struct {
		const char *status;
		bool older;
		const char *id;
		unsigned sent;
	} rows[] = {
		{ "queued", true, "other", 1 },
		{ "queued", false, "chosen-0", 1 },
		{ "saving", true, "other", 0 },
		{ "saving", false, "other", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		PLAY;

		begin(&p, true);
		playing = &p;
		other_status = rows[i].status;
		other_older = rows[i].older;
		fake.forbids_ids = true;
		fake.on_list = another_makes_one_too;
		fake.on_show = other_comes_to_an_end;
		check_int(upload(&p), 0);
		check_str(p.images[0].id, rows[i].id);
		check_int(fake.sent, rows[i].sent);
		check_int(fake.deletes, 1);
		check_int(count_active(&p), 1);
	}
}

static void a_record_that_lists_do_not_show_yet_is_used(void)
{
	PLAY;

	begin(&p, true);
	fake.forbids_ids = true;
	fake.hidden = 1;
	check_int(upload(&p), 0);
	check_int(fake.creates, 2); /* one of them refused */
	check_int(fake.sent, 1);
	check_int(count_active(&p), 1);
}

static void a_killed_upload_is_gone_on_with_whatever_its_id(void)
{
	static const struct fake_put puts[] = { { .stall = true }, {} };
	PLAY;

	begin(&p, true);
	fake.forbids_ids = true;
	fake.puts = puts;
	fake.interrupted_ms = 5000;
	check_int(upload(&p), -ERR_INTERRUPTED);
	fake.interrupted_ms = 0;
	check_int(upload(&p), 0);
	check_str(p.images[0].id, "chosen-0");
	check_int(fake.creates, 2);
	check_int(fake.deletes, 0);
	check_int(count_active(&p), 1);
}

static void another_image_of_that_size_comes(void)
{
	if (fake.lists == 2)
		strcpy(there(playing, "y", "active", OTHER)->sha512, playing->sha512);
}

/* Of a foreign file: it may be these bytes, but its record is made by now. */
static void what_comes_after_the_record_is_not_looked_into(void)
{
	PLAY;

	begin(&p, false);
	playing = &p;
	fake.forbids_ids = true;
	fake.on_list = another_image_of_that_size_comes;
	check_int(upload(&p), 0);
	check_str(p.images[0].id, "chosen-0");
	check_int(count_active(&p), 2);
}

int main(void)
{
	run(an_image_that_was_removed_often_is_uploaded_again);
	run(of_two_records_both_uploads_choose_the_same);
	run(a_record_that_lists_do_not_show_yet_is_used);
	run(a_killed_upload_is_gone_on_with_whatever_its_id);
	run(what_comes_after_the_record_is_not_looked_into);
	return done();
}
