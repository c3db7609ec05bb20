/* From now on the timers look after the server: deployments, backups, health. */
#include "agent.h"
#include "boot.h"
#include "broker.h"
#include "steps.h"

#define START_MS 110000

int step_timers_run(struct boot *b, struct error *e)
{
	return broker_simple(b->agent, "timers-start", START_MS, NULL, e);
}
