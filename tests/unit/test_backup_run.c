/* A run of the backup around its dump: what it tells. The broker is in here. */
#include "run.h"

#include "agent.h"
#include "alert.h"
#include "arena.h"
#include "broker.h"
#include "buf.h"
#include "config.h"
#include "error.h"
#include "ipc.h"
#include "manifest.h"

#include "check.h"
#include "tmpdir.h"

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

/* Its state is empty. */
static struct agent server(const char *name)
{
	check_int(mkdirat(tmp_fd(), name, 0700), 0);
	return (struct agent){
		.config = &config,
		.state_dir = tmp_path,
		.state_fd = openat(tmp_fd(), name, O_DIRECTORY | O_CLOEXEC),
	};
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
	run(a_suspect_backup_says_how_it_is_accepted);
	return done();
}
