/* Servers of a cloud stopped and started: what Nova is doing with them, and answers that do not come. */
#include "cloud_play.h"

static void fresh(void)
{
	fake_reset();
	check_int(remove_all(tmp_fd(), "state"), 0);
	check_int(remove_all(tmp_fd(), "cache"), 0);
}

static struct fake_thing *add_server(const char *status)
{
	struct fake_thing *s = fake_add(fake.servers, "s", "web", status);

	snprintf(s->metadata, sizeof s->metadata,
		"{\"kbuild:name\":\"web\",\"kbuild:settled\":\"yes\"}");
	return s;
}

static void stop_and_start(void)
{
	struct fake_thing *s;
	RUN r = run_begin();

	fresh();
	s = add_server("ACTIVE");
	check_int(row_start(&r.cloud, "web", &r.e), CLOUD_UNCHANGED);
	check_int(row_stop(&r.cloud, "web", false, 1000, &r.e), 0);
	check_str(s->status, "SHUTOFF");
	check_int(row_stop(&r.cloud, "web", false, 1000, &r.e), CLOUD_UNCHANGED);
	fake.console = "old boot: kbuild-status: {\"state\":\"ready\"}\n";
	check_int(row_start(&r.cloud, "web", &r.e), 0);
	check_str(s->status, "ACTIVE");
	/* The wait for this boot begins behind what the one before has said. */
	check_int(row_find(&r.cloud, "web", r.arena, &r.server, &r.e), 0);
	check_int(r.server.console_offset, strlen(fake.console));
}

/* Whatever stopped it, start is the way back; and there is nothing in it to stop. */
static void start_knows_the_way_from_each_state(void)
{
	static const struct {
		const char *status;
		int how;
	} rows[] = { { "SHUTOFF", 0 }, { "PAUSED", CLOUD_RESUMED }, { "SUSPENDED", CLOUD_RESUMED },
		{ "SHELVED", 0 }, { "SHELVED_OFFLOADED", 0 } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fake_thing *s;
		RUN r = run_begin();

		fresh();
		fake.console = "kbuild-status: {\"state\":\"ready\"}\n";
		s = add_server(rows[i].status);
		check_int(row_stop(&r.cloud, "web", false, 1000, &r.e), CLOUD_UNCHANGED);
		check_str(s->status, rows[i].status);
		check_int(row_start(&r.cloud, "web", &r.e), rows[i].how);
		check_str(s->status, "ACTIVE");
		/* Where no boot has begun, what stands on the console is of the present one. */
		check_int(row_find(&r.cloud, "web", r.arena, &r.server, &r.e), 0);
		check_int(r.server.console_offset, rows[i].how ? 0 : (int)strlen(fake.console));
	}
	RUN r = run_begin();

	fresh();
	add_server("RESCUE");
	check_int(row_start(&r.cloud, "web", &r.e), -ERR_FAILED);
	check(strstr(r.e.msg, "the server 'web' is RESCUE: "));
}

static void what_runs_already_has_said_what_it_says(void)
{
	RUN r = run_begin();

	fresh();
	fake.console = "kbuild-status: {\"state\":\"ready\"}\n";
	add_server("ACTIVE");
	check_int(row_start(&r.cloud, "web", &r.e), CLOUD_UNCHANGED);
	check_int(row_find(&r.cloud, "web", r.arena, &r.server, &r.e), 0);
	check_int(r.server.console_offset, 0);
}

static void stop_waits_as_long_as_it_is_told(void)
{
	RUN r = run_begin();

	fresh();
	add_server("ACTIVE");
	fake.busy = true;
	check_int(row_stop(&r.cloud, "web", false, 30000, &r.e), CLOUD_TIMEOUT);
	check(fake.now_ms >= 30000 && fake.now_ms < 35000);
	check_int(play_provider.stop_ms, 120000);
	check(!play_provider.forces);
}

/*
 * What is found under way when it is to be stopped, or started: the status and task, what becomes of it, what is asked
 * of Nova in the end, and how often anything is.
 */
static void what_is_under_way_is_awaited_and_then_asked_for(void)
{
	static const struct {
		const char *status, *task, *after;
		bool up;
		int how;
		const char *action; /* "": nothing */
		int64_t longer;	    /* than so many ms it takes */
	} rows[] = {
		{ "ACTIVE", "powering-off", "SHUTOFF", false, 0, "", 2000 },
		{ "ACTIVE", "rebooting", "ACTIVE", false, 0, "os-stop", 4000 },
		{ "ACTIVE", "image_uploading", "ACTIVE", false, 0, "os-stop", 4000 },
		{ "ACTIVE", "suspending", "SUSPENDED", false, 0, "", 2000 },
		{ "SHUTOFF", "powering-on", "ACTIVE", false, 0, "os-stop", 4000 },
		{ "PAUSED", "unpausing", "ACTIVE", false, 0, "os-stop", 4000 },
		{ "SHUTOFF", "image_uploading", "SHUTOFF", false, CLOUD_UNCHANGED, "", 0 },
		{ "SHUTOFF", "powering-on", "ACTIVE", true, 0, "", 2000 },
		{ "ACTIVE", "powering-off", "SHUTOFF", true, 0, "os-start", 4000 },
		{ "ACTIVE", "suspending", "SUSPENDED", true, CLOUD_RESUMED, "resume", 4000 },
		{ "PAUSED", "unpausing", "ACTIVE", true, CLOUD_RESUMED, "", 2000 },
		{ "ACTIVE", "image_uploading", "ACTIVE", true, CLOUD_UNCHANGED, "", 0 },
		{ "SHUTOFF", "image_uploading", "SHUTOFF", true, 0, "os-start", 4000 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fake_thing *s;
		RUN r = run_begin();
		int how;

		fresh();
		fake.tasks = true;
		fake.build_polls = 2;
		s = add_server(rows[i].status);
		fake_begin_task(s, rows[i].task, rows[i].after);
		how = rows[i].up ? row_start(&r.cloud, "web", &r.e)
				 : row_stop(&r.cloud, "web", false, 60000, &r.e);
		if (how != rows[i].how || strcmp(fake.last_action, rows[i].action) != 0 ||
			fake.now_ms < rows[i].longer)
			check_fail("row %zu: %d (%s), '%s' after %lld ms", i, how, r.e.msg,
				fake.last_action, (long long)fake.now_ms);
	}
}

/* It is asked a second time, and the answer to that says that it is being done. */
static void the_lost_answer_of_an_action_is_no_refusal(void)
{
	static const struct {
		const char *status, *after;
		bool up, tasks;
		int how;
	} rows[] = {
		{ "ACTIVE", "SHUTOFF", false, true, 0 },
		{ "ACTIVE", "SHUTOFF", false, false, 0 },
		{ "SHUTOFF", "ACTIVE", true, true, 0 },
		{ "PAUSED", "ACTIVE", true, false, CLOUD_RESUMED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fake_thing *s;
		RUN r = run_begin();
		int how;

		fresh();
		fake.tasks = rows[i].tasks;
		s = add_server(rows[i].status);
		/* After token, versions, servers; start has read the console before. */
		fake.fault_at = rows[i].up ? 6 : 4;
		fake.how = FAKE_LOST;
		how = rows[i].up ? row_start(&r.cloud, "web", &r.e)
				 : row_stop(&r.cloud, "web", false, 60000, &r.e);
		if (how != rows[i].how || strcmp(s->status, rows[i].after) != 0)
			check_fail("row %zu: %d, %s: %s", i, how, s->status, r.e.msg);
		check_int(fake.posts, rows[i].up ? 3 : 2); /* the action twice */
	}
}

/* Only of what was asked it may be said that the cloud will do it. */
static void what_could_never_be_asked_is_said(void)
{
	RUN r = run_begin();

	fresh();
	fake.build_polls = 1000;
	fake_begin_task(add_server("ACTIVE"), "image_uploading", "ACTIVE");
	check_int(row_stop(&r.cloud, "web", false, 30000, &r.e), -ERR_NETWORK);
	check_str(r.e.msg,
		"the server 'web' could not be asked to shut down within 30 s: it is ACTIVE, and busy with 'image_uploading'");
	check_int(fake.posts, 0);
	RUN other = run_begin();

	fresh();
	fake.build_polls = 1000;
	fake_begin_task(add_server("ACTIVE"), "powering-off", "SHUTOFF");
	check_int(row_stop(&other.cloud, "web", false, 30000, &other.e), CLOUD_TIMEOUT);
}

int main(void)
{
	run(stop_and_start);
	run(start_knows_the_way_from_each_state);
	run(what_runs_already_has_said_what_it_says);
	run(stop_waits_as_long_as_it_is_told);
	run(what_is_under_way_is_awaited_and_then_asked_for);
	run(the_lost_answer_of_an_action_is_no_refusal);
	run(what_could_never_be_asked_is_said);
	return done();
}
