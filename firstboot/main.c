/*
 * kbuild-agent: what finishes a server that was made from an image of kbuild, and looks after it. This
 * is the table of its verbs, and the one place that prints errors and chooses the exit status.
 */
#include "agent.h"
#include "buf.h"
#include "clock.h"
#include "config.h"
#include "error.h"
#include "interrupt.h"
#include "json.h"
#include "report.h"
#include "verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CONFIG "/etc/kbuild/agent.yaml"
#define STATE  "/var/lib/kbuild"
#define BROKER "/run/kbuild/broker.sock"

static const struct verb_option options[] = {
	{ "json", NULL, "results as JSON on standard output", 0 },
	{ "verbose", NULL, "say more", 'v' },
	{ "config", "FILE", "instead of " CONFIG, 0 },
	{ "state", "DIR", "instead of " STATE, 0 },
	{ "broker", "SOCKET", "instead of " BROKER, 0 },
	{ "help", NULL, "this text", 'h' },
	{ "version", NULL, "the version of the agent", 0 },
	{},
};

static const struct verb *const verbs[] = {
	&verb_status,
	&verb_first_boot,
	&verb_gitops,
	&verb_backup,
	&verb_restore,
	&verb_health,
	&verb_secrets,
	&verb_dns,
	&verb_run,
	&verb_help_verb,
	&verb_version,
	NULL,
};

const struct program program = {
	.name = "kbuild-agent",
	.about = "finishes and looks after a server made from an image of kbuild.",
	.verbs = verbs,
	.options = options,
	.footer =
		"Exit status: 0 done, 1 failed, 2 usage, 3 invalid configuration, 4 hash mismatch,\n"
		"5 network, 6 a health gate or check failed, 7 needs confirmation, 130 interrupted.\n",
};

static int finish(const struct agent *a, int r, const struct error *e)
{
	_buf_ out = BUF_INIT;

	if (r >= 0 && fflush(stdout) == 0)
		return r;
	if (r >= 0) {
		report(REPORT_ERROR, "kbuild-agent: writing the result: %s", strerror(errno));
		return ERR_FAILED;
	}
	if (a->json) {
		buf_printf(&out, "{\"error\":{\"code\":%d,\"transient\":%s,\"message\":", e->code,
			e->transient ? "true" : "false");
		json_write_string(&out, e->msg, strlen(e->msg));
		printf("%s}}\n", buf_str(&out));
		fflush(stdout);
	} else {
		report(REPORT_ERROR, "kbuild-agent: %s", e->msg);
	}
	return e->code;
}

static const char *option(const struct verb_args *args, const char *name, const char *fallback)
{
	const char *value = verb_opt(args, name);

	return value ? value : fallback;
}

static int run_verb(
	struct agent *a, const struct verb *v, const struct verb_args *args, struct error *e)
{
	if (verb_answer_common(v, args))
		return 0;
	return v->run((struct ctx *)a, args, e);
}

int main(int argc, char **argv)
{
	_cleanup_(verb_args_freep) struct verb_args *args = NULL;
	const struct verb *verb = NULL;
	struct error e = { 0 };
	struct agent a = { .clock = &clock_real, .state_fd = -1 };
	int r;

	/* Started without standard descriptors, the first file opened would become one of them. */
	while ((r = open("/dev/null", O_RDWR)) >= 0 && r <= 2)
		;
	closep(&r);
	umask(077);
	interrupt_install();
	r = verb_parse(&args, &verb, argc, argv, &e);
	if (r < 0)
		return finish(&a, r, &e);
	a.json = verb_opt(args, "json") != NULL;
	a.verbose = verb_opt(args, "verbose") != NULL;
	a.config_path = option(args, "config", CONFIG);
	a.state_dir = option(args, "state", STATE);
	a.broker_path = option(args, "broker", BROKER);
	a.state_fd = open(a.state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = run_verb(&a, verb, args, &e);
	agent_stop_roles(&a);
	return finish(&a, r, &e);
}
