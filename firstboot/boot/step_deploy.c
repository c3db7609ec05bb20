/*
 * The application itself. Deploying is all of firstboot/gitops, in the same three parts that every later
 * deployment goes through.
 */
#include "agent.h"
#include "boot.h"
#include "config.h"
#include "gitops.h"
#include "steps.h"

const char *step_app_skip(const struct boot *b)
{
	return b->agent->config && b->agent->config->has_app ? NULL : "no kbuild.app";
}

const char *step_deploy_skip(const struct boot *b)
{
	const char *why = step_app_skip(b);

	return why ? why : b->deployed ? "the application is deployed" : NULL;
}

static void progress(void *arg, const char *step, const char *note)
{
	if (note && *note)
		boot_note(arg, "%s: %s", step, note);
	else
		boot_note(arg, "%s", step);
}

static int deploy(struct boot *b, enum gitops_step step, struct error *e)
{
	const struct gitops_run run = { .now = true, .progress = progress, .arg = b };

	return gitops_first(b->agent, step, &run, e);
}

int step_checkout_run(struct boot *b, struct error *e)
{
	return deploy(b, GITOPS_CHECKOUT, e);
}

int step_start_run(struct boot *b, struct error *e)
{
	return deploy(b, GITOPS_START, e);
}

int step_gate_probe(struct boot *b, _unused_ struct error *e)
{
	return gitops_has_good(b->agent) ? STEP_HOLDS : 0;
}

int step_gate_run(struct boot *b, struct error *e)
{
	return deploy(b, GITOPS_GATE, e);
}
