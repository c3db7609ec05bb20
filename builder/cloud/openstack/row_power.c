/* Servers stopped and started. */
#include "arena.h"
#include "clock.h"
#include "error.h"
#include "nova.h"
#include "row_parts.h"

#include <inttypes.h>
#include <string.h>

/* Until it has that status. 0, CLOUD_ABSENT, CLOUD_TIMEOUT. */
static int wait_status(
	struct row *r, const char *id, const char *status, int64_t timeout, struct error *e)
{
	int64_t deadline = row_deadline(r, timeout);

	for (;;) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		struct error late = {};
		struct nova_server s;
		int f = nova_get(r->os, r->known.region, id, a, &s, e);

		if (f != 0)
			return f < 0 ? f : CLOUD_ABSENT;
		if (strcmp(s.status, status) == 0)
			return 0;
		if (strcmp(s.status, "ERROR") == 0)
			return error_set(e, ERR_NETWORK,
				"the server '%s' came to the state ERROR: %s", r->known.name,
				s.fault ? s.fault : "the cloud gives no reason");
		f = row_pause(r, deadline, timeout, "", &late);
		if (f < 0 && late.code == ERR_INTERRUPTED)
			return error_set(e, ERR_INTERRUPTED, "interrupted");
		if (f < 0)
			return CLOUD_TIMEOUT;
	}
}

/* How a server gets to run from each status in which it does not; NULL: as from any other. */
static const char *way_up(const char *status)
{
	static const char *const rows[][2] = {
		{ "PAUSED", "unpause" },
		{ "SUSPENDED", "resume" },
		{ "SHELVED", "unshelve" },
		{ "SHELVED_OFFLOADED", "unshelve" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (strcmp(rows[i][0], status) == 0)
			return rows[i][1];
	}
	return NULL;
}

/*
 * Looks it up, acts, waits. done: the status it then has. 0, CLOUD_UNCHANGED, and as wait_status(). What neither runs
 * nor is off counts as stopped: for start there is a way up from there.
 */
static int change(struct row *r, const char *name, const char *action, const char *done,
	int64_t timeout, struct error *e)
{
	const bool up = strcmp(done, "ACTIVE") == 0;
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct nova_server s;
	const char *region;
	int f = row_lookup(r, name, a, &s, &region, e);

	if (f != 0)
		return f;
	if ((strcmp(s.status, done) == 0 || (!up && way_up(s.status))) && !s.task)
		return CLOUD_UNCHANGED;
	if (up && way_up(s.status))
		action = way_up(s.status);
	f = nova_act(r->os, region, s.id, action, e);
	if (f == OS_ABSENT)
		return CLOUD_ABSENT;
	/* Already on its way there, or in no state for it; then the service's words count. */
	if (f == OS_CONFLICT && !s.task)
		return error_prefix(e, "the server '%s' is %s", name, s.status);
	return f < 0 ? f : wait_status(r, s.id, done, timeout, e);
}

int row_start(const struct cloud *c, const char *name, struct error *e)
{
	struct row *r = row_of(c);
	_buf_ before = BUF_INIT;
	struct error ignored = {};
	uint64_t end;
	int f;

	/* What stands on the console now is of the boot before: the wait begins behind it. */
	(void)row_console(c, name, 0, &before, &end, &ignored);
	f = change(r, name, "os-start", "ACTIVE", WAIT_SERVER_MS, e);
	if (f == CLOUD_TIMEOUT)
		return error_set(e, ERR_NETWORK,
			"the server '%s' did not start within %" PRId64 " s", name,
			WAIT_SERVER_MS / 1000);
	return f;
}

int row_stop(const struct cloud *c, const char *name, _unused_ bool force, int64_t timeout,
	struct error *e)
{
	return change(row_of(c), name, "os-stop", "SHUTOFF", timeout, e);
}
