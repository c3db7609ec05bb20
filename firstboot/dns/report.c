/* What was found and done, for people and for programs. */
#include "dns.h"

#include "buf.h"
#include "ipc.h"

#include <inttypes.h>
#include <string.h>

static const struct {
	const char *done, *todo; /* the words of dns_sync() and of dns_show(), as both are told */
} acts[] = {
	[DNS_KEEP] = { "kept", "right" },
	[DNS_CREATE] = { "created", "missing" },
	[DNS_UPDATE] = { "changed", "different" },
	[DNS_DELETE] = { "removed", "too many" },
};

static const char *const views[] = {
	[DNS_SERVES] = "serves",
	[DNS_DIFFERS] = "differs",
	[DNS_SILENT] = "silent",
};

static const char *act_word(const struct dns_report *r, enum dns_act act)
{
	return r->written ? acts[act].done : acts[act].todo;
}

static void change_json(const struct dns_report *r, const struct dns_change *c, struct buf *out)
{
	_buf_ m = BUF_INIT;

	ipc_begin(&m);
	ipc_add_str(&m, "name", *c->record.name ? c->record.name : "@");
	ipc_add_str(&m, "type", c->record.type);
	ipc_add_str(&m, "target", c->record.target);
	ipc_add_int(&m, "ttl", c->record.ttl);
	ipc_add_int(&m, "id", c->record.id);
	ipc_add_str(&m, "state", act_word(r, c->act));
	ipc_add_str(&m, "was", c->was);
	ipc_end(&m);
	buf_adds(out, buf_str(&m));
}

static void server_json(const struct dns_server *s, struct buf *out)
{
	_buf_ m = BUF_INIT;

	ipc_begin(&m);
	ipc_add_str(&m, "name", s->name);
	ipc_add_str(&m, "state", views[s->view]);
	ipc_add_str(&m, "why", *s->why ? s->why : NULL);
	ipc_end(&m);
	buf_adds(out, buf_str(&m));
}

void dns_report_json(const struct dns_report *r, struct buf *out)
{
	_buf_ list = BUF_INIT;

	ipc_begin(out);
	ipc_add_str(out, "zone", r->zone);
	ipc_add_bool(out, "written", r->written);
	ipc_add_bool(out, "published", r->published);
	ipc_add_str(out, "refused", r->refused);
	ipc_add_str(out, "ipv4", r->ipv4);
	ipc_add_str(out, "ipv6", r->ipv6);
	buf_addc(&list, '[');
	for (size_t i = 0; i < r->changes.n; i++) {
		buf_adds(&list, i ? "," : "");
		change_json(r, &r->changes.v[i], &list);
	}
	buf_addc(&list, ']');
	ipc_add(out, "records", buf_str(&list));
	buf_reset(&list);
	buf_addc(&list, '[');
	for (size_t i = 0; i < r->n_servers; i++) {
		buf_adds(&list, i ? "," : "");
		server_json(&r->servers[i], &list);
	}
	buf_addc(&list, ']');
	ipc_add(out, "servers", buf_str(&list));
	ipc_add_str(out, "elsewhere", r->elsewhere);
	ipc_end(out);
}

void dns_report_text(const struct dns_report *r, struct buf *out)
{
	buf_printf(out, "%s: this server is %s%s%s\n", r->zone, r->ipv4 ? r->ipv4 : "",
		r->ipv4 && r->ipv6 ? " and " : "", r->ipv6 ? r->ipv6 : "");
	for (size_t i = 0; i < r->changes.n; i++) {
		const struct dns_change *c = &r->changes.v[i];

		buf_printf(out, "  %-9s %-20s %-4s %s (ttl %" PRId64 ")", act_word(r, c->act),
			*c->record.name ? c->record.name : "@", c->record.type, c->record.target,
			c->record.ttl);
		if (c->was && strcmp(c->was, c->record.target) != 0)
			buf_printf(out, ", was %s", c->was);
		buf_addc(out, '\n');
	}
	for (size_t i = 0; i < r->n_servers; i++)
		buf_printf(out, "  %-9s %s%s%s\n", views[r->servers[i].view], r->servers[i].name,
			*r->servers[i].why ? ": " : "", r->servers[i].why);
	if (r->elsewhere)
		buf_printf(out,
			"  warning: the world asks %s for %s, where these records are not: let the domain's "
			"registration name the servers above\n",
			r->elsewhere, r->zone);
	if (!r->published)
		buf_printf(out, "  the zone has changes that are not published yet%s%s\n",
			r->refused ? ": " : "", r->refused ? r->refused : "");
}
