/* kbuild stop: shuts a server down, in order or by force. */
#include "arena.h"
#include "ctx.h"
#include "error.h"
#include "progress.h"
#include "provider.h"
#include "schema.h"
#include "servers.h"
#include "verbs.h"

#include <inttypes.h>

static int too_late(const struct cloud *cloud, const char *name, uint64_t seconds, struct error *e)
{
	error_set(e, ERR_FAILED, "the server '%s' did not shut down within %" PRIu64 " s", name,
		seconds);
	if (!cloud->provider->forces)
		return error_append(e,
			": the cloud ends it a minute after it was asked, 'kbuild status %s%s' shows when",
			name, cloud->words);
	return error_append(e,
		" and still runs. While it boots it does not listen: try again later, or "
		"'kbuild stop --force %s%s' ends it as pulling the plug does",
		name, cloud->words);
}

static int do_stop(struct ctx *c, const struct cloud *cloud, const char *name,
	const struct verb_args *a, struct error *e)
{
	bool force = verb_opt(a, "force");
	const char *text = verb_opt(a, "timeout");
	uint64_t timeout = (uint64_t)cloud->provider->stop_ms / 1000;
	int r;

	if (force && !cloud->provider->forces)
		return error_set(e, ERR_USAGE,
			"the cloud '%s' has no --force: it asks the system to shut down, and ends it by itself when that takes longer than a minute",
			cloud->provider->name);

	if (text && !parse_duration(text, &timeout))
		return error_set(
			e, ERR_USAGE, "--timeout '%s' must be a duration, as in 90s or 2m", text);
	progress_begin(c->progress, force ? "ending the server" : "shutting down", NULL, 0);
	r = cloud->provider->stop(cloud, name, force, (int64_t)timeout * 1000, e);
	if (r == CLOUD_ABSENT)
		return servers_gone(name, e);
	if (r == CLOUD_TIMEOUT)
		return too_late(cloud, name, timeout, e);
	if (r >= 0)
		progress_end(c->progress, r == CLOUD_UNCHANGED ? "it was stopped already" : NULL);
	return r < 0 ? r : 0;
}

static int run_stop(struct ctx *c, const struct verb_args *a, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	_cleanup_(servers_cloud_close) struct cloud cloud = {};
	struct server s = {};
	int r = servers_open(c, a, verb_arg(a, 0), &cloud, arena, &s, e);

	if (r == 0)
		r = do_stop(c, &cloud, s.name, a, e);
	if (r == 0)
		r = servers_pick(&cloud, s.name, arena, &s, e);
	if (r == 0)
		server_print(c, &cloud, &s);
	return r;
}

static const struct verb_option options[] = {
	{ "force", NULL, "end it at once, as pulling the plug does (only local)", 0 },
	{ "timeout", "TIME", "how long to wait for it to shut down (60s; on clouds 2m)", 0 },
	OPTION_CLOUD,
	{},
};

const struct verb verb_stop = {
	.name = "stop",
	.args = "[NAME]",
	.summary = "shut a server down; its disks stay",
	.max = 1,
	.options = options,
	.examples = "  kbuild stop\n  kbuild stop web --force\n",
	.run = run_stop,
};
