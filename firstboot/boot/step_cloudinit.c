/* Waiting for cloud-init, and what it said. */
#include "agent.h"
#include "arena.h"
#include "boot.h"
#include "clock.h"
#include "cloudinit.h"
#include "error.h"
#include "steps.h"

/*
 * Our unit comes after cloud-init.target, so that there is mostly nothing to wait for. Where the timer
 * started it, or a stage hangs, this is how long a server waits for what it may never get.
 */
#define WAIT_MS (INT64_C(10) * 60 * 1000)
#define POLL_MS 250

static void judge(struct boot *b, const struct cloudinit *c)
{
	switch (c->state) {
	case CLOUDINIT_UNFINISHED:
		boot_fail(b, "cloud-init had not finished within %ld minutes%s%s", WAIT_MS / 60000,
			c->stage ? ", it stood in " : "", c->stage ? c->stage : "");
		break;
	case CLOUDINIT_ERROR:
		boot_fail(b, "cloud-init: %zu error%s%s%s (cloud-init status --long)", c->errors,
			c->errors == 1 ? "" : "s", c->where ? " in " : "",
			c->where ? c->where : "");
		break;
	case CLOUDINIT_DEGRADED:
		boot_degrade(b, "cloud-init: %zu warning%s%s%s (cloud-init status --long)",
			c->warnings, c->warnings == 1 ? "" : "s", c->where ? " in " : "",
			c->where ? c->where : "");
		break;
	case CLOUDINIT_ABSENT:
	case CLOUDINIT_DISABLED:
	case CLOUDINIT_DONE:
		break;
	}
}

int step_cloudinit_run(struct boot *b, struct error *e)
{
	const struct clock *clock = b->agent->clock;
	int64_t deadline = clock_now_ms(clock) + WAIT_MS;
	struct cloudinit c;

	for (;;) {
		_cleanup_(arena_freep) struct arena *a = arena_new();

		cloudinit_read(&c, a, b->run_dir);
		if (c.state != CLOUDINIT_UNFINISHED || clock_now_ms(clock) >= deadline)
			break;
		if (clock_sleep_ms(clock, POLL_MS) < 0)
			return error_set(e, ERR_INTERRUPTED, "interrupted");
	}
	cloudinit_read(&c, b->arena, b->run_dir);
	b->cloud_init = cloudinit_word(c.state);
	judge(b, &c);
	return boot_set_instance(b, c.instance, e);
}
