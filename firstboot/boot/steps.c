/* The table of first boot: its table of contents. */
#include "steps.h"

#include "boot.h"
#include "status_line.h"

#define SECONDS INT64_C(1000)
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
/* A volume is attached by the cloud when the server runs already; on a busy day that takes minutes. */
#define ATTACHED                                                                                   \
	{                                                                                          \
		.base_ms = 1 * SECONDS, .cap_ms = 15 * SECONDS, .tries = 200                       \
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
	{ .name = "volume",
		.what = "looking for the data volume",
		.skip = step_volume_skip,
		.probe = step_volume_probe,
		.run = step_volume_run,
		.retry = ATTACHED,
		.limit_ms = 20 * MINUTES,
		.flags = STEP_STOPS },
	{ .name = "secrets",
		.what = "making the application's secrets",
		.skip = step_secrets_skip,
		.probe = step_secrets_probe,
		.run = step_secrets_run,
		.retry = LOCAL,
		.limit_ms = 1 * MINUTES,
		.flags = STEP_STOPS | STEP_DOUBTS },
	{ .name = "registry",
		.what = "logging in to the registries",
		.skip = step_registry_skip,
		.run = step_registry_run,
		.retry = NETWORK,
		.limit_ms = 15 * MINUTES,
		.flags = STEP_APP },
	{ .name = "images",
		.what = "loading the container images of this server's image",
		.skip = step_images_skip,
		.run = step_images_run,
		.retry = LOCAL,
		.limit_ms = 5 * MINUTES,
		.flags = STEP_APP },
	{ .name = "checkout",
		.what = "fetching the application",
		.skip = step_deploy_skip,
		.run = step_checkout_run,
		.retry = NETWORK,
		.limit_ms = 30 * MINUTES,
		.flags = STEP_APP | STEP_DEPLOYS },
	{ .name = "start",
		.what = "starting the application",
		.skip = step_deploy_skip,
		.run = step_start_run,
		.retry = LOCAL,
		.limit_ms = 10 * MINUTES,
		.flags = STEP_APP | STEP_DEPLOYS },
	{ .name = "gate",
		.what = "waiting for the application to be healthy",
		.skip = step_app_skip,
		.probe = step_gate_probe,
		.run = step_gate_run,
		.retry = LOCAL,
		.limit_ms = 10 * MINUTES,
		.flags = STEP_APP | STEP_DOUBTS | STEP_DEPLOYS },
	{ .name = "dns",
		.what = "pointing the DNS records to this server",
		.skip = step_dns_skip,
		.run = step_dns_run,
		.retry = NETWORK,
		.limit_ms = 15 * MINUTES },
	{ .name = "timers",
		.what = "starting the timers",
		.run = step_timers_run,
		.retry = LOCAL,
		.limit_ms = 2 * MINUTES },
	{ .name = "report",
		.what = "reporting",
		.run = status_line_report,
		.flags = STEP_EACH_BOOT | STEP_LAST },
	{},
};
