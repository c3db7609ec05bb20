/*
 * Servers stopped and started. Nova does one thing at a time with a server: what is asked of it meanwhile is answered
 * by 409, as is the second of two requests of which the first one's answer was lost. So 409 by itself says nothing:
 * the server is looked at again, and its task tells whether it is on its way, or has to be asked later.
 */
#include "arena.h"
#include "clock.h"
#include "error.h"
#include "nova.h"
#include "row_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NOT_YET 100 /* beside 0 and CLOUD_*: to be looked at again in a moment */

/* What is wanted of a server, and how far that has come. */
struct change {
	struct row *row;
	const char *name;
	bool up;      /* it shall run; else it shall be off */
	bool moved;   /* it was not there from the beginning */
	bool asked;   /* the service has said that it will do it */
	bool going;   /* it is on its way, whoever has asked for that */
	bool resumed; /* it goes on where it was, which is no boot */
	struct arena *arena;
	struct nova_server s; /* as it was seen last; in the arena */
};

static void change_end(struct change *c)
{
	arena_free(c->arena);
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

/* Whether that task ends with a server that runs (up), or with one that does not. Most others end as they began. */
static bool leads(const char *task, bool up)
{
	static const struct {
		const char *begin; /* "reboot": reboot_started, rebooting_hard … */
		bool up;
	} rows[] = {
		{ "powering-on", true },
		{ "unpausing", true },
		{ "resuming", true },
		{ "unshelving", true },
		{ "reboot", true },
		{ "powering-off", false },
		{ "pausing", false },
		{ "suspending", false },
		{ "shelving", false },
	};

	for (size_t i = 0; task && i < ARRAY_SIZE(rows); i++) {
		if (strncmp(task, rows[i].begin, strlen(rows[i].begin)) == 0)
			return rows[i].up == up;
	}
	return false;
}

/* What neither runs nor is off counts as stopped: for start there is a way up from there. */
static bool has_arrived(const struct change *c)
{
	const char *status = c->s.status;
	const bool there = c->up ? strcmp(status, "ACTIVE") == 0
				 : strcmp(status, "SHUTOFF") == 0 || way_up(status);

	return there && !leads(c->s.task, !c->up);
}

static int look(struct change *c, struct error *e)
{
	const struct row *r = c->row;
	int f;

	arena_free(c->arena);
	c->arena = arena_new();
	f = nova_get(r->os, r->known.region, r->known.id, c->arena, &c->s, e);
	return f == OS_ABSENT ? CLOUD_ABSENT : f;
}

/* 0, NOT_YET, CLOUD_ABSENT. */
static int ask(struct change *c, struct error *e)
{
	const struct row *r = c->row;
	const char *up = way_up(c->s.status);
	const char *action = !c->up ? "os-stop" : up ? up : "os-start";
	struct error refusal = {};
	char was[40];
	int f = nova_act(r->os, r->known.region, r->known.id, action, &refusal);

	c->moved = true;
	c->resumed = strcmp(action, "unpause") == 0 || strcmp(action, "resume") == 0;
	c->asked = f == 0;
	if (f == OS_ABSENT)
		return CLOUD_ABSENT;
	if (f == 0)
		return NOT_YET;
	if (f != OS_CONFLICT) {
		*e = refusal;
		return f;
	}
	snprintf(was, sizeof was, "%s", c->s.status);
	f = look(c, e);
	if (f != 0)
		return f;
	if (c->s.task || strcmp(c->s.status, was) != 0)
		return has_arrived(c) ? 0 : NOT_YET;
	/* Nothing is under way: it is in no state for that, and the service's words count. */
	*e = refusal;
	return error_prefix(e, "the server '%s' is %s", c->name, c->s.status);
}

/* What was seen decides. 0: it has come there; NOT_YET, CLOUD_ABSENT. */
static int step(struct change *c, struct error *e)
{
	const struct nova_server *s = &c->s;

	if (has_arrived(c))
		return 0;
	c->moved = true;
	c->going = leads(s->task, c->up);
	if (c->going && c->up)
		c->resumed = strcmp(s->task, "unpausing") == 0 || strcmp(s->task, "resuming") == 0;
	if (s->task)
		return NOT_YET; /* to this end; or something else, after which it can be asked */
	if (!c->asked)
		return ask(c, e);
	if (strcmp(s->status, "ERROR") == 0)
		return error_set(e, ERR_NETWORK, "the server '%s' came to the state ERROR: %s",
			c->name, s->fault ? s->fault : "the cloud gives no reason");
	return NOT_YET;
}

static int too_late(const struct change *c, int64_t timeout, struct error *e)
{
	if (c->asked || c->going)
		return CLOUD_TIMEOUT;
	return error_set(e, ERR_NETWORK,
		"the server '%s' could not be asked to %s within %" PRId64
		" s: it is %s, and busy with '%s'",
		c->name, c->up ? "start" : "shut down", timeout / 1000, c->s.status,
		c->s.task ? c->s.task : "nothing");
}

/* Looks it up, acts, waits. 0, CLOUD_ABSENT, CLOUD_UNCHANGED, CLOUD_TIMEOUT. */
static int carry_out(struct change *c, int64_t timeout, struct error *e)
{
	const int64_t deadline = row_deadline(c->row, timeout);
	const char *region;
	int f;

	c->arena = arena_new();
	f = row_lookup(c->row, c->name, c->arena, &c->s, &region, e);
	while (f == 0) {
		struct error late = {};

		f = step(c, e);
		if (f != NOT_YET)
			return f == 0 && !c->moved ? CLOUD_UNCHANGED : f;
		f = row_pause(c->row, deadline, timeout, "", &late);
		if (f < 0 && late.code == ERR_INTERRUPTED)
			return error_set(e, ERR_INTERRUPTED, "interrupted");
		if (f < 0)
			return too_late(c, timeout, e);
		f = look(c, e);
	}
	return f;
}

int row_start(const struct cloud *cloud, const char *name, struct error *e)
{
	struct row *r = row_of(cloud);
	_cleanup_(change_end) struct change c = { .row = r, .name = name, .up = true };
	_buf_ before = BUF_INIT;
	struct error ignored = {};
	uint64_t end;
	int f;

	/* What stands on the console now is of the boot before: the wait begins behind it. */
	(void)row_console(cloud, name, 0, &before, &end, &ignored);
	f = carry_out(&c, WAIT_SERVER_MS, e);
	if (f == CLOUD_TIMEOUT)
		return error_set(e, ERR_NETWORK,
			"the server '%s' did not start within %" PRId64 " s", name,
			WAIT_SERVER_MS / 1000);
	if (f == 0 && c.resumed)
		f = CLOUD_RESUMED;
	/* Unless no other boot has begun: then it is of this one. */
	if (f == CLOUD_UNCHANGED || f == CLOUD_RESUMED)
		row_console_forget(r);
	return f;
}

int row_stop(const struct cloud *cloud, const char *name, _unused_ bool force, int64_t timeout,
	struct error *e)
{
	_cleanup_(change_end) struct change c = { .row = row_of(cloud), .name = name };

	return carry_out(&c, timeout, e);
}
