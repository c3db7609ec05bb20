/* kbuild dns: the records of a server, looked at or made right by its own agent. */
#include "arena.h"
#include "buf.h"
#include "console_text.h"
#include "ctx.h"
#include "error.h"
#include "provider.h"
#include "servers.h"
#include "verbs.h"

#include <string.h>

/* The statuses of the agent are those of ours, all documented. */
static bool is_ours(int status)
{
	return status <= ERR_CONFIRM || status == ERR_INTERRUPTED;
}

/* The last line of what was said, or "". */
static const char *last_line(const struct buf *said, struct arena *a)
{
	size_t end = said->len, begin;
	_buf_ clean = BUF_INIT;

	while (end > 0 && strchr("\r\n", said->data[end - 1]))
		end--;
	for (begin = end; begin > 0 && said->data[begin - 1] != '\n';)
		begin--;
	console_clean(buf_str(said) + begin, end - begin, &clean);
	return arena_strdup(a, buf_str(&clean));
}

/* It failed before the agent could say why: there is none, sudo refuses, or it was killed. */
static int failed(const struct server *s, int status, const struct server_output *said,
	struct arena *a, struct error *e)
{
	const char *line = last_line(said->err, a);

	return error_set(e, is_ours(status) ? status : ERR_FAILED,
		"the agent of the server '%s' gave no answer, and exit status %d%s%s", s->name,
		status, *line ? ": " : "", line);
}

static int run_dns(struct ctx *c, const struct verb_args *a, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	_cleanup_(servers_cloud_close) struct cloud cloud = {};
	const char *action = verb_arg(a, 0);
	const char *command[] = { "sudo", "-n", "kbuild-agent", "dns", action,
		c->json ? "--json" : NULL, NULL };
	_buf_ err = BUF_INIT;
	struct server_output said = { .err = &err };
	struct server s = {};
	int r;

	if (strcmp(action, "show") != 0 && strcmp(action, "sync") != 0)
		return error_set(e, ERR_USAGE, "dns: 'show' or 'sync', not '%s'", action);
	r = servers_open(c, a, verb_arg(a, 1), &cloud, arena, &s, e);
	if (r == 0)
		r = server_run(&cloud, &s, command, &said, 0, e);
	if (r == SERVER_UNREACHED) {
		server_unreached(&s, &said, e);
		return error_append(
			e, ": 'kbuild console %s%s' shows how it is", s.name, cloud.words);
	}
	/* Without --json an agent tells on standard error what went wrong, which was passed on. */
	if (r > 0 && (!is_ours(r) || (said.passed == 0 && (c->json || err.len == 0))))
		return failed(&s, r, &said, arena, e);
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
