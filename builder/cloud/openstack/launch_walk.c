/*
 * Launching: the loop over the table of steps. Killed anywhere and run again, it finds what it has made and
 * goes on. What may not be asked twice (POST) and whose outcome is not known is looked for before it is
 * asked again.
 */
#include "arena.h"
#include "clock.h"
#include "digest.h"
#include "error.h"
#include "launching.h"
#include "os.h"
#include "plan.h"
#include "progress.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define TRIES	       3     /* of a POST whose outcome is not known */
#define LOOKS	       3     /* after each: lists lag behind */
#define FRESH_MS       10000 /* what was looked up so lately is believed */
#define SURVEY_LIFE_MS 60000

/* Whether it is there after all, which lists may be slow to show. 1: yes. */
static int look_again(struct launching *l, const struct launch_step *s, struct error *e)
{
	for (int i = 0; i < LOOKS; i++) {
		int r = i ? row_pause(l->row, INT64_MAX, 0, "", e) : 0;

		if (r == 0)
			r = s->again(l, e);
		if (r < 0)
			return r;
		if (s->there(l))
			return 1;
	}
	return 0;
}

/* What was asked for just now, by this launch or by one that was killed, may still come. 1: it has. */
static int await_pending(struct launching *l, const struct launch_step *s, struct error *e)
{
	int64_t left = s->twice ? row_pending_ms(l->row, l->directory, s->what) : 0;
	int64_t deadline = row_deadline(l->row, left);
	int r = 0;

	while (r == 0 && left > 0 && clock_now_ms(l->row->cloud.clock) < deadline) {
		progress_detail(l->row->cloud.progress, "%s: may be on its way already", s->what);
		r = s->again(l, e);
		if (r == 0 && s->there(l))
			return 1;
		if (r == 0)
			r = row_pause(l->row, INT64_MAX, 0, "", e);
	}
	return r;
}

/* One attempt, with its mark for as long as nobody knows what becomes of it. */
static int attempt(struct launching *l, const struct launch_step *s, struct error *e)
{
	int r;

	if (s->twice)
		row_pending_begin(l->row, l->directory, s->what);
	r = s->make(l, e);
	if (s->twice && r == OS_UNSURE)
		row_pending_unsure(l->row, l->directory, s->what);
	else if (s->twice && (r >= 0 || e->code != ERR_INTERRUPTED))
		row_pending_end(l->directory);
	return r;
}

/* Whether what was asked for came after all, also when it takes its time. 1: yes. */
static int see_again(struct launching *l, const struct launch_step *s, struct error *e)
{
	int seen = look_again(l, s, e);

	if (seen == 0)
		seen = await_pending(l, s, e);
	if (seen > 0 && s->twice)
		row_pending_end(l->directory);
	return seen;
}

/* While the image was sent somebody else may have made it: another look. 1: it is there. */
static int look_late(struct launching *l, const struct launch_step *s, struct error *e)
{
	int r;

	if (!s->twice || clock_now_ms(l->row->cloud.clock) - l->looked < FRESH_MS)
		return 0;
	r = s->again(l, e);
	return r < 0 ? r : s->there(l);
}

static int make_once(struct launching *l, const struct launch_step *s, struct error *e)
{
	int there = look_late(l, s, e);

	if (there == 0)
		there = await_pending(l, s, e);
	if (there != 0)
		return MIN(there, 0);
	for (int i = 0;; i++) {
		int r = attempt(l, s, e), seen;
		struct error why = *e;

		if (r <= 0)
			return r;
		if ((r != OS_UNSURE && r != OS_CONFLICT) || !s->again)
			return -e->code;
		seen = see_again(l, s, e);
		if (seen != 0)
			return MIN(seen, 0);
		*e = why;
		if (r == OS_CONFLICT || i + 1 >= TRIES)
			return -e->code;
	}
}

/* What there is now, what it costs, and the two ways on. */
static void say_things(struct launching *l, struct error *e)
{
	struct error ignored = {};
	const char *text = "";
	int64_t sum = 0;

	(void)launch_add_prices(l, &l->made, 0, &ignored);
	for (size_t i = 0; i < l->made.n; i++) {
		const struct plan_item *t = &l->made.items[i];

		text = arena_printf(l->a, "%s%s%s '%s'", text, i ? ", " : "", t->what, t->name);
		sum += t->price;
	}
	error_append(e, "\nThere is now, in %s: %s", l->region, text);
	if (sum)
		error_append(e, " (%s a month)", price_text(l->a, sum, l->made.currency));
	error_append(e, "\nThe same command goes on with that; 'kbuild destroy %s%s%s", l->q->name,
		l->volume_made ? " --with-data" : "", l->row->cloud.words);
	if (!l->row->cloud.region) /* else the words have it */
		error_append(e, " --region %s", l->region);
	error_append(e, "' removes it");
}

/* After a failure. The image is no server's own, so that "destroy" leaves it; and it is stored, which costs. */
static int say_made(struct launching *l, struct error *e)
{
	if (l->made.n)
		say_things(l, e);
	if (l->sent)
		error_append(e,
			"\nThe image '%s' was uploaded to %s, and stays for the next launch; 'kbuild prune' removes it",
			l->sent, l->region);
	return -e->code;
}

static void remember_made(struct launching *l, const struct launch_step *s)
{
	static const char *const things[] = { "key pair", "security group", "data volume",
		"server" };

	for (size_t i = 0; i < ARRAY_SIZE(things); i++) {
		if (strcmp(s->what, things[i]) == 0 && !(l->q->key && i == 0))
			plan_add(&l->made, l->a, PLAN_THERE, s->what,
				strcmp(s->what, "server") == 0 ? l->q->name
				: i == 0		       ? l->key
							       : l->tag,
				NULL);
	}
}

static int walk(struct launching *l, struct error *e)
{
	int r = 0;

	for (size_t i = 0; i < launch_n_steps && r == 0; i++) {
		const struct launch_step *s = &launch_steps[i];

		if ((s->wanted && !s->wanted(l)) || !s->make)
			continue;
		progress_detail(l->row->cloud.progress, "%s", s->what);
		if (!s->there(l)) {
			r = make_once(l, s, e);
			if (r < 0)
				error_prefix(e, "making the %s", s->what);
		}
		if (r == 0)
			remember_made(l, s);
		if (r == 0 && s->wait)
			r = s->wait(l, e);
	}
	return r;
}

/* What check() has found is good for a minute; what could be made twice is looked for again: look_late(). */
static int take_survey(struct row *row, const struct launch_request *q, struct plan *plan,
	struct launching **ret, struct error *e)
{
	struct launching *l = row->launching;
	int r;

	if (!l || strcmp(l->q->name, q->name) != 0 ||
		clock_now_ms(row->cloud.clock) - l->looked > SURVEY_LIFE_MS) {
		launch_forget(row);
		row->survey = arena_new();
		r = launch_survey(row, q, row->survey, plan, &row->launching, e);
		*ret = row->launching;
		return r < 0 ? r : launch_wrong_items(plan, e);
	}
	l->q = q;
	l->plan = plan;
	l->intent = launch_intent(l);
	show_server(l);
	if (launch_makes_server(l))
		show_flavor(l);
	*ret = l;
	return launch_wrong_items(plan, e);
}

/*
 * A disk that nobody has named is named by its bytes, as far as the server goes. Under which name the cloud has them,
 * if it has them, their hash tells: *ret; NULL where the disk has a name.
 */
static int name_disk(struct launch_request *q, struct arena *a, const char **ret, struct error *e)
{
	_close_ int fd = -1;
	char *hex;
	int r;

	*ret = NULL;
	if (q->image_digest)
		return 0;
	fd = open(q->disk, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(e, errno, "the image '%s'", q->disk);
	hex = arena_alloc(a, SHA512_HEX);
	r = sha512_fd(fd, hex);
	if (r == -ECANCELED)
		return error_set(e, ERR_INTERRUPTED, "interrupted");
	if (r < 0)
		return error_errno(e, r, "reading the image '%s'", q->disk);
	q->image_digest = arena_strndup(a, hex, SHA256_HEX - 1);
	*ret = hex;
	return 0;
}

int row_launch(const struct cloud *c, const struct launch_request *q, struct arena *a,
	struct server *ret, struct error *e)
{
	struct row *row = row_of(c);
	struct launch_request named = *q;
	struct launching *l = NULL;
	struct plan plan = {};
	const char *sha512;
	int outcome = 0;
	int r = name_disk(&named, a, &sha512, e);

	if (r == 0)
		r = take_survey(row, &named, &plan, &l, e);
	if (r == 0) {
		l->disk_sha512 = sha512;
		outcome = !l->server || l->broken  ? 0
			  : l->server->tag_settled ? CLOUD_SETTLED
						   : CLOUD_CONTINUED;
		r = outcome == CLOUD_SETTLED ? 0 : walk(l, e);
		if (r < 0)
			r = say_made(l, e);
		else
			row_describe(row, l->server, l->region, l->volume, a, ret);
	}
	if (r == 0) {
		ret->volume_made = l->volume_made;
		r = outcome;
	}
	launch_forget(row);
	return r;
}
