/* kbuild dns: the records of a server, looked at or made right by its own agent. */
#include "arena.h"
#include "ctx.h"
#include "error.h"
#include "provider.h"
#include "servers.h"
#include "verbs.h"

#include <string.h>

static int run_dns(struct ctx *c, const struct verb_args *a, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	_cleanup_(servers_cloud_close) struct cloud cloud = {};
	const char *action = verb_arg(a, 0);
	const char *command[] = { "sudo", "-n", "kbuild-agent", "dns", action,
		c->json ? "--json" : NULL, NULL };
	struct server_output said = {};
	struct server s = {};
	int r;

	if (strcmp(action, "show") != 0 && strcmp(action, "sync") != 0)
		return error_set(e, ERR_USAGE, "dns: 'show' or 'sync', not '%s'", action);
	r = servers_open(c, a, verb_arg(a, 1), &cloud, arena, &s, e);
	if (r == 0)
		r = server_run(&cloud, &s, command, &said, 0, e);
	if (r == SERVER_UNREACHED)
		return error_set(e, ERR_NETWORK,
			"the server '%s' could not be reached by ssh: 'kbuild console %s%s' shows how it is",
			s.name, s.name, cloud.words);
	return r; /* the agent has said it; its exit status means what ours does */
}

static const struct verb_option options[] = { OPTION_CLOUD, {} };

const struct verb verb_dns = {
	.name = "dns",
	.args = "show|sync [NAME]",
	.summary = "show a server's DNS records as they are, or have its agent make them right",
	.min = 1,
	.max = 2,
	.options = options,
	.examples = "  kbuild dns show\n  kbuild dns sync web --cloud ovh\n",
	.run = run_dns,
};
