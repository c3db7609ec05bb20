/* kbuild list: all servers, one a line, and the data volumes that others have left. */
#include "arena.h"
#include "buf.h"
#include "ctx.h"
#include "error.h"
#include "provider.h"
#include "servers.h"
#include "verbs.h"

#include <inttypes.h>
#include <stdio.h>
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
		_buf_ line = BUF_INIT;

		if (s->created)
			age_text((int64_t)time(NULL) - s->created, &age);
		if (s->region)
			buf_printf(&ports, "%s", s->address ? s->address : "");
		else
			add_ports(s, &ports);
		server_status_text(s, &status);
		buf_printf(&line, "%-20s %-9s %-20s %-9s %-22s %s", s->name,
			server_state_name(s->state), s->definition ? s->definition : "-",
			buf_str(&age), buf_str(&ports),
			status.len ? buf_str(&status)
			: s->note  ? s->note
				   : "");
		buf_trim(&line);
		printf("%s\n", buf_str(&line));
	}
}

/* Nothing else shows them, and on a cloud they cost. */
static void print_kept(const struct cloud *cloud, const struct server_list *l)
{
	printf("data volumes of servers that are gone; the next launch of that name uses it, "
	       "'kbuild destroy NAME --with-data%s' removes it:\n",
		cloud->words);
	for (size_t i = 0; i < l->n_kept; i++) {
		const struct kept_volume *v = &l->kept[i];

		printf("%-20s %6" PRIu64 " MiB  %s", v->server, v->size / MIB,
			v->region ? v->region : v->path);
		if (v->copy)
			printf("  (a copy, '%s', which destroy leaves)", v->copy);
		printf("\n");
	}
}

static void print_people(const struct cloud *cloud, const struct server_list *l)
{
	if (l->n == 0 && l->partial)
		printf("there is no server in the regions that answered\n");
	else if (l->n == 0)
		printf("there is no server; 'kbuild launch' makes one\n");
	else
		print_table(l->servers, l->n);
	if (l->n_kept) {
		printf("\n");
		print_kept(cloud, l);
	}
}

static void print_json(const struct server_list *l, bool volumes)
{
	size_t n = volumes ? l->n_kept : l->n;
	_buf_ out = BUF_INIT;

	for (size_t i = 0; i < n; i++) {
		buf_addc(&out, i ? ',' : '[');
		if (volumes)
			kept_volume_json(&l->kept[i], &out);
		else
			server_json(&l->servers[i], &out);
	}
	printf("%s]\n", n ? buf_str(&out) : "[");
}

/* Of servers as of volumes an array, so that neither surprises who has asked for the other. */
static int run_list(struct ctx *c, const struct verb_args *a, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	_cleanup_(servers_cloud_close) struct cloud cloud = {};
	bool volumes = verb_opt(a, "volumes");
	struct server_list l = {};
	int r = servers_cloud(c, a, NULL, &cloud, e);

	if (r == 0)
		r = cloud.provider->list(&cloud, arena, &l, e);
	if (r < 0)
		return r;
	/* A program would take what is missing for gone. */
	if (l.lacks && (volumes || (c->json && l.partial)))
		return error_set(e, ERR_NETWORK, "%s", l.lacks);
	if (c->json)
		print_json(&l, volumes);
	else if (!volumes)
		print_people(&cloud, &l);
	else if (l.n_kept)
		print_kept(&cloud, &l);
	else
		printf("there is no data volume of a server that is gone\n");
	servers_lack(c, l.lacks);
	return 0;
}

static const struct verb_option options[] = {
	{ "volumes", NULL, "list the data volumes of servers that are gone", 0 },
	OPTION_CLOUD,
	{},
};

const struct verb verb_list = {
	.name = "list",
	.args = "",
	.summary = "list the servers, and data volumes whose server is gone",
	.options = options,
	.examples = "  kbuild list\n  kbuild list --json\n  kbuild list --volumes --json\n",
	.run = run_list,
};
