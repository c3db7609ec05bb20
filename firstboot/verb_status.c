/* kbuild-agent status: everything at a glance. */
#include "agent.h"
#include "arena.h"
#include "buf.h"
#include "config.h"
#include "error.h"
#include "json.h"
#include "overview.h"
#include "verbs.h"

#include <stdio.h>
#include <time.h>

static int run_status(struct ctx *c, _unused_ const struct verb_args *args, struct error *e)
{
	struct agent *a = agent_of(c);
	_cleanup_(agent_config_freep) struct agent_config *config = NULL;
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct error ignored = { 0 };
	_buf_ json = BUF_INIT;
	_buf_ text = BUF_INIT;
	struct node *doc;
	int r;

	if (a->state_fd < 0 && access(a->state_dir, F_OK) == 0)
		return error_set(e, ERR_FAILED,
			"%s is only for root and the user kbuild: sudo kbuild-agent status",
			a->state_dir);
	/* Root's alone: without it some rows are missing. */
	if (agent_config_load(&config, a->config_path, &ignored) >= 0)
		a->config = config;
	overview_json(a, &json);
	a->config = NULL;
	if (a->json) {
		printf("%s\n", buf_str(&json));
		return 0;
	}
	r = json_parse(&doc, arena, "the overview", buf_str(&json), json.len, e);
	if (r < 0)
		return r;
	overview_text(doc, (int64_t)time(NULL), &text);
	fputs(buf_str(&text), stdout);
	return 0;
}

const struct verb verb_status = {
	.name = "status",
	.args = "",
	.summary = "show the whole server: steps, revision, backup, checks, timers, versions",
	.examples = "  kbuild-agent status\n  kbuild-agent status --json\n",
	.run = run_status,
};
