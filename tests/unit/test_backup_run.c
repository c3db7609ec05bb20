/* A run of the backup around its dump: whom it waits for, and what it tells. The broker is in here. */
#include "run.h"

#include "agent.h"
#include "alert.h"
#include "arena.h"
#include "broker.h"
#include "buf.h"
#include "clock.h"
#include "config.h"
#include "error.h"
#include "ipc.h"
#include "manifest.h"

#include "check.h"
#include "tmpdir.h"

#include <errno.h>

/* --- a clock that moves when told ------------------------------------------------------------------------- */

static int64_t now_ms;
static int holder;	    /* of the lock: another run */
static int64_t released_ms; /* it lets go then */
static bool stopped;	    /* as by a signal */

static int64_t fake_now(_unused_ void *arg)
{
	return now_ms;
}

static int fake_sleep(_unused_ void *arg, int64_t ms)
{
	now_ms += ms;
	if (now_ms >= released_ms && holder >= 0) {
		close(holder);
		holder = -1;
	}
	return stopped ? -ECANCELED : 0;
}

static const struct clock fake_clock = { fake_now, fake_sleep, NULL };

/* --- a broker that has two paths, of which one is not there ------------------------------------------------ */

static bool is_gone;

int __wrap_broker_open(const struct agent *a, const struct buf *request, const int *fds,
	size_t n_fds, int *ret_sock, struct error *e);
int __wrap_broker_open(_unused_ const struct agent *a, const struct buf *request,
	_unused_ const int *fds, _unused_ size_t n_fds, int *ret_sock, struct error *e)
{
	static const char tar[1024];
	bool gone = is_gone && strstr(buf_str(request), "/srv/gone") != NULL;
	_close_ int fd = ipc_memfd(tar, sizeof tar);
	_buf_ first = BUF_INIT;
	_buf_ last = BUF_INIT;
	int pair[2];

	check_int(ipc_pair(pair), 0);
	ipc_begin(&first);
	if (gone)
		ipc_add_bool(&first, "absent", true);
	ipc_end(&first);
	ipc_begin(&last);
	ipc_end(&last);
	check_int(ipc_send(pair[1], &first, &fd, !gone, e), 0);
	check_int(ipc_send(pair[1], &last, NULL, 0, e), 0);
	close(pair[1]);
	*ret_sock = pair[0];
	return 0;
}

/* --- a server ---------------------------------------------------------------------------------------------- */

static const char *paths[] = { "/srv/here", "/srv/gone", NULL };
static struct agent_config config = {
	.name = "web", .has_backup = true, .backup = { .paths = paths, .timezone = "UTC" }
};

/* Its state is empty: the locks of a test that was before are still the process's. */
static struct agent server(const char *name)
{
	check_int(mkdirat(tmp_fd(), name, 0700), 0);
	now_ms = released_ms = 0;
	holder = -1;
	stopped = false;
	return (struct agent){
		.config = &config,
		.state_dir = tmp_path,
		.state_fd = openat(tmp_fd(), name, O_DIRECTORY | O_CLOEXEC),
		.clock = &fake_clock,
	};
}

static void hold(struct agent *a, int64_t until_ms)
{
	struct error e = { 0 };

	check_int(agent_lock_part(a, "backup", &holder, &e), 0);
	released_ms = until_ms;
}

static void a_run_begins_when_the_one_before_has_ended(void)
{
	struct agent a = server("waits");
	const int64_t hour_ms = INT64_C(3600) * 1000;
	struct error e = { 0 };

	hold(&a, hour_ms);
	check_int(run_lock(&a, &e), -ERR_FAILED);
	check(e.transient && now_ms == 0);
	check_int(run_lock_wait(&a, &e), 0);
	check_int(now_ms, hour_ms);
	/* It is ours now. */
	check_int(run_lock(&a, &e), -ERR_FAILED);
	close(a.state_fd);
}

static void one_that_finds_nobody_does_not_wait(void)
{
	struct agent a = server("alone");
	struct error e = { 0 };

	check_int(run_lock_wait(&a, &e), 0);
	check_int(now_ms, 0);
	close(a.state_fd);
}

static void patience_has_an_end(void)
{
	struct agent a = server("busy");
	struct error e = { 0 };

	hold(&a, INT64_MAX);
	check_int(run_lock_wait(&a, &e), -ERR_FAILED);
	check(e.transient && strstr(e.msg, "at work"));
	check_int(now_ms, 2 * 3600 * 1000);
	close(holder);
	close(a.state_fd);
}

static void who_is_stopped_waits_no_more(void)
{
	struct agent a = server("stopped");
	struct error e = { 0 };

	hold(&a, INT64_MAX);
	stopped = true;
	check_int(run_lock_wait(&a, &e), -ERR_INTERRUPTED);
	check(now_ms < 1000);
	close(holder);
	close(a.state_fd);
}

static void a_suspect_backup_says_how_it_is_accepted(void)
{
	static const struct run by_hand = { .reason = "hand" };
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct agent a = server("suspect");
	struct alert_waiting *w;
	struct manifest m;
	struct error e = { 0 };
	size_t n;

	is_gone = true;
	if (run_backup(&a, &by_hand, arena, &m, &e) < 0)
		check_fail("%s", e.msg);
	check_str(m.suspect, "the path /srv/gone is not there");
	check_int(alert_waiting(&a, arena, &w, &n, &e), 0);
	check_int((int64_t)n, 1);
	check_str(w[0].alert.text,
		arena_printf(arena,
			"the path /srv/gone is not there. Where that is as it should be: kbuild-agent "
			"backup verify %s --accept",
			m.id));
	is_gone = false;
	if (run_backup(&a, &by_hand, arena, &m, &e) < 0)
		check_fail("%s", e.msg);
	check_str(m.suspect, NULL);
	close(a.state_fd);
}

int main(void)
{
	run(a_run_begins_when_the_one_before_has_ended);
	run(one_that_finds_nobody_does_not_wait);
	run(patience_has_an_end);
	run(who_is_stopped_waits_no_more);
	run(a_suspect_backup_says_how_it_is_accepted);
	return done();
}
