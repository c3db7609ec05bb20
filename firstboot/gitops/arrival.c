/*
 * Images that come after their commit: what pushes a commit begins the build that makes its images, minutes later. For
 * kbuild.app.image_wait after a commit was seen, one that is not there is waited for, and a tag that comes to mean
 * another image is followed (tags.c).
 */
#include "agent.h"
#include "arena.h"
#include "config.h"
#include "deploy.h"
#include "error.h"

#include <string.h>
#include <time.h>

int deploy_see(struct deploy *d, const char *sha, struct error *e)
{
	struct ledger *l = &d->ledger;

	/* A time to come is that of a clock that was wrong. */
	if (l->seen.sha && strcmp(l->seen.sha, sha) == 0 && l->seen.since <= deploy_now())
		return 0;
	l->seen.sha = arena_strdup(d->arena, sha);
	l->seen.since = deploy_now();
	return deploy_save(d, e);
}

bool deploy_images_may_come(const struct deploy *d, const char *sha)
{
	const struct ledger *l = &d->ledger;
	int64_t wait = (int64_t)d->a->config->app.image_wait;

	return l->seen.sha && strcmp(l->seen.sha, sha) == 0 && deploy_now() < l->seen.since + wait;
}

int deploy_await_images(struct deploy *d, const char *sha, struct error *e)
{
	time_t end = (time_t)(d->ledger.seen.since + (int64_t)d->a->config->app.image_wait);
	char text[16] = "";
	struct tm tm;

	if (e->transient || e->code != ERR_FAILED || !deploy_images_may_come(d, sha))
		return -e->code;
	strftime(text, sizeof text, "%H:%M UTC", gmtime_r(&end, &tm));
	error_append(e, "; it may be on its way, and is waited for until %s", text);
	d->awaits_images = true;
	return error_transient(e);
}
