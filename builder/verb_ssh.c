/* kbuild ssh: becomes ssh, with the right port, user, keys and host keys. */
#include "arena.h"
#include "buf.h"
#include "ctx.h"
#include "error.h"
#include "json.h"
#include "process.h"
#include "provider.h"
#include "servers.h"
#include "verbs.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static void print_json(const char *const *argv)
{
	_buf_ out = BUF_INIT;

	for (size_t i = 0; argv[i]; i++) {
		buf_adds(&out, i ? "," : "{\"command\":[");
		json_write_string(&out, argv[i], strlen(argv[i]));
	}
	printf("%s]}\n", buf_str(&out));
}

static int run_ssh(struct ctx *c, const struct verb_args *a, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	const char **command = arena_alloc(arena, (verb_arg_count(a) + 1) * sizeof *command);
	_cleanup_(servers_cloud_close) struct cloud cloud = {};
	const char **argv;
	struct server s = {};
	int r = servers_open(c, a, verb_arg(a, 0), &cloud, arena, &s, e);

	if (r < 0)
		return r;
	for (size_t i = 1; i < verb_arg_count(a); i++)
		command[i - 1] = verb_arg(a, i);
	if (s.state != SERVER_RUNNING && s.state != SERVER_BOOTING)
		return error_set(e, ERR_FAILED, "the server '%s' is %s: 'kbuild start %s%s' first",
			s.name, server_state_name(s.state), s.name, cloud.words);
	if (!program_exists("ssh"))
		return error_set(e, ERR_FAILED,
			"the program 'ssh' is not installed: install the package openssh-client");
	r = server_ssh(&cloud, &s, 0, arena, command, &argv, e);
	if (r < 0)
		return r;
	if (c->json) {
		print_json(argv);
		return 0;
	}
	/* What is ignored stays ignored over exec; ssh wants its pipes to break as everybody's. */
	signal(SIGPIPE, SIG_DFL);
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	return error_errno(e, errno, "starting ssh");
}

static const struct verb_option options[] = { OPTION_CLOUD, {} };

const struct verb verb_ssh = {
	.name = "ssh",
	.args = "[NAME [-- COMMAND…]]",
	.summary = "log in to a server, or run a command there",
	.max = -1,
	.options = options,
	.examples =
		"  kbuild ssh\n  kbuild ssh web -- systemctl --failed\n"
		"  kbuild ssh web --json          (only print the ssh command)\n",
	.run = run_ssh,
};
