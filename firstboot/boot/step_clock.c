/*
 * The clock. Synchronized is best; but a server's hardware clock is set by its host, and a network that
 * lets no NTP through is no reason to do nothing. So a clock that is not synchronized is waited for only
 * shortly, unless it shows a time at which this image, or this server, did not yet exist.
 */
#include "agent.h"
#include "arena.h"
#include "boot.h"
#include "broker.h"
#include "clock.h"
#include "config.h"
#include "error.h"
#include "ipc.h"
#include "journal.h"
#include "node.h"
#include "self.h"
#include "state.h"
#include "steps.h"

#include <stdio.h>
#include <time.h>

#define PLAUSIBLE_WAIT_MS 10000
#define WRONG_WAIT_MS	  (INT64_C(5) * 60 * 1000)
#define POLL_MS		  1000
#define CALL_MS		  10000
#define DAY		  86400

/* When the image was made, in UNIX seconds; 0: it does not say. */
static int64_t image_built(const struct boot *b)
{
	const char *built = b->agent->config ? b->agent->config->image.built : NULL;
	struct tm t = { 0 };

	if (!built || sscanf(built, "%4d-%2d-%2d", &t.tm_year, &t.tm_mon, &t.tm_mday) != 3)
		return 0;
	t.tm_year -= 1900;
	t.tm_mon -= 1;
	return (int64_t)timegm(&t);
}

static int synchronized(const struct boot *b, bool *ret, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	int r = broker_simple(b->agent, "clock", CALL_MS, &m, e);

	*ret = false;
	if (r >= 0)
		(void)node_is_bool(node_get(m.doc, "synchronized"), ret);
	return r;
}

/* When this server was launched, by the clock of who did it; 0: it was not told. */
static int64_t launched(const struct boot *b)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct error ignored = { 0 };
	const struct node *n = NULL;
	int64_t at = 0;

	if (state_read(b->agent, HANDOFF_STATE, a, &n, &ignored) == 0)
		(void)node_is_int(node_get(n, "launched"), &at);
	return at;
}

/* A boot of a server that was finished before waits for nothing but a wrong clock. */
static int64_t patience(const struct boot *b, bool wrong)
{
	if (wrong)
		return WRONG_WAIT_MS;
	return b->journal && journal_is(b->journal, "timers", "done") ? 0 : PLAUSIBLE_WAIT_MS;
}

int step_clock_run(struct boot *b, struct error *e)
{
	const struct clock *clock = b->agent->clock;
	int64_t begun = clock_now_ms(clock), before = MAX(image_built(b), launched(b));

	for (;;) {
		/* Asked each time: it may jump while we wait. */
		bool wrong = (int64_t)time(NULL) < before - DAY, good;
		int r = synchronized(b, &good, e);

		if (r < 0)
			return r;
		if (good)
			return 0;
		if (clock_now_ms(clock) - begun >= patience(b, wrong)) {
			if (wrong)
				boot_degrade(b,
					"the clock is wrong: it shows a time before this "
					"server was made, and no time server corrects it");
			return 0;
		}
		if (clock_sleep_ms(clock, POLL_MS) < 0)
			return error_set(e, ERR_INTERRUPTED, "interrupted");
	}
}
