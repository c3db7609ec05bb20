/* The good commit again, where its tags have come to mean other images: the build that makes them is slower than a push. */
#include "agent.h"
#include "deploy.h"
#include "error.h"
#include "report.h"

#include <string.h>

/* Whether a service of what is being done has another image than it has now. */
static int other_images(struct deploy *d, struct error *e)
{
	struct plan new, old;
	int r = plan_parse(d->ledger.doing.to.table, d->arena, &new, e);

	if (r >= 0)
		r = plan_parse(d->ledger.good.table, d->arena, &old, e);
	for (size_t i = 0; r == 0 && i < new.n; i++) {
		const struct plan_service *before = plan_find(&old, new.services[i].name);

		if (before && plan_differs(&new.services[i], before))
			return 1;
	}
	return r;
}

int deploy_follow_tags(struct deploy *d, struct error *e)
{
	const char *sha = d->ledger.good.sha;
	struct error failed = { 0 };
	int r;

	if (!deploy_images_may_come(d, sha))
		return GITOPS_UNCHANGED;
	r = deploy_prepare(d, sha, &failed);
	if (r >= 0)
		r = other_images(d, &failed);
	if (r > 0) {
		deploy_say(d, "images", "%s: other images have come for it", short_sha(sha));
		return deploy_attempt(d, e);
	}
	memset(&d->ledger.doing, 0, sizeof d->ledger.doing);
	d->awaits_images = false; /* what is waited for now, if anything, is something else */
	if (r < 0 && failed.code == ERR_INTERRUPTED) {
		*e = failed;
		return r;
	}
	if (r < 0) /* what runs is well */
		report(REPORT_INFO, "gitops: newer images are looked for later: %s", failed.msg);
	return GITOPS_UNCHANGED;
}
