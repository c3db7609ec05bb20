/* A cloned disk brings the other server's machine id and host keys along: the broker makes new ones. */
#include "agent.h"
#include "boot.h"
#include "broker.h"
#include "steps.h"

#define RENEW_MS 120000 /* RSA host keys take seconds on a small server */

const char *step_identity_skip(const struct boot *b)
{
	return b->clone ? NULL : "this disk was no other server's before";
}

int step_identity_run(struct boot *b, struct error *e)
{
	return broker_simple(b->agent, "identity-renew", RENEW_MS, NULL, e);
}
