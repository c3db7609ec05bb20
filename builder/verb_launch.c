/* kbuild launch: servers from a definition, built first when that is needed. */
#include "arena.h"
#include "buf.h"
#include "clock.h"
#include "ctx.h"
#include "definition.h"
#include "error.h"
#include "launch.h"
#include "launch_args.h"
#include "launch_left.h"
#include "plan_text.h"
#include "provider.h"
#include "verbs.h"

#include <inttypes.h>
#include <stdio.h>

static void print_servers(
	const struct ctx *c, const struct cloud *cloud, const struct server *v, unsigned n)
{
	_buf_ out = BUF_INIT;

	for (unsigned i = 0; i < n; i++) {
		if (n == 1 || !c->json) {
			server_print(c, cloud, &v[i]);
			continue;
		}
		buf_addc(&out, i ? ',' : '[');
		server_json(&v[i], &out);
	}
	if (out.len)
		printf("%s]\n", buf_str(&out));
}

static int run(struct ctx *c, const struct verb_args *a, bool dry, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	_cleanup_(definition_freep) struct definition *def = NULL;
	_cleanup_(servers_cloud_close) struct cloud cloud = {};
	struct launch_request q;
	struct launch_options o;
	struct error ignored = {};
	struct server *v;
	int64_t begin;
	int r = launch_args_read(a, arena, &q, &o, e);

	if (r == 0 && verb_arg(a, 0))
		r = servers_definition(c, verb_arg(a, 0), &def, e);
	if (r == 0)
		r = servers_cloud(c, a, def, &cloud, e);
	if (r == 0)
		r = launch_args_fit(a, &cloud, e);
	if (r < 0)
		return r;
	o.cloud = &cloud;
	o.def = def;
	if (dry)
		return plan_show(c, &o, arena, e);
	v = arena_alloc(arena, launch_count(&o) * sizeof *v);
	begin = clock_now_ms(c->clock);
	r = launch_run(c, &o, arena, v, e);
	if (r < 0 && c->json && e->code != ERR_USAGE && e->code != ERR_INVALID)
		launch_left_json(&o, arena, &c->error_members);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < launch_count(&o); i++) {
		/* What became of its records, its agent knows. */
		if (o.wait && def && def->dns)
			server_ask(&cloud, &v[i], arena);
		if (cloud.provider->cost)
			(void)cloud.provider->cost(&cloud, &v[i], arena, &v[i].cost, &ignored);
	}
	print_servers(c, &cloud, v, launch_count(&o));
	if (!c->json)
		printf("  %-10s%" PRId64 " s\n", "took", (clock_now_ms(c->clock) - begin) / 1000);
	return 0;
}

static int run_launch(struct ctx *c, const struct verb_args *a, struct error *e)
{
	return run(c, a, verb_opt(a, "dry-run") != NULL, e);
}

static const struct verb_option options[] = {
	LAUNCH_OPTIONS,
	{ "timeout", "TIME", "how long to wait until it is ready (10m)", 0 },
	{ "no-wait", NULL, "do not wait until it is ready", 0 },
	{ "keep", NULL, "let it go on starting when interrupted", 0 },
	{ "dry-run", NULL, "only say what would be made and what it costs, as 'kbuild plan'", 0 },
	{},
};

const struct verb verb_launch = {
	.name = "launch",
	.args = "[FILE]",
	.summary = "make a server from a definition and wait until it is ready",
	.max = 1,
	.options = options,
	.examples =
		"  kbuild launch images/demo.yaml --forward 8080:80\n"
		"  kbuild launch images/demo.yaml --name test --memory 4G --volume 20G\n"
		"  kbuild launch web.yaml --secrets web-secrets.yaml\n"
		"  kbuild launch web.yaml --cloud ovh --region GRA11 --flavor d2-2\n",
	.run = run_launch,
};

static int run_plan(struct ctx *c, const struct verb_args *a, struct error *e)
{
	return run(c, a, true, e);
}

static const struct verb_option plan_options[] = { LAUNCH_OPTIONS, {} };

const struct verb verb_plan = {
	.name = "plan",
	.args = "[FILE]",
	.summary = "say what a launch would make and what it costs; changes nothing",
	.max = 1,
	.options = plan_options,
	.examples =
		"  kbuild plan images/koprogo.yaml\n"
		"  kbuild plan web.yaml --cloud ovh --region GRA11 --flavor b3-8 --json\n",
	.run = run_plan,
};
