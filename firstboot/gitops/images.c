/*
 * Images that a plan needs: pulled, with a login where that is refused. `up` itself never pulls, so those of a
 * revision that was good are pulled again, by their digests, when somebody has removed them from the engine.
 */
#include "deploy.h"
#include "engine.h"
#include "error.h"

/*
 * Refused: perhaps nobody has signed in yet, because the registry was down at first boot, or the engine has
 * forgotten it. A registry that cannot be asked now is waited for; it is not the commit's fault.
 */
static int pull_signed_in(struct deploy *d, const char **plan, const struct plan *as,
	const struct node **services, struct error *e)
{
	struct error failed = { 0 }, again = { 0 };
	int r = gitops_sign_in(d->a, &failed);

	if (r == GITOPS_NO_REGISTRIES)
		return -e->code;
	r = engine_pull(d->a, *plan, as, d->arena, plan, services, &again);
	if (r < 0)
		*e = failed.transient ? failed : again;
	return r < 0 ? -e->code : r;
}

int deploy_pull(struct deploy *d, const char **plan, const struct plan *as,
	const struct node **services, struct error *e)
{
	int r = engine_pull(d->a, *plan, as, d->arena, plan, services, e);

	if (r < 0 && !e->transient && e->code == ERR_FAILED)
		r = pull_signed_in(d, plan, as, services, e);
	return r;
}

int deploy_pull_again(struct deploy *d, const struct revision *of, struct error *e)
{
	const struct node *ignored = NULL;
	const char *plan = of->plan;
	struct error failed = { 0 };
	struct plan then;
	int r;

	if (e->transient || e->code != ERR_FAILED || engine_timed_out(e))
		return -e->code;
	/* Those that are here are only looked at, and what was baked has no registry: its name is an id. */
	deploy_say(d, "pull", "%s: looking for its images", e->msg);
	r = plan_parse(of->table, d->arena, &then, &failed);
	if (r >= 0)
		r = deploy_pull(d, &plan, &then, &ignored, &failed);
	if (r >= 0) {
		*e = (struct error){ 0 };
		return 0;
	}
	if (!failed.transient && failed.code != ERR_INTERRUPTED)
		return error_append(e, " (and: %s)", failed.msg);
	*e = failed;
	return r;
}

int deploy_up_good(struct deploy *d, const char *const *services, struct error *e)
{
	const char **all = NULL;
	struct plan good;
	int r = plan_parse(d->ledger.good.table, d->arena, &good, e);

	if (r >= 0)
		r = deploy_take_along(d, &good, services, &all, e);
	if (r < 0)
		return r;
	r = engine_up(d->a, d->ledger.good.plan, all, e);
	if (r >= 0 || deploy_pull_again(d, &d->ledger.good, e) < 0)
		return r < 0 ? -e->code : r;
	return engine_up(d->a, d->ledger.good.plan, all, e);
}
