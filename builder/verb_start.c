/* kbuild start: boots a stopped server again, with the same disks and ports. */
#include "arena.h"
#include "ctx.h"
#include "error.h"
#include "launch.h"
#include "progress.h"
#include "provider.h"
#include "schema.h"
#include "servers.h"
#include "verbs.h"

static int do_start(struct ctx *c, const struct cloud *cloud, const struct server *s,
	const struct verb_args *a, struct error *e)
{
	const char *text = verb_opt(a, "timeout");
	uint64_t timeout = WAIT_DEFAULT_S;
	int r;

	if (text && !parse_duration(text, &timeout))
		return error_set(
			e, ERR_USAGE, "--timeout '%s' must be a duration, as in 90s or 10m", text);
	progress_begin(c->progress, "starting the server", NULL, 0);
	r = cloud->provider->start(cloud, s->name, e);
	if (r == CLOUD_ABSENT)
		return servers_gone(s->name, e);
	if (r < 0)
		return r;
	progress_end(c->progress, r == CLOUD_UNCHANGED ? "it was running already"
				  : r == CLOUD_RESUMED ? "it goes on where it was"
						       : NULL);
	if (verb_opt(a, "no-wait"))
		return 0;
	return server_started(c, cloud, s, r, (int64_t)timeout * 1000, e);
}

static int run_start(struct ctx *c, const struct verb_args *a, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	_cleanup_(servers_cloud_close) struct cloud cloud = {};
	struct server s = {};
	int r = servers_open(c, a, verb_arg(a, 0), &cloud, arena, &s, e);

	if (r == 0)
		r = do_start(c, &cloud, &s, a, e);
	if (r == 0)
		r = servers_pick(&cloud, s.name, arena, &s, e);
	if (r == 0)
		server_print(c, &cloud, &s);
	return r;
}

static const struct verb_option options[] = {
	{ "timeout", "TIME", "how long to wait until it is ready (10m)", 0 },
	{ "no-wait", NULL, "do not wait until it is ready", 0 },
	OPTION_CLOUD,
	{},
};

const struct verb verb_start = {
	.name = "start",
	.args = "[NAME]",
	.summary = "boot a stopped server again: same disks, same ports",
	.max = 1,
	.options = options,
	.examples = "  kbuild start\n  kbuild start web --no-wait\n",
	.run = run_start,
};
