/* kbuild-agent first-boot: finishes the server; at every boot, and again with --retry. */
#include "alloc.h"
#include "arena.h"
#include "boot.h"
#include "config.h"
#include "error.h"
#include "journal.h"
#include "verbs.h"

static void boot_close(struct boot *b)
{
	for (size_t i = 0; i < b->n_steps; i++)
		free(b->results[i].note);
	free(b->results);
	free(b->reasons);
	journal_close(b->journal);
	arena_free(b->arena);
}

static int run_first_boot(struct ctx *c, const struct verb_args *args, struct error *e)
{
	struct agent *a = agent_of(c);
	_cleanup_(agent_config_freep) struct agent_config *config = NULL;
	_cleanup_(boot_close) struct boot b = {
		.agent = a,
		.run_dir = verb_opt(args, "run") ? verb_opt(args, "run") : "/run",
		.retry = verb_opt(args, "retry") != NULL,
		.steps = boot_steps,
		.cloud_init = "unfinished",
		.arena = arena_new(),
	};
	int r;

	while (b.steps[b.n_steps].name)
		b.n_steps++;
	b.results = xcalloc(b.n_steps, sizeof *b.results);
	if (a->state_fd < 0)
		return error_set(e, ERR_FAILED, "there is no directory %s", a->state_dir);
	r = agent_config_load(&config, a->config_path, e);
	if (r < 0)
		return r;
	a->config = config;
	r = agent_lock(a, "first-boot", e);
	if (r == AGENT_BUSY)
		return error_set(e, ERR_FAILED, "first boot is at work already");
	if (r >= 0)
		r = agent_start_roles(a, AGENT_NET | AGENT_GIT | AGENT_PARSE, e);
	if (r >= 0)
		r = boot_walk(&b, e);
	a->config = NULL;
	return r;
}

static const struct verb_option options[] = {
	{ "retry", NULL, "try again what failed for good", 0 },
	{ "run", "DIR", "instead of /run", 0 },
	{},
};

const struct verb verb_first_boot = {
	.name = "first-boot",
	.args = "",
	.summary = "finish this server: what its image could not know",
	.options = options,
	.examples = "  kbuild-agent first-boot --retry\n",
	.run = run_first_boot,
};
