/* kbuild logs: the journal of kbuild's units on a server; its console where ssh does not get in. */
#include "arena.h"
#include "buf.h"
#include "ctx.h"
#include "error.h"
#include "fd.h"
#include "json.h"
#include "progress.h"
#include "provider.h"
#include "servers.h"
#include "verbs.h"

#include <stdlib.h>
#include <string.h>

#define LINES_MAX 100000

/* It becomes a word of a shell on the server: only what units are named with. */
static bool is_unit(const char *name)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@._:-";

	return *name && *name != '-' && name[strspn(name, letters)] == '\0';
}

/* "gitops" is kbuild-gitops; "docker.service" and "kbuild-health" are themselves. */
static const char *unit_of(const char *name, struct arena *a)
{
	if (!name)
		return "'kbuild-*'";
	if (strchr(name, '.') || strncmp(name, "kbuild-", 7) == 0)
		return name;
	return arena_printf(a, "kbuild-%s", name);
}

/* Reading the journal takes root or the group adm: most images let their user be root. */
static const char *journal(const struct ctx *c, const struct verb_args *a, struct arena *arena)
{
	const char *lines = verb_opt(a, "lines");

	return arena_printf(arena,
		"S=; sudo -n true 2>/dev/null && S='sudo -n'; exec $S journalctl --no-pager -u %s -n %s -o %s%s",
		unit_of(verb_arg(a, 1), arena), lines ? lines : "200",
		c->json ? "json" : "short-iso", verb_opt(a, "follow") ? " -f" : "");
}

static int check(const struct verb_args *a, struct error *e)
{
	const char *unit = verb_arg(a, 1), *lines = verb_opt(a, "lines");
	char *end;

	if (unit && !is_unit(unit))
		return error_set(e, ERR_USAGE, "'%s' is not the name of a unit", unit);
	if (lines && (strtoul(lines, &end, 10) - 1 >= LINES_MAX || *end || *lines == '-'))
		return error_set(e, ERR_USAGE, "--lines '%s' must be a number from 1 to %d", lines,
			LINES_MAX);
	return 0;
}

/* All that the console still has. */
static int print_console(const struct ctx *c, const struct cloud *cloud, const struct server *s,
	const char *why, struct error *e)
{
	_buf_ text = BUF_INIT;
	_buf_ json = BUF_INIT;
	uint64_t end = 0;
	int r = cloud->provider->console(cloud, s->name, s->console_offset, &text, &end, e);

	if (r != 0)
		return r < 0 ? r : servers_gone(s->name, e);
	progress_note(c->progress, "%s; this is its console", why);
	if (c->json) {
		buf_adds(&json, "{\"console\":");
		json_write_string(&json, buf_str(&text), text.len);
		buf_adds(&json, "}\n");
	}
	r = c->json ? fd_write(STDOUT_FILENO, json.data, json.len)
		    : fd_write(STDOUT_FILENO, buf_str(&text), text.len);
	return r < 0 ? error_errno(e, r, "writing to standard output") : 0;
}

static int run_logs(struct ctx *c, const struct verb_args *a, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	_cleanup_(servers_cloud_close) struct cloud cloud = {};
	const char *command[] = { NULL, NULL };
	struct server_output said = {};
	struct error why = {};
	struct server s = {};
	int r = check(a, e);

	if (r == 0)
		r = servers_open(c, a, verb_arg(a, 0), &cloud, arena, &s, e);
	if (r < 0)
		return r;
	command[0] = journal(c, a, arena);
	r = server_run(&cloud, &s, command, &said, 0, &why);
	if (r < 0 && why.code == ERR_INTERRUPTED)
		return 0; /* Ctrl-C is how following ends */
	if (r == SERVER_UNREACHED)
		r = server_unreached(&s, &said, &why);
	/* A console behind a part of the journal would be taken for its end. */
	if (r < 0 && !said.passed)
		return print_console(c, &cloud, &s, why.msg, e);
	if (r < 0)
		*e = why;
	return r;
}

static const struct verb_option options[] = {
	{ "follow", NULL, "go on as it grows, until Ctrl-C", 'f' },
	{ "lines", "N", "the last so many (200)", 'n' },
	OPTION_CLOUD,
	{},
};

const struct verb verb_logs = {
	.name = "logs",
	.args = "[NAME [UNIT]]",
	.summary = "print the journal of kbuild's units on a server, or its console",
	.max = 2,
	.options = options,
	.examples =
		"  kbuild logs\n  kbuild logs web -f\n  kbuild logs web gitops\n"
		"  kbuild logs web docker.service -n 50\n",
	.run = run_logs,
};
