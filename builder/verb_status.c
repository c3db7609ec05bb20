/* kbuild status: one server, all that is known of it. */
#include "arena.h"
#include "ctx.h"
#include "error.h"
#include "provider.h"
#include "servers.h"
#include "verbs.h"

static int run_status(struct ctx *c, const struct verb_args *a, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	_cleanup_(servers_cloud_close) struct cloud cloud = {};
	struct server s = {};
	struct error why = {};
	int r = servers_open(c, a, verb_arg(a, 0), &cloud, arena, &s, e);

	if (r == 0 && !verb_opt(a, "quick"))
		server_ask(&cloud, &s, arena);
	if (r < 0)
		return r;
	/* A server is worth a look without its price, too. */
	if (cloud.provider->cost && cloud.provider->cost(&cloud, &s, arena, &s.cost, &why) < 0 &&
		why.code == ERR_INTERRUPTED) {
		*e = why;
		return -e->code;
	}
	server_print(c, &cloud, &s);
	return 0;
}

static const struct verb_option options[] = {
	{ "quick", NULL, "do not ask the server itself", 0 },
	OPTION_CLOUD,
	{},
};

const struct verb verb_status = {
	.name = "status",
	.args = "[NAME]",
	.summary = "show one server: state, image, age, drift, revision, backup, DNS, cost",
	.max = 1,
	.options = options,
	.examples = "  kbuild status\n  kbuild status web --json\n",
	.run = run_status,
};
