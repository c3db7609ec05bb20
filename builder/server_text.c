/* A server for people, and for --json. */
#include "arena.h"
#include "buf.h"
#include "ctx.h"
#include "error.h"
#include "json.h"
#include "node.h"
#include "provider.h"
#include "readiness.h"
#include "servers.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

void server_status_text(const struct server *s, struct buf *out)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct error ignored = {};
	struct node *doc;
	const char *state;
	size_t len;

	/* What a stopped server said last is no longer so. */
	if (!s->status || (s->state != SERVER_RUNNING && s->state != SERVER_BOOTING) ||
		json_parse(&doc, a, "status", s->status, strlen(s->status), &ignored) < 0)
		return;
	state = node_str(node_get(doc, "state"));
	buf_adds(out, state ? state : "unknown");
	if (state && strcmp(state, "ready") == 0)
		return;
	buf_adds(out, ": ");
	len = out->len;
	status_doing(doc, out);
	if (out->len == len)
		status_reasons(doc, out);
	if (out->len == len)
		buf_adds(out, "it gave no reason");
}

static void describe_ports(const struct server *s, struct buf *out)
{
	for (size_t i = 0; i < s->n_forwards; i++) {
		const struct port_forward *f = &s->forwards[i];

		buf_printf(out, "  %-10s%s:%u -> port %u/%s of the server\n", i ? "" : "ports",
			f->address, f->host, f->guest, f->udp ? "udp" : "tcp");
	}
}

static void describe_machine(const struct server *s, struct arena *a, struct buf *out)
{
	if (s->region)
		server_row(out, "place",
			arena_printf(a, "%s%s%s", s->region, s->flavor ? ", flavor " : "",
				s->flavor ? s->flavor : ""));
	if (s->memory)
		server_row(out, "machine",
			arena_printf(a, "%" PRIu64 " MiB, %u CPUs%s%s", s->memory / MIB, s->cpus,
				s->accel ? ", " : "",
				!s->accel		       ? ""
				: strcmp(s->accel, "kvm") == 0 ? "hardware virtualisation (KVM)"
							       : "emulated (no KVM here: slow)"));
	if (s->volume_size)
		server_row(out, "volume", arena_printf(a, "%" PRIu64 " MiB", s->volume_size / MIB));
	if (s->address && s->accel)
		server_row(out, "address",
			arena_printf(a, "%s, port %u for ssh", s->address, s->ssh_port));
	else
		server_row(out, "address",
			arena_printf(a, "%s%s%s", s->v4 ? s->v4 : "", s->v4 && s->v6 ? ", " : "",
				s->v6 ? s->v6 : ""));
	server_row(
		out, "cost", s->cost ? arena_printf(a, "%s a month, before tax", s->cost) : NULL);
}

static void describe_verbs(const struct cloud *c, const struct server *s, struct buf *out)
{
	if (s->state == SERVER_RUNNING || s->state == SERVER_BOOTING) {
		buf_printf(out, "  %-10skbuild ssh %s%s\n", "log in", s->name, c->words);
		buf_printf(out, "  %-10skbuild console %s -f%s\n", "console", s->name, c->words);
		buf_printf(out, "  %-10skbuild stop %s%s\n", "stop", s->name, c->words);
	} else if (s->state == SERVER_STOPPED) {
		buf_printf(out, "  %-10skbuild start %s%s\n", "start", s->name, c->words);
	}
	buf_printf(out, "  %-10skbuild destroy %s%s\n", "remove", s->name, c->words);
}

void server_describe(const struct cloud *cloud, const struct server *s, struct buf *out)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_buf_ status = BUF_INIT;
	_buf_ age = BUF_INIT;

	buf_printf(out, "server '%s' is %s", s->name, server_state_name(s->state));
	if (s->note)
		buf_printf(out, " (%s)", s->note);
	buf_addc(out, '\n');
	server_status_text(s, &status);
	server_row(out, "status", buf_str(&status));
	if (s->definition || s->image)
		server_row(out, "image",
			arena_printf(a, "%s%s%.12s", s->definition ? s->definition : "",
				s->definition && s->image ? " " : "", s->image ? s->image : ""));
	if (s->created) {
		age_text((int64_t)time(NULL) - s->created, &age);
		server_row(out, "age", buf_str(&age));
	}
	describe_machine(s, a, out);
	describe_ports(s, out);
	server_agent_text(s->agent, (int64_t)time(NULL), out);
	if (!s->agent && s->unasked)
		server_row(out, "agent", arena_printf(a, "not asked: %s", s->unasked));
	describe_verbs(cloud, s, out);
}

void server_print(const struct ctx *c, const struct cloud *cloud, const struct server *s)
{
	_buf_ out = BUF_INIT;

	if (c->json) {
		server_json(s, &out);
		buf_addc(&out, '\n');
	} else {
		server_describe(cloud, s, &out);
	}
	fputs(buf_str(&out), stdout);
}
