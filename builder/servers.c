/* Picking and showing servers. */
#include "servers.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "ctx.h"
#include "error.h"
#include "json.h"
#include "launch.h"
#include "mark.h"
#include "node.h"
#include "provider.h"
#include "readiness.h"
#include "verb.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char **names_of(const struct server *v, size_t n, struct arena *a)
{
	const char **names = arena_alloc(a, (n + 1) * sizeof *names);

	for (size_t i = 0; i < n; i++)
		names[i] = v[i].name;
	return names;
}

static int add_names(const char *const *names, struct error *e)
{
	for (size_t i = 0; names[i]; i++)
		error_append(e, "%s%s", i ? ", " : "", names[i]);
	return -e->code;
}

int servers_pick(const struct cloud *cloud, const char *name, struct arena *a, struct server *ret,
	struct error *e)
{
	const char **names, *near;
	struct server *v;
	size_t n;
	int r;

	if (name) {
		r = cloud->provider->find(cloud, name, a, ret, e);
		if (r != CLOUD_ABSENT)
			return r;
	}
	r = cloud->provider->list(cloud, a, &v, &n, e);
	if (r < 0)
		return r;
	names = names_of(v, n, a);
	if (!name && n == 1) {
		*ret = v[0];
		return 0;
	}
	if (n == 0)
		return error_set(e, ERR_FAILED,
			"there is no server%s%s%s; 'kbuild launch' makes one", name ? " '" : "",
			name ? name : "", name ? "'" : "");
	if (!name) {
		error_set(e, ERR_USAGE, "there are %zu servers, say which: ", n);
		return add_names(names, e);
	}
	near = nearest_word(name, names);
	error_set(e, ERR_FAILED, "there is no server '%s'; ", name);
	if (near)
		return error_append(e, "did you mean '%s'?", near);
	error_append(e, "there is: ");
	return add_names(names, e);
}

int servers_gone(const char *name, struct error *e)
{
	return error_set(e, ERR_FAILED, "the server '%s' was destroyed meanwhile", name);
}

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

void server_describe(const struct server *s, struct buf *out)
{
	_buf_ status = BUF_INIT;

	buf_printf(out, "server '%s' is %s", s->name, server_state_name(s->state));
	if (s->note)
		buf_printf(out, " (%s)", s->note);
	buf_addc(out, '\n');
	server_status_text(s, &status);
	if (status.len)
		buf_printf(out, "  %-10s%s\n", "status", buf_str(&status));
	if (s->definition)
		buf_printf(out, "  %-10s%s%s%.12s\n", "image", s->definition, s->image ? " " : "",
			s->image ? s->image : "");
	if (s->memory)
		buf_printf(out, "  %-10s%" PRIu64 " MiB, %u CPUs, %s\n", "machine", s->memory / MIB,
			s->cpus,
			strcmp(s->accel, "kvm") == 0 ? "hardware virtualisation (KVM)"
						     : "emulated (no KVM here: slow)");
	if (s->volume_size)
		buf_printf(out, "  %-10s%" PRIu64 " MiB\n", "volume", s->volume_size / MIB);
	if (s->ssh_port)
		buf_printf(out, "  %-10s%s, port %u for ssh\n", "address", s->address, s->ssh_port);
	describe_ports(s, out);
	if (s->state == SERVER_RUNNING || s->state == SERVER_BOOTING) {
		buf_printf(out, "  %-10skbuild ssh %s\n", "log in", s->name);
		buf_printf(out, "  %-10skbuild console %s -f\n", "console", s->name);
		buf_printf(out, "  %-10skbuild stop %s\n", "stop", s->name);
	} else if (s->state == SERVER_STOPPED) {
		buf_printf(out, "  %-10skbuild start %s\n", "start", s->name);
	}
	buf_printf(out, "  %-10skbuild destroy %s\n", "remove", s->name);
}

void server_print(const struct ctx *c, const struct server *s)
{
	_buf_ out = BUF_INIT;

	if (c->json) {
		server_json(s, &out);
		buf_addc(&out, '\n');
	} else {
		server_describe(s, &out);
	}
	fputs(buf_str(&out), stdout);
}
