/*
 * Calls the conductor's side of the repository (git/client.h) as a verb does, roles and confinement
 * included: git_tool CONFIG STATE OPERATION [ARGUMENT...]. Prints one line of JSON, and the exit status of
 * a failure. Several operations, separated by "--", are one run.
 */
#include "agent.h"
#include "arena.h"
#include "buf.h"
#include "client.h"
#include "clock.h"
#include "config.h"
#include "error.h"
#include "interrupt.h"
#include "ipc.h"
#include "role.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct call {
	struct agent *a;
	char **args;
	int n;
	struct buf *out;
	struct error *e;
};

static const char *arg(const struct call *c, int i)
{
	return i < c->n && strcmp(c->args[i], "-") != 0 ? c->args[i] : NULL;
}

static int do_check(struct call *c)
{
	char tip[REPO_SHA];
	int r = repo_check(c->a, arg(c, 0), tip, c->e);

	if (r < 0)
		return r;
	ipc_add_str(c->out, "tip", tip);
	ipc_add_bool(c->out, "unchanged", r == REPO_UNCHANGED);
	return 0;
}

static int do_fetch(struct call *c)
{
	char tip[REPO_SHA];
	int r = repo_fetch(c->a, tip, c->e);

	if (r >= 0)
		ipc_add_str(c->out, "tip", tip);
	return r;
}

static int do_relation(struct call *c)
{
	static const char *const words[] = { "equal", "descendant", "ancestor", "diverged" };
	enum repo_relation relation;
	int r = repo_relation(c->a, arg(c, 0), arg(c, 1), &relation, c->e);

	if (r >= 0)
		ipc_add_str(c->out, "relation", words[relation]);
	return r;
}

static int do_verify(struct call *c)
{
	static const char *const words[] = { "good", "unsigned", "untrusted" };
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	const char *who = NULL;
	int r = repo_verify(c->a, arg(c, 0), arena, &who, c->e);

	if (r < 0)
		return r;
	ipc_add_str(c->out, "outcome", words[r]);
	ipc_add_str(c->out, "who", who);
	return 0;
}

static int do_describe(struct call *c)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct repo_commit commit;
	int r = repo_describe(c->a, arg(c, 0), arena, &commit, c->e);

	if (r < 0)
		return r;
	ipc_add_str(c->out, "subject", commit.subject);
	ipc_add_str(c->out, "author", commit.author);
	ipc_add_int(c->out, "time", commit.time);
	return 0;
}

static int do_write(struct call *c)
{
	return repo_write_release(c->a, arg(c, 0), c->e);
}

static int do_good(struct call *c)
{
	return repo_mark_good(c->a, arg(c, 0), c->e);
}

static int do_gc(struct call *c)
{
	const char *keep[16] = { NULL };

	for (int i = 0; i < c->n && i < 15; i++)
		keep[i] = c->args[i];
	return repo_gc(c->a, keep, c->e);
}

/* A message to the git role as it is: for limits, and for what no client would send. */
static int do_raw(struct call *c)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	_buf_ q = BUF_INIT;

	buf_adds(&q, c->args[0]);
	return role_call(c->a->git, &q, NULL, 0, 30000, &m, c->e);
}

static const struct {
	const char *name;
	int args; /* at least */
	int (*run)(struct call *c);
} calls[] = {
	{ "check", 0, do_check },
	{ "describe", 1, do_describe },
	{ "fetch", 0, do_fetch },
	{ "gc", 0, do_gc },
	{ "good", 1, do_good },
	{ "raw", 1, do_raw },
	{ "relation", 2, do_relation },
	{ "verify", 1, do_verify },
	{ "write", 1, do_write },
};

static int call(struct agent *a, char **args, int n)
{
	struct error e = { 0 };
	_buf_ out = BUF_INIT;
	struct call c = { a, args + 1, n - 1, &out, &e };
	int r = error_set(&e, ERR_USAGE, "there is no such operation");

	ipc_begin(&out);
	for (size_t i = 0; n > 0 && i < ARRAY_SIZE(calls); i++) {
		if (strcmp(calls[i].name, args[0]) == 0 && c.n >= calls[i].args) {
			e = (struct error){ 0 };
			r = calls[i].run(&c);
		}
	}
	if (r < 0) {
		ipc_add_int(&out, "error", e.code);
		ipc_add_bool(&out, "transient", e.transient);
		ipc_add_str(&out, "message", e.msg);
	}
	ipc_end(&out);
	puts(buf_str(&out));
	fflush(stdout);
	return r < 0 ? e.code : 0;
}

static int start(struct agent *a, struct agent_config **config, struct error *e)
{
	int r = agent_config_load(config, a->config_path, e);

	if (r < 0)
		return r;
	a->config = *config;
	a->state_fd = open(a->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return agent_start_roles(a, AGENT_GIT, e);
}

int main(int argc, char **argv)
{
	_cleanup_(agent_config_freep) struct agent_config *config = NULL;
	struct agent a = { .clock = &clock_real, .state_fd = -1 };
	struct error e = { 0 };
	int status = 0;

	if (argc < 4)
		return ERR_USAGE;
	umask(077);
	interrupt_install();
	a.config_path = argv[1];
	a.state_dir = argv[2];
	a.broker_path = "/nonexistent";
	if (start(&a, &config, &e) < 0) {
		fprintf(stderr, "git_tool: %s\n", e.msg);
		return 1;
	}
	for (int i = 3, n; i < argc; i += n + 1) {
		for (n = 0; i + n < argc && strcmp(argv[i + n], "--") != 0; n++)
			;
		status = call(&a, argv + i, n);
		if (status)
			break;
	}
	agent_stop_roles(&a);
	return status;
}
