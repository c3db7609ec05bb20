/* kbuild-agent first-boot: finishes the server; at every boot, and again with --retry. */
#include "alloc.h"
#include "arena.h"
#include "boot.h"
#include "broker.h"
#include "config.h"
#include "error.h"
#include "fd.h"
#include "gitops.h"
#include "journal.h"
#include "report.h"
#include "verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ASK_MS	 30000
#define WATCH_MS 110000 /* as for all timers */

static void boot_close(struct boot *b)
{
	for (size_t i = 0; i < b->n_steps; i++)
		free(b->results[i].note);
	free(b->results);
	free(b->reasons);
	journal_close(b->journal);
	arena_free(b->arena);
}

/* Left by who typed --retry, for the unit's own run. */
#define RETRY_FILE "first-boot.retry"

/*
 * Typed by root on a server: what then has to be done is the unit's, which has its user, its credentials
 * and its sandbox. It is asked to run; what it says is in the journal.
 */
static int hand_over(struct agent *a, const struct stat *st, bool retry, struct error *e)
{
	int r = 0;

	if (retry) {
		_close_ int fd = openat(
			a->state_fd, RETRY_FILE, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

		if (fd < 0 || fchown(fd, st->st_uid, st->st_gid) < 0)
			return error_errno(e, errno, "cannot write %s/" RETRY_FILE, a->state_dir);
	}
	r = broker_simple(a, "first-boot", ASK_MS, NULL, e);
	if (r >= 0)
		printf("first boot goes on: journalctl -fu kbuild-firstboot, or kbuild-agent status\n");
	return r;
}

/* Where first boot ended before its timers: who is to hear of that is told by one of them, which also has it go on. */
static void keep_watch(struct agent *a)
{
	struct error e = { 0 };

	if (broker_simple(a, "watch-start", WATCH_MS, NULL, &e) < 0)
		report(REPORT_WARNING, "nobody looks after this server: %s", e.msg);
}

/* $RUNTIME_DIRECTORY/walked is there from the end of a boot's first walk to that boot's end. */
static bool walked(bool note)
{
	const char *dir = getenv("RUNTIME_DIRECTORY");
	_free_ char *path = dir ? xasprintf("%s/walked", dir) : NULL;
	_close_ int fd = -1;

	if (!path || !note)
		return path && access(path, F_OK) == 0;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd >= 0;
}

/* After a walk that came to its end. */
static void end(const struct boot *b)
{
	if (b->worst != BOOT_READY)
		keep_watch(b->agent);
	(void)walked(true); /* without it the next walk waits as long as this one did */
	if (b->retry)
		(void)unlinkat(b->agent->state_fd, RETRY_FILE, 0);
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
	struct stat st;
	int r;

	while (b.steps[b.n_steps].name)
		b.n_steps++;
	b.results = xcalloc(b.n_steps, sizeof *b.results);
	if (a->state_fd < 0 || fstat(a->state_fd, &st) < 0)
		return error_set(e, ERR_FAILED, "cannot use the directory %s", a->state_dir);
	if (geteuid() == 0 && st.st_uid != 0)
		return hand_over(a, &st, b.retry, e);
	b.retry = b.retry || faccessat(a->state_fd, RETRY_FILE, F_OK, 0) == 0;
	b.again = !b.retry && walked(false);
	r = agent_config_load(&config, a->config_path, e);
	if (r < 0)
		return r;
	a->config = config;
	r = agent_lock(a, "first-boot", e);
	if (r == AGENT_BUSY)
		return error_set(e, ERR_FAILED, "first boot is at work already");
	if (r >= 0)
		r = agent_start_roles(a, AGENT_NET | AGENT_GIT | AGENT_PARSE, e);
	if (r >= 0) {
		b.deployed = gitops_has_good(a);
		r = boot_walk(&b, e);
		if (r >= 0 || e->code != ERR_INTERRUPTED)
			end(&b);
	}
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
