/* kbuild-agent health [now|show]: look after this server, and tell people. */
#include "agent.h"
#include "buf.h"
#include "config.h"
#include "error.h"
#include "health.h"
#include "report.h"
#include "verbs.h"

#include <stdio.h>
#include <string.h>

static int run(struct ctx *c, const struct verb_args *args, struct error *e)
{
	_cleanup_(agent_config_freep) struct agent_config *config = NULL;
	struct agent *a = agent_of(c);
	const char *what = verb_arg(args, 0);
	_buf_ out = BUF_INIT;
	int r;

	if (what && strcmp(what, "now") != 0 && strcmp(what, "show") != 0)
		return error_set(e, ERR_USAGE, "health is 'now' or 'show', not '%s'", what);
	if (a->state_fd < 0)
		return error_set(e, ERR_FAILED, "there is no %s", a->state_dir);
	r = agent_config_load(&config, a->config_path, e);
	if (r < 0)
		return r;
	a->config = config;
	r = agent_lock(a, "health", e);
	if (r == AGENT_BUSY) {
		report(REPORT_NOTICE, "another health run is at work");
		return 0;
	}
	if (r >= 0)
		r = agent_start_roles(a, HEALTH_ROLES, e);
	if (r >= 0)
		r = health_run(a, !what || strcmp(what, "now") == 0, &out, e);
	if (r < 0)
		return r;
	fputs(buf_str(&out), stdout);
	/* A fault was told; the run itself did what it should. Who asked wants to know by the status. */
	return what && r > 0 ? ERR_TEST : 0;
}

const struct verb verb_health = {
	.name = "health",
	.args = "[now|show]",
	.summary = "look after this server and tell people what is wrong (show: only look)",
	.max = 1,
	.examples =
		"  kbuild-agent health show         every check, and nobody is told\n"
		"  kbuild-agent health show --json  for programs\n",
	.run = run,
};
