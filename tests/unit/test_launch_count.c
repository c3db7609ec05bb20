/* Several servers at once, on a cloud that makes and answers as it is told. */
#include "check.h"

#include "arena.h"
#include "buf.h"
#include "build.h"
#include "build_identity.h"
#include "clock.h"
#include "ctx.h"
#include "definition.h"
#include "error.h"
#include "launch.h"
#include "launch_handoff.h"
#include "node.h"
#include "plan.h"
#include "provider.h"
#include "record.h"
#include "servers.h"

#include <errno.h>
#include <sys/stat.h>

#define N 3

/* Of the servers web-1 to web-3: what their consoles say; NULL: they cannot be made. */
static const char *says[N];
static bool settled[N], made[N];
static int64_t now, interrupted; /* ms; 0: never */
static int outcome;		 /* of each launch */
static int destroyed;
static char handed[N][32]; /* the user-data that each was made with */
static bool planning;
static char foreseen[N][32];  /* of each, when it was planned */
static int sealed, too_large; /* too_large: the handoff that is; 0: none */
/* What stands beside the disk once it was built: the image's name; NULL: no record of this disk. */
static const char *recorded = "digest";
static struct stat disk_stat;

#define ANSWER(STATE) "kbuild-status: {\"state\":\"" STATE "\",\"reasons\":[\"no disk\"]}\n"

static int64_t fake_now(_unused_ void *arg)
{
	return now;
}

static int fake_sleep(_unused_ void *arg, int64_t ms)
{
	now += ms;
	return interrupted && now >= interrupted ? -ECANCELED : 0;
}

static const struct clock fake_clock = { .now_ms = fake_now, .sleep_ms = fake_sleep };

static int number(const char *name)
{
	int i = atoi(name + strlen("web-")) - 1;

	check(i >= 0 && i < N);
	return i;
}

static int fake_find(_unused_ const struct cloud *c, const char *name, struct arena *a,
	struct server *ret, _unused_ struct error *e)
{
	*ret = (struct server){ .name = arena_strdup(a, name), .state = SERVER_RUNNING };
	return 0;
}

static int fake_check(
	_unused_ const struct cloud *c, const struct launch_request *q, _unused_ struct error *e)
{
	int i = number(q->name);

	for (const char *const *name = q->following; *name; name++)
		check_int(number(*name), ++i);
	check_int(i, N - 1);
	return 0;
}

static int fake_plan(_unused_ const struct cloud *c, const struct launch_request *q,
	_unused_ struct arena *a, _unused_ struct plan *ret, _unused_ struct error *e)
{
	snprintf(foreseen[number(q->name)], sizeof foreseen[0], "%s",
		q->foreseen ? q->foreseen : "unknown");
	return 0;
}

static int fake_launch(const struct cloud *c, const struct launch_request *q, struct arena *a,
	struct server *ret, struct error *e)
{
	int i = number(q->name);

	if (!says[i])
		return error_set(e, ERR_NETWORK, "no host has room");
	made[i] = true;
	if (q->image_digest)
		check(q->disk_stat == &disk_stat);
	snprintf(handed[i], sizeof handed[i], "%s", q->user_data ? q->user_data : "");
	fake_find(c, q->name, a, ret, e);
	return outcome;
}

static int fake_destroy(_unused_ const struct cloud *c, _unused_ const char *name,
	_unused_ bool with_data, _unused_ struct error *e)
{
	destroyed++;
	return 0;
}

static int fake_console(_unused_ const struct cloud *c, const char *name, uint64_t offset,
	struct buf *ret, uint64_t *ret_offset, _unused_ struct error *e)
{
	const char *text = says[number(name)];

	buf_adds(ret, text + MIN(offset, strlen(text)));
	*ret_offset = strlen(text);
	return 0;
}

static int fake_settle(_unused_ const struct cloud *c, const char *name, _unused_ struct error *e)
{
	settled[number(name)] = true;
	return 0;
}

static int fake_cost(_unused_ const struct cloud *c, _unused_ const struct server *s,
	_unused_ struct arena *a, const char **ret, _unused_ struct error *e)
{
	*ret = "5.00 EUR";
	return 0;
}

static struct provider fake = {
	.name = "fake",
	.destroy = fake_destroy,
	.keeps_interrupted = true,
	.check = fake_check,
	.plan = fake_plan,
	.launch = fake_launch,
	.find = fake_find,
	.console = fake_console,
	.settle = fake_settle,
	.cost = fake_cost,
};

/* An image of a definition; nothing but the name of its server is sealed into a handoff. */
int build_run(_unused_ struct ctx *c, _unused_ const struct build_options *o,
	struct build_result *ret, _unused_ struct error *e)
{
	static char directory[] = "/none", disk[] = "/none/disk.raw", data[] = "#cloud-config\n";

	*ret = (struct build_result){ .directory = directory,
		.disk = disk,
		.user_data = data,
		.image = "digest",
		.recipient = "age1" };
	return 0;
}

void build_result_free(_unused_ struct build_result *r)
{
}

int record_read(const char *directory, const char *file, _unused_ struct arena *a,
	struct record_facts *ret, _unused_ struct error *e)
{
	check_str(directory, "/none");
	check_str(file, fake.upload ? "disk.qcow2" : "disk.raw");
	if (!recorded)
		return RECORD_NONE;
	*ret = (struct record_facts){ .name = "web", .image = recorded, .stat = &disk_stat };
	return 0;
}

static int foresees; /* what build_foresee() returns */

int build_foresee(_unused_ const struct ctx *c, _unused_ const struct definition *def, bool look,
	char *ret, struct error *e)
{
	check(look == planning);
	if (foresees < 0)
		return error_set(e, -foresees, "no inputs");
	snprintf(ret, 65, "will be");
	return foresees;
}

int launch_secrets(_unused_ struct ctx *c, _unused_ const struct definition *def,
	_unused_ const char *path, _unused_ struct arena *a, const struct node **ret,
	_unused_ struct error *e)
{
	static const struct node secrets;

	*ret = &secrets;
	return 0;
}

int launch_handoff(struct launch_request *q, const char *recipient, const struct node *secrets,
	struct arena *a, struct error *e)
{
	check_str(q->user_data, "#cloud-config\n");
	check_str(recipient, "age1");
	check(secrets != NULL);
	if (++sealed == too_large)
		return error_set(e, ERR_INVALID, "clouds take less");
	q->user_data = arena_printf(a, "of %s", q->name);
	return 0;
}

void server_learn_keys(_unused_ const struct cloud *cloud, _unused_ const struct server *s)
{
}

static int play(const char *one, const char *two, const char *three, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct ctx c = { .clock = &fake_clock, .state_dir = "/nowhere", .cache_dir = "/nowhere" };
	struct cloud cloud = { .provider = &fake };
	struct launch_request q = { .name = "web", .disk = "/none" };
	struct launch_options o = {
		.cloud = &cloud, .request = &q, .wait = true, .count = N, .timeout_ms = 60000
	};
	struct server v[N] = {};

	says[0] = one;
	says[1] = two;
	says[2] = three;
	memset(settled, 0, sizeof settled);
	memset(made, 0, sizeof made);
	now = 1;
	return launch_run(&c, &o, a, v, e);
}

static void says_all(const struct error *e, const char *text)
{
	if (!strstr(e->msg, text))
		check_fail("'%s' is not in '%s'", text, e->msg);
}

static void all_that_answer_are_settled(void)
{
	struct error e = {};

	check_int(play(ANSWER("ready"), ANSWER("ready"), ANSWER("ready"), &e), 0);
	check(settled[0] && settled[1] && settled[2]);
}

static void one_that_is_not_well_stops_no_other(void)
{
	struct error e = {};

	check_int(play(ANSWER("degraded"), ANSWER("ready"), ANSWER("failed"), &e), -ERR_TEST);
	says_all(&e, "the server 'web-1' is up, but not as it should be: no disk");
	says_all(&e,
		"There is now: 'web-1' (5.00 EUR a month), not ready, 'web-2' (5.00 EUR a month), "
		"'web-3' (5.00 EUR a month), not ready");
	/* Whatever it was: each has answered. */
	check(settled[0] && settled[1] && settled[2]);
}

static void silence_settles_nothing(void)
{
	struct error e = {};

	check_int(play("login:\n", ANSWER("ready"), ANSWER("ready"), &e), -ERR_TEST);
	says_all(&e, "the server 'web-1' did not get ready: no answer within 60 s");
	check(!settled[0] && settled[1] && settled[2]);
}

static void what_was_made_before_a_failure_is_waited_for(void)
{
	struct error e = {};

	check_int(play(ANSWER("ready"), NULL, ANSWER("ready"), &e), -ERR_NETWORK);
	check_str(e.msg,
		"no host has room\nThere is now: 'web-1' (5.00 EUR a month)\nNot made: 2 of 3");
	check(settled[0] && !made[2]);
}

static void interrupted_each_one_is_said(void)
{
	struct error e = {};

	interrupted = 5000;
	check_int(play(ANSWER("ready"), "up\n", "up\n", &e), -ERR_INTERRUPTED);
	interrupted = 0;
	says_all(&e, "the server 'web-2' goes on starting (5.00 EUR a month)");
	says_all(&e, "the server 'web-3' goes on starting (5.00 EUR a month)");
	says_all(&e, "There is now: 'web-1' (5.00 EUR a month)");
	check(settled[0] && !settled[1] && !settled[2]);
}

/* Another terminal waits for them: they are its to take back, not ours. */
static void what_another_launch_made_is_not_taken_back(void)
{
	struct error e = {};

	fake.keeps_interrupted = false;
	interrupted = 5000;
	outcome = CLOUD_CONTINUED;
	check_int(play("up\n", "up\n", "up\n", &e), -ERR_INTERRUPTED);
	check_int(destroyed, 0);
	says_all(&e, "the server 'web-2' goes on starting");
	outcome = 0;
	check_int(play("up\n", "up\n", "up\n", &e), -ERR_INTERRUPTED);
	check_int(destroyed, N);
	interrupted = 0;
	fake.keeps_interrupted = true;
}

/* plan NULL: a launch. */
static int play_definition(struct plan *plan, struct arena *a, struct error *e)
{
	struct ctx c = { .clock = &fake_clock, .state_dir = "/nowhere", .cache_dir = "/nowhere" };
	struct cloud cloud = { .provider = &fake };
	struct definition def = { .name = "web", .path = "/none/web.yaml" };
	struct launch_request q = {};
	struct launch_options o = { .cloud = &cloud, .request = &q, .def = &def, .count = N };
	struct server v[N] = {};

	for (int i = 0; i < N; i++)
		says[i] = ANSWER("ready");
	memset(made, 0, sizeof made);
	memset(handed, 0, sizeof handed);
	memset(foreseen, 0, sizeof foreseen);
	sealed = 0;
	planning = plan;
	return plan ? launch_plan(&c, &o, a, plan, e) : launch_run(&c, &o, a, v, e);
}

/* Its agent takes that name for its own: two of one name would write to one bucket, and tidy up after each other. */
static void each_is_handed_its_own_name(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct error e = {};

	check_int(play_definition(NULL, a, &e), 0);
	check_str(handed[0], "of web-1");
	check_str(handed[1], "of web-2");
	check_str(handed[2], "of web-3");
}

static void a_handoff_that_no_cloud_takes_is_found_before_any_is_made(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct error e = {};

	too_large = N;
	check_int(play_definition(NULL, a, &e), -ERR_INVALID);
	too_large = 0;
	check_str(e.msg, "clouds take less");
	check(!made[0] && !made[1] && !made[2]);
}

static void an_image_that_was_built_anew_meanwhile_is_not_launched(void)
{
	static const char *const others[] = { "another", NULL };

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		struct error e = {};

		recorded = others[i];
		check_int(play_definition(NULL, a, &e), -ERR_FAILED);
		recorded = "digest";
		check_str(e.msg, "the image '/none/disk.raw' was built anew meanwhile; again");
		check(!made[0] && !made[1] && !made[2]);
	}
}

/* What runs there may be of another image, and then a launch would fail. */
static void a_plan_compares_the_image_that_it_will_be(void)
{
	static const struct {
		int foresees, result;
		const char *foreseen;
		size_t wrong;
	} rows[] = { { 0, 0, "will be", 0 }, { 1, 0, "unknown", 0 },
		{ -ERR_FAILED, 0, "unknown", 1 }, { -ERR_INTERRUPTED, -ERR_INTERRUPTED, "", 0 } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		struct plan p = { .carbon = -1 };
		struct error e = {};

		foresees = rows[i].foresees;
		check_int(play_definition(&p, a, &e), rows[i].result);
		for (int k = 0; k < N; k++)
			check_str(foreseen[k], rows[i].foreseen);
		check_int(plan_count(&p, PLAN_WRONG), rows[i].wrong);
	}
	foresees = 0;
}

int main(void)
{
	run(all_that_answer_are_settled);
	run(one_that_is_not_well_stops_no_other);
	run(silence_settles_nothing);
	run(what_was_made_before_a_failure_is_waited_for);
	run(interrupted_each_one_is_said);
	run(what_another_launch_made_is_not_taken_back);
	run(a_plan_compares_the_image_that_it_will_be);
	run(each_is_handed_its_own_name);
	run(an_image_that_was_built_anew_meanwhile_is_not_launched);
	run(a_handoff_that_no_cloud_takes_is_found_before_any_is_made);
	return done();
}
