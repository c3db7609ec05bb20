/* Waiting for a server, on a cloud and a clock that do as they are told. */
#include "check.h"

#include "buf.h"
#include "clock.h"
#include "ctx.h"
#include "error.h"
#include "launch.h"
#include "provider.h"

#include <errno.h>

/* What the console says from which second on, and from when on the server has ended. */
struct script {
	struct {
		int64_t at;
		const char *text;
	} lines[8];
	int64_t ends, destroyed, interrupted; /* ms; 0: never */
	int64_t away, back;		      /* so long the cloud cannot be asked; back 0: never */
	bool refuses;			      /* nor is there sense in asking again */
	bool settled;			      /* its launch is over */
	uint64_t boot; /* where on the console the present boot begins, as find() says */
};

static const struct script *now_playing;
static int64_t now;

static int64_t fake_now(_unused_ void *arg)
{
	return now;
}

static int fake_sleep(_unused_ void *arg, int64_t ms)
{
	now += ms;
	return now_playing->interrupted && now >= now_playing->interrupted ? -ECANCELED : 0;
}

static const struct clock fake_clock = { .now_ms = fake_now, .sleep_ms = fake_sleep };

static bool is_away(struct error *e)
{
	const struct script *s = now_playing;

	if (!s->away || now < s->away || (s->back && now >= s->back))
		return false;
	error_set(e, ERR_NETWORK, "compute: connection refused");
	e->transient = !s->refuses;
	return true;
}

static int fake_find(_unused_ const struct cloud *c, const char *name, _unused_ struct arena *a,
	struct server *ret, struct error *e)
{
	if (is_away(e))
		return -ERR_NETWORK;
	if (now_playing->destroyed && now >= now_playing->destroyed)
		return CLOUD_ABSENT;
	*ret = (struct server){ .name = name };
	ret->state = now_playing->ends && now >= now_playing->ends ? SERVER_STOPPED
		     : now_playing->settled			   ? SERVER_RUNNING
								   : SERVER_BOOTING;
	ret->console_offset = now_playing->boot;
	return 0;
}

static int fake_console(_unused_ const struct cloud *c, _unused_ const char *name, uint64_t offset,
	struct buf *ret, uint64_t *ret_offset, struct error *e)
{
	_buf_ all = BUF_INIT;

	if (is_away(e))
		return -ERR_NETWORK;
	if (now_playing->destroyed && now >= now_playing->destroyed)
		return CLOUD_ABSENT;
	for (size_t i = 0; i < ARRAY_SIZE(now_playing->lines); i++) {
		if (now_playing->lines[i].text && now >= now_playing->lines[i].at)
			buf_adds(&all, now_playing->lines[i].text);
	}
	buf_adds(ret, buf_str(&all) + MIN(offset, all.len));
	*ret_offset = all.len;
	return 0;
}

static int fake_cost(_unused_ const struct cloud *c, _unused_ const struct server *s,
	_unused_ struct arena *a, const char **ret, _unused_ struct error *e)
{
	*ret = "5.80 EUR";
	return 0;
}

static const struct provider fake = {
	.name = "fake", .find = fake_find, .console = fake_console, .cost = fake_cost
};

#define MINUTE 60000

static bool answered;

static int play(const struct script *s, struct error *e)
{
	struct ctx c = { .clock = &fake_clock, .state_dir = "/nowhere", .cache_dir = "/nowhere" };

	now_playing = s;
	now = 1;
	answered = false;
	return server_wait(&c, &(struct cloud){ .provider = &fake },
		&(struct server){ .name = "web" }, 10 * MINUTE, &answered, e);
}

static void an_answer_ends_the_wait(void)
{
	static const struct script s = {
		.lines = { { 1000, "[ 1.0] Linux version\r\n" },
			{ 3 * MINUTE, "kbuild-status: {\"state\"" },
			{ 3 * MINUTE + 100, ":\"ready\"}\r\n" } },
	};
	struct error e = {};

	check_int(play(&s, &e), 0);
	check(now >= 3 * MINUTE + 100 && now < 3 * MINUTE + 1000);
	check(answered);
}

static void what_ends_otherwise_is_an_error(void)
{
	static const struct {
		struct script s;
		int code;
		const char *says;
		int64_t until;
	} rows[] = {
		{ { .lines = { { 1, "login:\r\n" } } }, ERR_TEST, "no answer within 600 s",
			10 * MINUTE },
		{ { .lines = { { 1,
			    "kbuild-status: {\"state\":\"working\",\"step\":\"dns\","
			    "\"n\":9,\"of\":12,\"note\":\"asking\"}\n" } } },
			ERR_TEST, "(--timeout); it was at step 9 of 12, dns: asking", 10 * MINUTE },
		{ { .lines = { { 1, "bye\r\n" } }, .ends = 5000 }, ERR_FAILED,
			"it ended before it had answered\n  | bye", 8000 },
		/* What it said with its last breath counts. */
		{ { .lines = { { 4900, "Kernel panic - not syncing: x\r\n" } }, .ends = 5000 },
			ERR_TEST, "the kernel panicked", 8000 },
		{ { .lines = { { 1000, "Kernel panic - not syncing: x\r\n" },
			    { 2000, "Call Trace:\r\n" } } },
			ERR_TEST, "  | Call Trace:", 4000 },
		{ { .lines = { { 1,
			    "kbuild-status: {\"state\":\"failed\",\"reasons\":[\"r\"]}\n" } } },
			ERR_TEST, "did not get ready: r", 1000 },
		{ { .lines = { { 1, "kbuild-status: {\"state\":\"degraded\"}\n" } } }, ERR_TEST,
			"not as it should be: it gave no reason", 1000 },
		{ { .lines = { { 1, "login:\r\n" } } }, ERR_TEST,
			"It still runs (5.80 EUR a month), and the same command waits for it again.",
			10 * MINUTE },
		{ { .away = 1 }, ERR_TEST, "the cloud could not be asked: compute: connection",
			10 * MINUTE },
		{ { .away = 4000, .refuses = true }, ERR_NETWORK,
			"The server 'web' is there (5.80 EUR a month): the same command waits for it again, 'kbuild destroy web' removes it",
			8000 },
		{ { .lines = { { 1, "kbuild-status: {\"state\":\"degraded\"}\n" } } }, ERR_TEST,
			"It still runs (5.80 EUR a month). Look at it with", 1000 },
		{ { .destroyed = 4000 }, ERR_FAILED, "was destroyed while it started", 7000 },
		{ { .interrupted = 4000 }, ERR_INTERRUPTED, "interrupted", 4500 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct error e = {};

		check(play(&rows[i].s, &e) < 0);
		check_int(e.code, rows[i].code);
		if (!strstr(e.msg, rows[i].says))
			check_fail("row %zu: '%s' is not in '%s'", i, rows[i].says, e.msg);
		check(now <= rows[i].until + 1000);
		check_int(answered, strstr(rows[i].s.lines[0].text ? rows[i].s.lines[0].text : "",
					    "\"degraded\"") ||
					    strstr(e.msg, "did not get ready: r"));
	}
}

static void an_answer_of_a_server_that_then_ends_still_counts(void)
{
	static const struct script s = {
		.lines = { { 1000, "kbuild-status: {\"state\":\"ready\"}\r\n" } },
		.ends = 1000,
	};
	struct error e = {};

	check_int(play(&s, &e), 0);
}

/* At once as well as in between. */
static void a_cloud_that_is_away_for_a_moment_is_asked_again(void)
{
	static const int64_t from[] = { 1, 20000 };

	for (size_t i = 0; i < ARRAY_SIZE(from); i++) {
		const struct script s = {
			.lines = { { 2 * MINUTE, "kbuild-status: {\"state\":\"ready\"}\r\n" } },
			.away = from[i],
			.back = from[i] + MINUTE,
		};
		struct error e = {};

		if (play(&s, &e) != 0)
			check_fail("row %zu: %s", i, e.msg);
		check(now < 2 * MINUTE + 1000 && e.code == 0);
	}
}

/*
 * After a start. Where no boot has begun, nothing more comes from a cloud's server whose launch is over; one that is
 * still in its first boot is waited for, and local knows where its boot began.
 */
static void after_a_start_a_boot_is_waited_for_and_nothing_else(void)
{
	static const char ready[] = "kbuild-status: {\"state\":\"ready\"}\r\n";
	static const char bad[] = "kbuild-status: {\"state\":\"degraded\"}\r\n";
	static const struct {
		struct script s;
		int how;
		bool local;
		int code;
		int64_t from, until;
	} rows[] = {
		/* A boot: what was said before does not count. */
		{ { .lines = { { 0, ready }, { MINUTE, ready } },
			  .settled = true,
			  .boot = sizeof ready - 1 },
			0, false, 0, MINUTE, MINUTE + 1000 },
		{ { .lines = { { 0, ready } }, .settled = true }, CLOUD_UNCHANGED, false, 0, 0, 1 },
		{ { .lines = { { 0, ready } }, .settled = true }, CLOUD_RESUMED, false, 0, 0, 1 },
		/* What it said has left the window long ago. */
		{ { .lines = { { 0, "cron\r\n" } }, .settled = true }, CLOUD_UNCHANGED, false, 0, 0,
			1 },
		{ { .lines = { { 0, ready }, { 0, bad } }, .settled = true }, CLOUD_UNCHANGED,
			false, ERR_TEST, 0, 1 },
		/* Its first boot, held or not. */
		{ { .lines = { { MINUTE, ready } } }, CLOUD_UNCHANGED, false, 0, MINUTE,
			MINUTE + 1000 },
		{ { .lines = { { MINUTE, bad } } }, CLOUD_RESUMED, false, ERR_TEST, MINUTE,
			MINUTE + 1000 },
		{ { .lines = { { 0, ready }, { MINUTE, ready } },
			  .settled = true,
			  .boot = sizeof ready - 1 },
			CLOUD_UNCHANGED, true, 0, MINUTE, MINUTE + 1000 },
		{ { .destroyed = 1 }, CLOUD_UNCHANGED, false, ERR_FAILED, 0, 1 },
		{ { .away = 1, .settled = true }, CLOUD_UNCHANGED, false, ERR_NETWORK, 0, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ctx c = {
			.clock = &fake_clock, .state_dir = "/nowhere", .cache_dir = "/nowhere"
		};
		struct provider p = fake;
		struct error e = {};

		p.knows_boot = rows[i].local;
		now_playing = &rows[i].s;
		now = 1;
		(void)server_started(&c, &(struct cloud){ .provider = &p },
			&(struct server){ .name = "web" }, rows[i].how, 10 * MINUTE, &e);
		if (e.code != rows[i].code || now < rows[i].from || now > rows[i].until)
			check_fail(
				"row %zu: %d after %lld ms: %s", i, e.code, (long long)now, e.msg);
	}
}

int main(void)
{
	run(an_answer_ends_the_wait);
	run(what_ends_otherwise_is_an_error);
	run(a_cloud_that_is_away_for_a_moment_is_asked_again);
	run(an_answer_of_a_server_that_then_ends_still_counts);
	run(after_a_start_a_boot_is_waited_for_and_nothing_else);
	return done();
}
