/* kbuild-agent gitops: the application follows its branch. Without a word it is what the timer runs. */
#include "agent.h"
#include "arena.h"
#include "buf.h"
#include "config.h"
#include "error.h"
#include "fd.h"
#include "gitops.h"
#include "ipc.h"
#include "report.h"
#include "rotate.h"
#include "rotation.h"
#include "run.h"
#include "verbs.h"

#include <stdio.h>
#include <string.h>

/* What a run came to: the word for programs, and whether who asked for it got what he wanted. */
static const struct {
	const char *word;
	int code;
} results[] = {
	[GITOPS_UNCHANGED] = { "unchanged", 0 },
	[GITOPS_DEPLOYED] = { "deployed", 0 },
	[GITOPS_REPAIRED] = { "repaired", 0 },
	[GITOPS_REFUSED] = { "refused", ERR_TEST },
	[GITOPS_ROLLED_BACK] = { "rolled-back", ERR_TEST },
	[GITOPS_NEEDS_HUMAN] = { "needs-human", ERR_TEST },
	[GITOPS_LATER] = { "later", ERR_NETWORK },
	[GITOPS_PAUSED] = { "paused", 0 },
	[GITOPS_BUSY] = { "busy", ERR_FAILED },
};

static void print_result(const struct agent *a, int result, const struct buf *why)
{
	_buf_ json = BUF_INIT;

	if (!a->json) {
		printf("%s%s%s\n", results[result].word, why->len ? ": " : "", buf_str(why));
		return;
	}
	ipc_begin(&json);
	ipc_add_str(&json, "result", results[result].word);
	ipc_add_str(&json, "why", buf_str(why));
	ipc_end(&json);
	printf("%s\n", buf_str(&json));
}

typedef int (*run_function)(
	struct agent *a, const struct gitops_run *run, struct buf *why, struct error *e);

/* args NULL: nobody asked, it is the timer's run. */
static int act(struct agent *a, run_function f, const struct verb_args *args, struct error *e)
{
	const struct gitops_run run = { .now = args != NULL,
		.no_dump = args && verb_opt(args, "without-dump") };
	_buf_ why = BUF_INIT;
	int r = agent_start_roles(a, GITOPS_ROLES, e);

	if (r >= 0)
		r = f(a, &run, &why, e);
	if (r < 0)
		return r;
	print_result(a, r, &why);
	/* The timer's run has done its work whatever it found: people hear of it by the alert. */
	return args ? results[r].code : 0;
}

/*
 * Where a restore was cut off, the application has no database before that is settled. Not while a deployment looks
 * whether the application is well.
 */
static void settle(struct agent *a)
{
	struct error e = { 0 };
	_close_ int fd = -1;
	int r = agent_lock_part(a, "gitops", &fd, &e);

	if (r == 0)
		r = run_settle(a, &e);
	if (r < 0)
		report(REPORT_WARNING, "%s", e.msg);
}

/* A rotation that was cut off has changed the database and not yet the application: that comes first. */
static int follow(struct agent *a, const struct gitops_run *run, struct buf *why, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct error failed = { 0 };
	const char *name = NULL;
	_buf_ text = BUF_INIT;

	settle(a);
	/* Asked first: the lock is the process's, and who rotates meanwhile would find it taken for nothing. */
	if (rotation_pending(a, arena, &name, &failed) != ROTATION_NONE &&
		agent_lock(a, "secrets", &failed) == 0 &&
		rotation_finish(a, false, &text, &failed) < 0)
		report(REPORT_WARNING, "%s", failed.msg);
	return gitops_run(a, run, why, e);
}

static int run_timer(struct agent *a, struct error *e)
{
	return act(a, follow, NULL, e);
}

static int run_now(struct agent *a, const struct verb_args *args, struct error *e)
{
	return act(a, gitops_run, args, e);
}

static int run_retry(struct agent *a, const struct verb_args *args, struct error *e)
{
	return act(a, gitops_retry, args, e);
}

static int run_rollback(struct agent *a, const struct verb_args *args, struct error *e)
{
	return act(a, gitops_rollback, args, e);
}

static int print(int r, const struct buf *text, bool line)
{
	if (r >= 0)
		printf(line ? "%s\n" : "%s", buf_str(text));
	return r;
}

static int run_pause(struct agent *a, _unused_ const struct verb_args *args, struct error *e)
{
	_buf_ why = BUF_INIT;

	return print(gitops_pause(a, &why, e), &why, true);
}

static int run_resume(struct agent *a, _unused_ const struct verb_args *args, struct error *e)
{
	_buf_ why = BUF_INIT;

	return print(gitops_resume(a, &why, e), &why, true);
}

static int run_status(struct agent *a, _unused_ const struct verb_args *args, struct error *e)
{
	_buf_ text = BUF_INIT;

	if (a->json)
		return print(gitops_status_json(a, &text, e), &text, true);
	return print(gitops_status_text(a, &text, e), &text, false);
}

static int run_history(struct agent *a, _unused_ const struct verb_args *args, struct error *e)
{
	_buf_ text = BUF_INIT;

	return print(gitops_history(a, &text, e), &text, false);
}

static const struct {
	const char *word;
	bool config;  /* it needs the configuration */
	bool deploys; /* a commit of the branch */
	int (*run)(struct agent *a, const struct verb_args *args, struct error *e);
} actions[] = {
	{ "now", true, true, run_now },
	{ "pause", false, false, run_pause },
	{ "resume", false, false, run_resume },
	{ "status", false, false, run_status },
	{ "retry", true, true, run_retry },
	{ "rollback", true, false, run_rollback },
	{ "history", false, false, run_history },
};

static int run(struct ctx *c, const struct verb_args *args, struct error *e)
{
	_cleanup_(agent_config_freep) struct agent_config *config = NULL;
	struct agent *a = agent_of(c);
	const char *word = verb_arg(args, 0);
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		if (word && strcmp(actions[i].word, word) != 0)
			continue;
		if (verb_opt(args, "without-dump") && (!word || !actions[i].deploys))
			return error_set(e, ERR_USAGE, "--without-dump is for 'now' and 'retry'");
		if (a->state_fd < 0)
			return error_set(e, ERR_FAILED, "there is no directory %s", a->state_dir);
		r = !word || actions[i].config ? agent_config_load(&config, a->config_path, e) : 0;
		if (r < 0)
			return r;
		a->config = config;
		r = word ? actions[i].run(a, args, e) : run_timer(a, e);
		a->config = NULL;
		return r;
	}
	return error_set(e, ERR_USAGE,
		"there is no 'gitops %s' (now, pause, resume, status, retry, rollback, history)",
		word);
}

static const struct verb_option options[] = {
	{ "without-dump", NULL,
		"now, retry: dump no database first, for one that cannot be dumped any more", 0 },
	{},
};

const struct verb verb_gitops = {
	.name = "gitops",
	.args = "[now|pause|resume|status|retry|rollback|history]",
	.summary = "follow the application's branch, or say how it stands",
	.max = 1,
	.options = options,
	.examples =
		"  kbuild-agent gitops now        look at the branch at once\n"
		"  kbuild-agent gitops retry      try a commit again that was bad\n"
		"  kbuild-agent gitops rollback   back to the good revision before the last one\n",
	.run = run,
};
