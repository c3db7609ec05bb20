/* kbuild list: all servers, one a line. */
#include "arena.h"
#include "buf.h"
#include "ctx.h"
#include "error.h"
#include "provider.h"
#include "servers.h"
#include "verbs.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static void add_ports(const struct server *s, struct buf *out)
{
	if (s->ssh_port)
		buf_printf(out, "%u->22", s->ssh_port);
	for (size_t i = 0; i < s->n_forwards; i++)
		buf_printf(out, " %u->%u%s", s->forwards[i].host, s->forwards[i].guest,
			s->forwards[i].udp ? "/udp" : "");
}

static void print_table(const struct server *v, size_t n)
{
	printf("%-20s %-9s %-20s %-9s %-22s %s\n", "NAME", "STATE", "IMAGE", "AGE", "REACHED BY",
		"STATUS");
	for (size_t i = 0; i < n; i++) {
		const struct server *s = &v[i];
		_buf_ age = BUF_INIT;
		_buf_ ports = BUF_INIT;
		_buf_ status = BUF_INIT;

		if (s->created)
			age_text((int64_t)time(NULL) - s->created, &age);
		if (s->region)
			buf_printf(&ports, "%s", s->address ? s->address : "");
		else
			add_ports(s, &ports);
		server_status_text(s, &status);
		printf("%-20s %-9s %-20s %-9s %-22s %s\n", s->name, server_state_name(s->state),
			s->definition ? s->definition : "-", buf_str(&age), buf_str(&ports),
			status.len ? buf_str(&status)
			: s->note  ? s->note
				   : "");
	}
}

static int run_list(struct ctx *c, const struct verb_args *a, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	_cleanup_(servers_cloud_close) struct cloud cloud = {};
	_buf_ out = BUF_INIT;
	struct server *v = NULL;
	size_t n = 0;
	int r = servers_cloud(c, a, NULL, &cloud, e);

	if (r == 0)
		r = cloud.provider->list(&cloud, arena, &v, &n, e);
	if (r < 0)
		return r;
	if (c->json) {
		for (size_t i = 0; i < n; i++) {
			buf_addc(&out, i ? ',' : '[');
			server_json(&v[i], &out);
		}
		printf("%s]\n", n ? buf_str(&out) : "[");
	} else if (n == 0) {
		printf("there is no server; 'kbuild launch' makes one\n");
	} else {
		print_table(v, n);
	}
	return 0;
}

static const struct verb_option options[] = { OPTION_CLOUD, {} };

const struct verb verb_list = {
	.name = "list",
	.args = "",
	.summary = "list the servers",
	.options = options,
	.examples = "  kbuild list\n  kbuild list --json\n",
	.run = run_list,
};
