/*
 * The health of this server: what is looked at (checks.h), when that is a fault (verdict.h), who hears of
 * it (send.h). State is STATE/health.json; what has to be told lies in STATE/alerts (core/alert.h), so that
 * it survives a dead network and our own death.
 *
 *   checks → verdict → alerts → mail, web hook; metrics; ping
 *
 * Needs AGENT_NET and the broker.
 */
#pragma once

#include "agent.h"

struct buf;
struct error;

#define HEALTH_ROLES AGENT_NET
#define HEALTH_STATE "health.json"

/*
 * One run. The result is the number of faults (0: all is well), and what was found is appended to out: JSON when
 * a->json, else lines for people. send: also tell people; without it only looks.
 */
int health_run(struct agent *a, bool send, struct buf *out, struct error *e);
