/*
 * Servers on this machine, as QEMU processes that outlive kbuild. The table is at the end; making
 * one is in local_launch.c.
 */
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "local_console.h"
#include "local_launch.h"
#include "local_plan.h"
#include "local_qemu.h"
#include "local_state.h"
#include "local_volume.h"
#include "preflight.h"
#include "provider.h"
#include "readiness.h"

static enum server_state state_of(
	const struct local_dir *d, const struct local_record *rec, const struct readiness_watch *w)
{
	if (!qemu_alive(d))
		return rec->phase == PHASE_CREATING ? SERVER_CREATING : SERVER_STOPPED;
	return rec->phase != PHASE_READY && !readiness_answered(w) ? SERVER_BOOTING
								   : SERVER_RUNNING;
}

/* detail: the last line of its console, or NULL. */
static const char *note_of(const struct local_dir *d, const struct server *s, const char *detail)
{
	switch (s->state) {
	case SERVER_CREATING:
		return "a launch is making it, or was cut off: launch it again, or destroy it";
	case SERVER_STOPPED:
		return qemu_was_killed(d) ? "it did not shut down: its QEMU was killed" : NULL;
	case SERVER_BOOTING:
	case SERVER_RUNNING:
		if (s->stuck)
			return "paused, as there is no space left on this machine: make room, then "
			       "'kbuild start' goes on";
		return s->state == SERVER_BOOTING ? detail : NULL;
	case SERVER_BROKEN:
		break;
	}
	return NULL;
}

/* An unreadable record is a state of the server, not a failure of who asks. */
static void describe(const struct local_dir *d, const char *name, struct arena *a, struct server *s)
{
	struct local_record rec;
	struct error why = {};
	_cleanup_(readiness_watch_free) struct readiness_watch w = READINESS_WATCH_INIT;
	const char *note;

	*s = (struct server){ .name = arena_strdup(a, name),
		.directory = arena_strdup(a, d->path) };
	if (local_record_read(d, a, &rec, &why) < 0) {
		s->state = SERVER_BROKEN;
		s->note = arena_strdup(a, why.msg);
		return;
	}
	s->image = rec.image;
	s->definition = rec.definition;
	s->address = "127.0.0.1";
	s->ssh_port = (unsigned)rec.ssh_port;
	s->user = rec.user;
	s->identity = rec.identity;
	s->created = rec.created;
	s->accel = rec.accel;
	s->memory = rec.memory;
	s->cpus = (unsigned)rec.cpus;
	s->volume_size = rec.volume_size;
	s->forwards = rec.forwards;
	s->n_forwards = rec.n_forwards;
	s->console_offset = rec.console_offset;
	local_console_watch(d, rec.console_offset, &w);
	s->status = w.status ? arena_strdup(a, w.status) : NULL;
	s->state = state_of(d, &rec, &w);
	if (s->state == SERVER_BOOTING || s->state == SERVER_RUNNING)
		s->stuck = qemu_is_stuck(d);
	note = note_of(d, s, w.doing ? NULL : w.detail);
	s->note = note ? arena_strdup(a, note) : NULL;
}

static int find(const struct cloud *c, const char *name, struct arena *a, struct server *ret,
	struct error *e)
{
	_cleanup_(local_dir_close) struct local_dir d = LOCAL_DIR_INIT;
	int r = local_dir_open(&d, c, name, false, e);

	if (r == 0)
		describe(&d, name, a, ret);
	return r;
}

static int list(const struct cloud *c, struct arena *a, struct server_list *ret, struct error *e)
{
	struct server_list l = {};
	const char **names;
	size_t n = 0;
	int r = local_names(c, a, &names, e);

	if (r == 0)
		r = local_volumes(c, a, &l.kept, &l.n_kept, e);
	if (r < 0)
		return r;
	while (names[n])
		n++;
	l.servers = arena_alloc(a, (n + 1) * sizeof *l.servers);
	for (size_t i = 0; i < n; i++) {
		r = find(c, names[i], a, &l.servers[l.n], e);
		if (r < 0)
			return r;
		l.n += r == 0; /* else it was removed meanwhile */
	}
	*ret = l;
	return 0;
}

/* Opens and locks a server, and reads its record. */
static int open_server(const struct cloud *c, const char *name, struct arena *a,
	struct local_dir *d, struct local_record *rec, struct error *e)
{
	int r = local_dir_open(d, c, name, true, e);

	if (r == 0)
		r = local_record_read(d, a, rec, e);
	return r == 0 ? local_launch_began(d, rec, e) : r;
}

static int settle(const struct cloud *c, const char *name, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_(local_dir_close) struct local_dir d = LOCAL_DIR_INIT;
	struct local_record rec;
	int r = open_server(c, name, a, &d, &rec, e);

	if (r != 0 || rec.phase != PHASE_BOOTING)
		return r;
	rec.phase = PHASE_READY;
	return local_record_write(&d, &rec, e);
}

static int launch(const struct cloud *c, const struct launch_request *q, struct arena *a,
	struct server *ret, struct error *e)
{
	bool volume_made;
	int r = local_launch(c, q, a, &volume_made, e), f;

	if (r < 0)
		return r;
	f = find(c, q->name, a, ret, e);
	if (f == CLOUD_ABSENT)
		return error_set(e, ERR_FAILED, "the server '%s' was destroyed meanwhile", q->name);
	ret->volume_made = volume_made;
	return f < 0 ? f : r;
}

static int start(const struct cloud *c, const char *name, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_(local_dir_close) struct local_dir d = LOCAL_DIR_INIT;
	struct local_record rec;
	struct port_forward *all;
	int r = open_server(c, name, a, &d, &rec, e);

	if (r != 0)
		return r;
	if (rec.phase == PHASE_CREATING)
		return error_set(e, ERR_FAILED,
			"the launch of '%s' was cut off before it was made: launch it again, or "
			"'kbuild destroy %s'",
			name, name);
	if (qemu_serves(&d))
		return qemu_is_stuck(&d) ? qemu_resume(&d, e) : CLOUD_UNCHANGED;
	if (qemu_alive(&d))
		return error_set(e, ERR_FAILED,
			"the server '%s' runs, but its QEMU does not answer: 'kbuild stop --force "
			"%s' ends it",
			name, name);
	all = arena_alloc(a, (rec.n_forwards + 1) * sizeof *all);
	all[0] = (struct port_forward){ (unsigned)rec.ssh_port, 22, false, "127.0.0.1" };
	for (size_t i = 0; i < rec.n_forwards; i++)
		all[i + 1] = rec.forwards[i];
	r = need_program(QEMU_SYSTEM, "qemu-system-x86", e);
	if (r == 0)
		r = need_ports(all, rec.n_forwards + 1, e);
	if (r == 0)
		r = need_memory(rec.memory, e);
	if (r < 0)
		return error_prefix(e, "starting '%s'", name);
	rec.console_offset = local_console_size(&d);
	r = local_record_write(&d, &rec, e);
	return r < 0 ? r : qemu_start(&d, name, &rec, e);
}

static int stop(
	const struct cloud *c, const char *name, bool force, int64_t timeout, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_(local_dir_close) struct local_dir d = LOCAL_DIR_INIT;
	struct local_record rec;
	int r = open_server(c, name, a, &d, &rec, e);

	if (r != 0)
		return r;
	if (!qemu_alive(&d))
		return CLOUD_UNCHANGED;
	if (force) {
		r = qemu_kill(&d, rec.uuid, e);
		if (r == 0)
			(void)unlinkat(d.fd, "qemu.pid", 0); /* it was asked for: no crash */
		return r;
	}
	r = qemu_power_down(&d, timeout, e);
	if (r == QEMU_RUNS_ON)
		return CLOUD_TIMEOUT;
	return r < 0 ? error_prefix(e, "stopping '%s'", name) : 0;
}

static int destroy(const struct cloud *c, const char *name, bool with_data, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_(local_dir_close) struct local_dir d = LOCAL_DIR_INIT;
	struct local_record rec = {};
	struct error broken = {};
	bool kept = local_volume_kept(c, name) > 0;
	int r = local_dir_open(&d, c, name, true, e);

	if (r >= 0 && kept && with_data) {
		int f = local_volume_remove(c, name, e);

		if (f < 0 || r == CLOUD_ABSENT)
			return f;
	}
	if (r != 0)
		return r;
	if (local_record_read(&d, a, &rec, &broken) < 0)
		rec.uuid = NULL; /* no reason to keep it */
	r = qemu_kill(&d, rec.uuid, e);
	if (r < 0)
		return error_prefix(e, "destroying '%s'", name);
	r = with_data ? 0 : local_volume_keep(&d, c, name, e);
	return r < 0 ? r : local_dir_remove(&d, c, name, e);
}

static int console(const struct cloud *c, const char *name, uint64_t offset, struct buf *ret,
	uint64_t *ret_offset, struct error *e)
{
	_cleanup_(local_dir_close) struct local_dir d = LOCAL_DIR_INIT;
	int r = local_dir_open(&d, c, name, false, e);

	if (r != 0)
		return r;
	*ret_offset = offset;
	r = local_console_read(&d, ret_offset, ret);
	return r < 0 ? error_errno(e, r, "reading '%s/" LOCAL_CONSOLE "'", d.path) : 0;
}

const struct provider provider_local = {
	.name = "local",
	.stop_ms = 60000, /* a server shuts down in 5 to 20 s; twice that when emulated */
	.forces = true,
	.knows_boot = true,
	.check = local_check,
	.plan = local_plan,
	.launch = launch,
	.settle = settle,
	.list = list,
	.find = find,
	.inventory = local_inventory,
	.start = start,
	.stop = stop,
	.destroy = destroy,
	.console = console,
};
