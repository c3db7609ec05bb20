/* First boot's walk: what is done once, what is tried again, and that a cut anywhere is continued. */
#include "agent.h"
#include "alloc.h"
#include "arena.h"
#include "boot.h"
#include "buf.h"
#include "clock.h"
#include "cloudinit.h"
#include "config.h"
#include "error.h"
#include "fd.h"
#include "journal.h"
#include "node.h"
#include "state.h"
#include "status_line.h"

#include "check.h"
#include "fake_broker.h"
#include "tmpdir.h"

#include <sys/syscall.h>

/*
 * The power cut: the fuse is counted down by each write to a file below; at zero, half of the bytes are
 * written and the process is gone. Negative: no cut.
 */
static int fuse = -1;

ssize_t write(int fd, const void *data, size_t len);
ssize_t write(int fd, const void *data, size_t len)
{
	if (fd > 2 && fuse >= 0 && fuse-- == 0) {
		syscall(SYS_write, fd, data, len / 2);
		_exit(9);
	}
	return syscall(SYS_write, fd, data, len);
}

static int64_t fake_now;

static int64_t now_ms(_unused_ void *arg)
{
	return fake_now;
}

static int sleep_ms(_unused_ void *arg, int64_t ms)
{
	fake_now += ms;
	return 0;
}

static const struct clock fake_clock = { now_ms, sleep_ms, NULL };

/* What was done: a line an act, in a file. */
static void act(const char *what)
{
	_close_ int fd = openat(tmp_fd(), "acts", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	fd_write(fd, what, strlen(what));
	fd_write(fd, "\n", 1);
}

static size_t acts(const char *what)
{
	_free_ char *line = xasprintf("%s\n", what);
	_buf_ text = BUF_INIT;
	size_t n = 0;

	file_read(tmp_fd(), "acts", MIB, &text);
	for (const char *p = buf_str(&text); (p = strstr(p, line)); p++)
		n++;
	return n;
}

static void make(const char *name)
{
	check_int(file_replace(tmp_fd(), name, name, strlen(name), 0600), 0);
}

static bool exists(const char *name)
{
	return faccessat(tmp_fd(), name, F_OK, 0) == 0;
}

static int instance_run(struct boot *b, struct error *e)
{
	_buf_ id = BUF_INIT;

	b->cloud_init = "done";
	file_read(tmp_fd(), "id", 100, &id);
	return boot_set_instance(b, id.len ? buf_str(&id) : NULL, e);
}

static const char *never(_unused_ const struct boot *b)
{
	return "this server has none";
}

static const char *unless_clone(const struct boot *b)
{
	return b->clone ? NULL : "no clone";
}

static int renew_run(_unused_ struct boot *b, _unused_ struct error *e)
{
	act("renew");
	return 0;
}

static int made_probe(_unused_ struct boot *b, _unused_ struct error *e)
{
	return exists("made") ? STEP_HOLDS : 0;
}

static int made_run(_unused_ struct boot *b, _unused_ struct error *e)
{
	act("make");
	return file_replace(tmp_fd(), "made", "x", 1, 0600) < 0 ? -ERR_FAILED : 0;
}

static int told_run(_unused_ struct boot *b, _unused_ struct error *e)
{
	act("tell");
	return 0;
}

static int shaky_run(_unused_ struct boot *b, struct error *e)
{
	act("shake");
	return acts("shake") % 3 ? error_set(e, ERR_NETWORK, "no answer") : 0;
}

static int wrong_run(_unused_ struct boot *b, struct error *e)
{
	act("wrong");
	return exists("mended") ? 0 : error_set(e, ERR_TEST, "it does not answer");
}

#define INSTANCE                                                                                   \
	{                                                                                          \
		.name = "instance-id", .what = "", .run = instance_run,                            \
		.flags = STEP_EACH_BOOT | STEP_STOPS                                               \
	}
#define RETRY .retry = { 1000, 8000, 5 }, .limit_ms = 60000
#define REPORT                                                                                     \
	{                                                                                          \
		.name = "report", .run = status_line_report, .flags = STEP_EACH_BOOT | STEP_LAST   \
	}

static const struct step good_steps[] = {
	INSTANCE,
	{ .name = "renew", .what = "renewing", .skip = unless_clone, .run = renew_run, RETRY },
	{ .name = "absent", .what = "absent", .skip = never, .run = wrong_run },
	{ .name = "made", .what = "making", .probe = made_probe, .run = made_run, RETRY },
	{ .name = "told", .what = "telling", .run = told_run, RETRY },
	{ .name = "shaky", .what = "shaking", .run = shaky_run, RETRY },
	REPORT,
	{},
};

static const struct fake_answer answers[] = {
	{ "console", "{}" },
	{ "system-state",
		"{\"failed_units\":[\"kbuild-firstboot.service\"],\"services\":{\"docker\":"
		"\"active\",\"ufw\":\"inactive\",\"fail2ban\":\"absent\"},\"expected\":[\"docker\"]"
		",\"boot_seconds\":12,\"ssh_host_keys\":[\"SHA256:x\"],\"addresses\":[\"10.0.0.1\"]"
		"}" },
	{},
};

static void clear(void)
{
	static const char *const names[] = { "acts", "made", "mended", "id", "state" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		check_int(remove_all(tmp_fd(), names[i]), 0);
	check_int(mkdirat(tmp_fd(), "state", 0700), 0);
}

static bool again; /* a walk that is not its boot's first */

/* One boot, in this process. 0, or the exit status. */
static int boot_retry(const struct step *steps, const char *broker, bool retry, struct error *e)
{
	_close_ int state = openat(tmp_fd(), "state", O_DIRECTORY | O_CLOEXEC);
	struct agent a = {
		.state_fd = state, .state_dir = "state", .broker_path = broker, .clock = &fake_clock
	};
	struct boot b = {
		.agent = &a,
		.run_dir = "/nowhere",
		.steps = steps,
		.retry = retry,
		.again = again,
		.cloud_init = "unfinished",
		.arena = arena_new(),
	};
	int r;

	while (steps[b.n_steps].name)
		b.n_steps++;
	b.results = xcalloc(b.n_steps, sizeof *b.results);
	r = boot_walk(&b, e);
	for (size_t i = 0; i < b.n_steps; i++)
		free(b.results[i].note);
	free(b.results);
	free(b.reasons);
	journal_close(b.journal);
	arena_free(b.arena);
	return -r;
}

static int boot(const struct step *steps, const char *broker)
{
	struct error e = { 0 };

	return boot_retry(steps, broker, false, &e);
}

/* The same in a child that loses power at the n-th write; 9: it did. */
static int boot_cut(const struct step *steps, const char *broker, int n)
{
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		close(2);
		open("/dev/null", O_WRONLY);
		fuse = n;
		_exit(boot(steps, broker));
	}
	waitpid(pid, &status, 0);
	if (!WIFEXITED(status))
		check_fail("a walk ended by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

static const struct node *result(struct arena *arena)
{
	_close_ int state = openat(tmp_fd(), "state", O_DIRECTORY | O_CLOEXEC);
	struct agent a = { .state_fd = state, .state_dir = "state" };
	const struct node *n = NULL;
	struct error e = { 0 };

	check_int(state_read(&a, BOOT_STATE, arena, &n, &e), 0);
	return n;
}

static struct fake_broker broker;

static void a_second_walk_does_nothing(void)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();

	clear();
	make("id");
	check_int(boot(good_steps, broker.path), 0);
	check_int(acts("make"), 1);
	check_int(acts("tell"), 1);
	check_int(acts("shake"), 3);
	check_int(acts("renew"), 0);
	check_str(node_str(node_get(result(arena), "state")), "ready");
	check_int(boot(good_steps, broker.path), 0);
	check_int(acts("make") + acts("tell") + acts("shake"), 5);
	check_int(fake_broker_asked("\\\"state\\\":\\\"ready\\\""), 2);
}

static void what_a_probe_misses_is_done_again(void)
{
	clear();
	check_int(boot(good_steps, broker.path), 0);
	check_int(unlinkat(tmp_fd(), "made", 0), 0);
	check_int(boot(good_steps, broker.path), 0);
	check_int(acts("make"), 2);
	check_int(acts("tell"), 1);
}

static void a_power_cut_at_any_write_is_continued(void)
{
	int n = 0, status;

	for (;; n++) {
		_cleanup_(arena_freep) struct arena *arena = arena_new();

		clear();
		make("id");
		status = boot_cut(good_steps, broker.path, n);
		if (status != 9)
			break;
		check_int(boot_cut(good_steps, broker.path, -1), 0);
		check_str(node_str(node_get(result(arena), "state")), "ready");
		/* With a probe never twice (an act may be written in halves); without, at most twice. */
		check(acts("make") <= 2 && exists("made"));
		check(acts("tell") >= 1 && acts("tell") <= 2);
		/* And all is known: nothing is done any more. */
		size_t before = acts("make") + acts("tell") + acts("shake");

		check_int(boot_cut(good_steps, broker.path, -1), 0);
		check_int(acts("make") + acts("tell") + acts("shake"), before);
	}
	check_int(status, 0);
	printf("# cut at %d writes\n", n);
	check(n > 15);
}

static void two_cuts_are_continued_too(void)
{
	for (int n = 0; n < 12; n++)
		for (int k = 0; k < 12; k += 3) {
			clear();
			make("id");
			(void)boot_cut(good_steps, broker.path, n);
			(void)boot_cut(good_steps, broker.path, k);
			check_int(boot_cut(good_steps, broker.path, -1), 0);
			check(exists("made"));
			check(acts("tell") >= 1 && acts("tell") <= 3);
		}
}

static void another_instance_does_all_anew(void)
{
	clear();
	make("id");
	check_int(boot(good_steps, broker.path), 0);
	check_int(file_replace(tmp_fd(), "id", "other", 5, 0600), 0);
	check_int(boot(good_steps, broker.path), 0);
	check_int(acts("renew"), 1);
	check_int(acts("tell"), 2);
	check_int(boot(good_steps, broker.path), 0);
	check_int(acts("renew"), 1);
	/* Nobody says which one it is: the same as before. */
	check_int(unlinkat(tmp_fd(), "id", 0), 0);
	check_int(boot(good_steps, broker.path), 0);
	check_int(acts("renew"), 1);
	check_int(acts("tell"), 2);
}

static void a_clone_that_is_cut_off_is_still_a_clone(void)
{
	for (int n = 0; n < 40; n++) {
		int status;

		clear();
		make("id");
		check_int(boot_cut(good_steps, broker.path, -1), 0);
		check_int(file_replace(tmp_fd(), "id", "other", 5, 0600), 0);
		status = boot_cut(good_steps, broker.path, n);
		check_int(boot_cut(good_steps, broker.path, -1), 0);
		check(acts("renew") >= 1 && acts("renew") <= 2);
		if (status == 0)
			return;
	}
	check_fail("it never came to an end");
}

static void an_id_that_comes_late_makes_no_clone(void)
{
	clear();
	check_int(boot(good_steps, broker.path), 0);
	make("id");
	check_int(boot(good_steps, broker.path), 0);
	check_int(acts("renew"), 0);
	check_int(acts("tell"), 1);
}

static const struct step shaky_steps[] = {
	INSTANCE,
	{ .name = "shaky", .what = "", .run = shaky_run, RETRY },
	REPORT,
	{},
};

/* Health asks for it every quarter of an hour, and the timers' units wait behind it. */
static void a_later_walk_of_a_boot_tries_once(void)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	const struct node *step;
	bool passing = false;

	clear();
	again = true;
	check_int(boot(shaky_steps, broker.path), 0);
	check_int(acts("shake"), 1);
	check_str(node_str(node_get(result(arena), "state")), "degraded");
	step = node_get(result(arena), "steps")->items[1];
	check(node_is_bool(node_get(step, "transient"), &passing) && passing);
	check_int(boot(shaky_steps, broker.path), 0);
	check_int(boot(shaky_steps, broker.path), 0);
	check_int(acts("shake"), 3);
	check_str(node_str(node_get(result(arena), "state")), "ready");
	again = false;
}

static int moody_run(_unused_ struct boot *b, struct error *e)
{
	act("mood");
	switch (acts("mood")) {
	case 1:
		return error_set(e, ERR_TEST, "it cannot work");
	case 2:
		return error_set(e, ERR_NETWORK, "no answer");
	default:
		return 0;
	}
}

static const struct step moody_steps[] = {
	INSTANCE,
	{ .name = "moody", .what = "", .run = moody_run, .limit_ms = 60000 },
	REPORT,
	{},
};

/* What failed for good at another boot, and passes now, is tried: the last word counts. */
static void a_later_walk_goes_by_the_last_word(void)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();

	clear();
	check_int(boot(moody_steps, broker.path), 0);
	check_int(boot(moody_steps, broker.path), 0);
	check_int(acts("mood"), 2);
	again = true;
	check_int(boot(moody_steps, broker.path), 0);
	again = false;
	check_int(acts("mood"), 3);
	check_str(node_str(node_get(result(arena), "state")), "ready");
}

static bool is_deployed;

static int deployed_probe(_unused_ struct boot *b, _unused_ struct error *e)
{
	return is_deployed ? STEP_HOLDS : 0;
}

static const struct step deploying_steps[] = {
	INSTANCE,
	{ .name = "wrong", .what = "", .run = wrong_run, RETRY },
	{ .name = "gate",
		.what = "",
		.run = wrong_run,
		.probe = deployed_probe,
		.flags = STEP_APP | STEP_DOUBTS | STEP_DEPLOYS,
		RETRY },
	REPORT,
	{},
};

/* Nor does it do anew what failed for good, or deploy: it takes note of what was deployed since. */
static void a_later_walk_leaves_the_application_to_its_timer(void)
{
	struct error e = { 0 };

	clear();
	check_int(boot_retry(deploying_steps, broker.path, false, &e), ERR_TEST);
	check_int(acts("wrong"), 2);
	again = true;
	for (int i = 0; i < 2 * BOOT_TRIES; i++) {
		e = (struct error){ 0 };
		check_int(boot_retry(deploying_steps, broker.path, false, &e), ERR_FAILED);
		check(strstr(e.msg, "it does not answer") != NULL);
	}
	check_int(acts("wrong"), 2);
	is_deployed = true;
	check_int(boot(deploying_steps, broker.path), 0);
	again = false;
	/* They were not counted. */
	make("mended");
	check_int(boot(deploying_steps, broker.path), 0);
	is_deployed = false;
}

static const struct step failing_steps[] = {
	INSTANCE,
	{ .name = "app", .what = "", .run = wrong_run, .flags = STEP_APP, RETRY },
	{ .name = "gate", .what = "", .run = shaky_run, .flags = STEP_APP, RETRY },
	{ .name = "timers", .what = "", .run = told_run, RETRY },
	REPORT,
	{},
};

static void a_permanent_failure_is_told_and_waits_for_a_person(void)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct error e = { 0 };
	const struct node *steps;

	clear();
	make("id");
	check_int(boot_retry(failing_steps, broker.path, false, &e), ERR_TEST);
	check_str(e.msg, "first boot: it does not answer");
	check_int(acts("wrong"), 1); /* not transient: no second attempt */
	check_int(acts("shake"), 0); /* it needs what failed */
	check_int(acts("tell"), 1);  /* it does not */
	check_str(node_str(node_get(result(arena), "state")), "failed");
	steps = node_get(result(arena), "steps");
	check_str(node_str(node_get(steps->items[1], "note")), "it does not answer");
	check_str(node_str(node_get(steps->items[2], "state")), "left out");
	for (int i = 0; i < 10; i++)
		check_int(boot(failing_steps, broker.path) != 0, 1);
	check_int(acts("wrong"), BOOT_TRIES);
	make("mended");
	e = (struct error){ 0 };
	check_int(boot_retry(failing_steps, broker.path, false, &e), ERR_FAILED);
	check(strstr(e.msg, "it does not answer") && strstr(e.msg, "first-boot --retry"));
	e = (struct error){ 0 };
	check_int(boot_retry(failing_steps, broker.path, true, &e), 0);
	check_int(acts("wrong"), BOOT_TRIES + 1);
	check_int(acts("shake"), 3);
}

static int down_run(_unused_ struct boot *b, struct error *e)
{
	act("down");
	return error_set(e, ERR_NETWORK, "no route");
}

static const struct step stopping_steps[] = {
	INSTANCE,
	{ .name = "volume", .what = "", .run = down_run, .flags = STEP_STOPS, RETRY },
	{ .name = "timers", .what = "", .run = told_run, RETRY },
	REPORT,
	{},
};

static void transient_failures_are_tried_again_within_bounds(void)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	int64_t begun = fake_now;

	clear();
	make("id");
	check_int(boot(stopping_steps, broker.path), ERR_NETWORK);
	check(acts("down") >= 2 && acts("down") <= 5);
	check(fake_now - begun <= 60000 + 8000);
	check_int(acts("tell"), 0);
	check_str(node_str(node_get(result(arena), "state")), "failed");
	/* And at the next boots, without end: a network may come back any day. */
	for (int i = 0; i < BOOT_TRIES + 2; i++)
		check_int(boot(stopping_steps, broker.path), ERR_NETWORK);
	check(acts("down") >= 2 * (BOOT_TRIES + 3));
}

static void without_a_broker_it_still_ends(void)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();

	clear();
	make("id");
	check_int(boot(good_steps, "/nowhere/broker.sock"), 0);
	check_str(node_str(node_get(result(arena), "state")), "degraded");
}

static void put(const char *name, const char *text)
{
	_free_ char *path = xasprintf("run/cloud-init/%s", name);

	if (text)
		check_int(file_replace(tmp_fd(), path, text, strlen(text), 0600), 0);
}

static void what_cloud_init_says_is_read_in_all_its_forms(void)
{
#define STAGE(errors) "{\"errors\":[" errors "],\"start\":1.5,\"finished\":2.5}"
#define NEW_STAGE(errors, warnings)                                                                \
	"{\"errors\":[" errors "],\"recoverable_errors\":{" warnings                               \
	"},\"start\":1.5,\"finished\":null}"
	static const struct {
		const char *result, *status, *data, *id, *marker;
		enum cloudinit_state state;
		const char *instance;
		size_t errors, warnings;
		const char *where;
	} rows[] = {
		/* 22.4: no recoverable errors, no init-local before it ran. */
		{ "{\"v1\":{\"datasource\":\"DataSourceNoCloud\",\"errors\":[]}}",
			"{\"v1\":{\"datasource\":\"x\",\"stage\":null,\"init\":" STAGE(
				"") ",\"modules-final\":" STAGE("") "}}",
			"{\"v1\":{\"instance_id\":\"i-1\",\"instance-id\":\"i-1\"}}", NULL,
			"enabled", CLOUDINIT_DONE, "i-1", 0, 0, NULL },
		{ "{\"v1\":{\"errors\":[\"('scripts_user', RuntimeError('x'))\"]}}",
			"{\"v1\":{\"modules-final\":" STAGE("\"('scripts_user')\"") "}}", NULL,
			"i-2\n", "enabled", CLOUDINIT_ERROR, "i-2", 1, 0, "modules-final" },
		/* 23.4 and later. */
		{ "{\"v1\":{\"datasource\":\"DataSourceOpenStackLocal\",\"errors\":[]}}",
			"{\"v1\":{\"init\":" NEW_STAGE("",
				"\"WARNING\":[\"a\",\"b\"],"
				"\"DEPRECATED\":[\"c\"]") ",\"init-local\":" NEW_STAGE("",
				"") ",\"stage\":null}}",
			NULL, "i-3", "enabled", CLOUDINIT_DEGRADED, "i-3", 0, 3, "init" },
		/* An error is said where there is one, also behind a warning. */
		{ "{\"v1\":{\"errors\":[\"e\"]}}",
			"{\"v1\":{\"init\":" NEW_STAGE(
				"", "\"WARNING\":[\"a\"]") ",\"modules-config\":" NEW_STAGE("\"e\"",
				"") "}}",
			NULL, NULL, "enabled", CLOUDINIT_ERROR, NULL, 1, 1, "modules-config" },
		/* Still at work. */
		{ NULL, "{\"v1\":{\"stage\":\"init\",\"init\":" NEW_STAGE("", "") "}}", NULL, "i-4",
			"enabled", CLOUDINIT_UNFINISHED, "i-4", 0, 0, NULL },
		{ NULL, NULL, NULL, NULL, "enabled", CLOUDINIT_UNFINISHED, NULL, 0, 0, NULL },
		{ NULL, NULL, NULL, NULL, "disabled", CLOUDINIT_DISABLED, NULL, 0, 0, NULL },
		/* Halves, other types, other documents. */
		{ "{\"v1\":{\"errors\":[]}}", "{\"v1\":{\"init\":{\"errors\":\"x\"},\"stage\":7}}",
			"[]", NULL, "enabled", CLOUDINIT_DONE, NULL, 0, 0, NULL },
		{ "{\"v1\":{}}", "{", "{\"v1\":{\"instance-id\":\"old-form\"}}", NULL, NULL,
			CLOUDINIT_DONE, "old-form", 0, 0, NULL },
		{ "{\"v1\":", NULL, "{\"v1\":{\"instance_id\":\"a\\nb c\"}}", "two words\n", NULL,
			CLOUDINIT_UNFINISHED, "a", 0, 0, NULL },
		{ "{}", NULL, NULL, NULL, "enabled", CLOUDINIT_UNFINISHED, NULL, 0, 0, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		struct cloudinit c;

		check_int(remove_all(tmp_fd(), "run"), 0);
		cloudinit_read(&c, a, tmp_name("run"));
		check_int(c.state, CLOUDINIT_ABSENT);
		check_int(mkdir_all(tmp_fd(), "run/cloud-init", 0700), 0);
		put("result.json", rows[i].result);
		put("status.json", rows[i].status);
		put("instance-data.json", rows[i].data);
		put(".instance-id", rows[i].id);
		if (rows[i].marker)
			put(rows[i].marker, "");
		cloudinit_read(&c, a, tmp_name("run"));
		printf("# row %zu\n", i);
		check_int(c.state, rows[i].state);
		check_str(c.instance, rows[i].instance);
		check_int(c.errors, rows[i].errors);
		check_int(c.warnings, rows[i].warnings);
		check_str(c.where, rows[i].where);
	}
}

int main(void)
{
	fake_broker_start(&broker, answers);
	run(a_second_walk_does_nothing);
	run(what_a_probe_misses_is_done_again);
	run(a_power_cut_at_any_write_is_continued);
	run(two_cuts_are_continued_too);
	run(another_instance_does_all_anew);
	run(a_clone_that_is_cut_off_is_still_a_clone);
	run(an_id_that_comes_late_makes_no_clone);
	run(a_later_walk_of_a_boot_tries_once);
	run(a_later_walk_leaves_the_application_to_its_timer);
	run(a_later_walk_goes_by_the_last_word);
	run(a_permanent_failure_is_told_and_waits_for_a_person);
	run(transient_failures_are_tried_again_within_bounds);
	run(without_a_broker_it_still_ends);
	run(what_cloud_init_says_is_read_in_all_its_forms);
	fake_broker_stop(&broker);
	return done();
}
