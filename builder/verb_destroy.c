/* kbuild destroy: removes a server and all it holds, once that was said clearly. */
#include "arena.h"
#include "buf.h"
#include "ctx.h"
#include "error.h"
#include "json.h"
#include "launch.h"
#include "progress.h"
#include "provider.h"
#include "servers.h"
#include "verbs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What goes with it. */
static void losses(const struct server *s, struct buf *out)
{
	buf_printf(
		out, "the server '%s' (%s), its root disk", s->name, server_state_name(s->state));
	if (s->volume_size)
		buf_printf(out, ", its data volume (%" PRIu64 " MiB)", s->volume_size / MIB);
	buf_adds(out, " and its console log");
}

/* Asks on a terminal; elsewhere --yes is the only way. */
static int confirm(const struct server *s, struct error *e)
{
	_buf_ what = BUF_INIT;
	char answer[16] = "";

	losses(s, &what);
	if (!isatty(0))
		return error_set(e, ERR_CONFIRM,
			"this would remove %s, with all data on it, for good: say so with --yes",
			buf_str(&what));
	fprintf(stderr, "This removes %s, with all data on it, for good.\nGo on? [y/N] ",
		buf_str(&what));
	if (fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
		return 0;
	return error_set(e, ERR_CONFIRM, "not confirmed: nothing was removed");
}

static int run_destroy(struct ctx *c, const struct verb_args *a, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct cloud cloud = ctx_cloud(c);
	const struct provider *p;
	_buf_ out = BUF_INIT;
	struct server s = {};
	int r = servers_provider(a, &p, e);

	if (r == 0)
		r = servers_pick(c, p, verb_arg(a, 0), arena, &s, e);
	if (r == 0 && !verb_opt(a, "yes"))
		r = confirm(&s, e);
	if (r < 0)
		return r;
	progress_begin(c->progress, "removing the server", NULL, 0);
	r = p->destroy(&cloud, s.name, e);
	if (r < 0)
		return r;
	progress_end(c->progress, NULL);
	json_write_string(&out, s.name, strlen(s.name));
	if (c->json)
		printf("{\"name\":%s,\"destroyed\":true}\n", buf_str(&out));
	else
		printf("server '%s' is gone\n", s.name);
	return 0;
}

static const struct verb_option options[] = {
	{ "yes", NULL, "do not ask", 'y' },
	OPTION_CLOUD,
	{},
};

const struct verb verb_destroy = {
	.name = "destroy",
	.args = "[NAME]",
	.summary = "remove a server with its disks, for good",
	.max = 1,
	.options = options,
	.examples = "  kbuild destroy web\n  kbuild destroy web --yes\n",
	.run = run_destroy,
};
