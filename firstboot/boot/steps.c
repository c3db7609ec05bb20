/* The table of first boot: its table of contents. */
#include "steps.h"

#include "boot.h"
#include "status_line.h"

#define SECONDS 1000
#define MINUTES (60 * SECONDS)

/* Of what waits for a service of this machine, and of what waits for the network. */
#define LOCAL                                                                                      \
	{                                                                                          \
		.base_ms = 1 * SECONDS, .cap_ms = 15 * SECONDS, .tries = 20                        \
	}
#define NETWORK                                                                                    \
	{                                                                                          \
		.base_ms = 2 * SECONDS, .cap_ms = 60 * SECONDS, .tries = 30                        \
	}

const struct step boot_steps[] = {
	{ .name = "cloud-init",
		.what = "waiting for cloud-init",
		.run = step_cloudinit_run,
		.retry = LOCAL,
		.limit_ms = 1 * MINUTES,
		.flags = STEP_EACH_BOOT | STEP_STOPS },
	{ .name = "identity",
		.what = "making an identity of its own",
		.skip = step_identity_skip,
		.run = step_identity_run,
		.retry = LOCAL,
		.limit_ms = 5 * MINUTES,
		.flags = STEP_STOPS },
	{ .name = "handoff",
		.what = "taking what the operator handed over",
		.run = step_handoff_run,
		.retry = LOCAL,
		.limit_ms = 1 * MINUTES,
		.flags = STEP_EACH_BOOT | STEP_STOPS },
	{ .name = "clock",
		.what = "waiting for the clock",
		.run = step_clock_run,
		.retry = LOCAL,
		.limit_ms = 1 * MINUTES,
		.flags = STEP_EACH_BOOT },
	{ .name = "report",
		.what = "reporting",
		.run = status_line_report,
		.flags = STEP_EACH_BOOT | STEP_LAST },
	{},
};
