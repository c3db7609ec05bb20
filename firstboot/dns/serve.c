/*
 * Whether the world sees it: the zone's name servers are asked themselves, not a resolver with a memory,
 * until all that answer give exactly what is wanted.
 */
#include "job.h"

#include "agent.h"
#include "arena.h"
#include "buf.h"
#include "clock.h"
#include "dns_wire.h"
#include "error.h"

#include <string.h>
#include <strings.h>

#define ROUND_MS 90000 /* so long served is waited for before it is published once more */

/* NULL: the reply gives what is wanted; else what differs. */
static const char *differs(const struct dns_job *j, const struct dns_wanted *w, const char *name,
	const struct dns_reply *reply)
{
	unsigned type = dns_type_number(w->type);
	bool right = false;

	if (reply->code != 0 && reply->code != 3)
		return arena_printf(
			j->arena, "answers for %s: %s", name, dns_code_text(reply->code));
	if (!reply->authoritative)
		return arena_printf(j->arena, "does not hold the zone of %s", name);
	for (size_t i = 0; i < reply->n; i++) {
		const struct dns_answer *a = &reply->answers[i];

		if (a->type == DNS_CNAME)
			return arena_printf(j->arena, "gives %s as a CNAME to %s", name, a->text);
		if (a->type != type || strcasecmp(a->name, name) != 0)
			continue;
		if (!w->address || !dns_address_equal(a->text, w->address))
			return arena_printf(
				j->arena, "still gives %s for %s (%s)", a->text, name, w->type);
		right = true;
	}
	if (w->address && !right)
		return arena_printf(j->arena, "does not give %s for %s yet", w->address, name);
	return NULL;
}

/* One server about all names, until something differs. */
static int ask_server(struct dns_job *j, struct dns_server *s, struct error *e)
{
	for (size_t i = 0; i < j->n_wanted; i++) {
		const struct dns_wanted *w = &j->wanted[i];
		const char *name = dns_full_name(j->arena, w->name, j->zone_name), *why;
		struct dns_question q = { s->name, name, dns_type_number(w->type) };
		struct dns_reply reply;
		_buf_ bytes = BUF_INIT;
		int r = j->exchange.ask(j->exchange.arg, &q, &bytes, e);

		if (r == -ERR_INTERRUPTED)
			return r;
		if (r < 0) {
			s->view = DNS_SILENT;
			s->why = arena_strdup(j->arena, e->msg);
			return 0;
		}
		why = "gives a reply that cannot be read";
		if (dns_reply_read(&reply, j->arena, buf_str(&bytes), bytes.len) == 0)
			why = differs(j, w, name, &reply);
		if (why) {
			s->view = DNS_DIFFERS;
			s->why = why;
			return 0;
		}
	}
	s->view = DNS_SERVES;
	s->why = "";
	return 0;
}

int dns_ask_servers(struct dns_job *j, struct error *e)
{
	struct dns_report *report = j->report;
	int r = j->servers ? 0 : j->provider->servers(j->zone, j->arena, &j->servers, e);

	if (r < 0)
		return r;
	report->n_servers = 0;
	while (j->servers[report->n_servers])
		report->n_servers++;
	if (report->n_servers == 0)
		return error_set(e, ERR_FAILED, "the zone %s has no name servers", j->zone_name);
	if (!report->servers)
		report->servers =
			arena_alloc(j->arena, report->n_servers * sizeof *report->servers);
	for (size_t i = 0; r == 0 && i < report->n_servers; i++) {
		report->servers[i].name = j->servers[i];
		r = ask_server(j, &report->servers[i], e);
	}
	return r;
}

static bool any_of(const struct dns_report *r, enum dns_view view)
{
	for (size_t i = 0; i < r->n_servers; i++)
		if (r->servers[i].view == view)
			return true;
	return false;
}

static bool any_differs(const struct dns_report *r)
{
	return any_of(r, DNS_DIFFERS);
}

/* Whether at least one answered, and all that did serve what is wanted. */
static bool served(const struct dns_report *r)
{
	return any_of(r, DNS_SERVES) && !any_differs(r);
}

static bool is_server(const struct dns_job *j, const char *name)
{
	for (size_t i = 0; j->servers[i]; i++) {
		size_t n = strlen(j->servers[i]);

		n -= n > 0 && j->servers[i][n - 1] == '.';
		if (strlen(name) == n && strncasecmp(j->servers[i], name, n) == 0)
			return true;
	}
	return false;
}

void dns_check_delegation(struct dns_job *j)
{
	const struct dns_question q = { NULL, j->zone_name, DNS_NS };
	struct error ignored = { 0 };
	const char *others = NULL;
	struct dns_reply reply;
	_buf_ bytes = BUF_INIT;

	/* Who says whom to ask knows where the zone is. */
	if (j->servers_given || j->exchange.ask(j->exchange.arg, &q, &bytes, &ignored) < 0 ||
		dns_reply_read(&reply, j->arena, buf_str(&bytes), bytes.len) < 0)
		return;
	for (size_t i = 0; i < reply.n; i++) {
		const char *name = reply.answers[i].text;

		if (reply.answers[i].type != DNS_NS)
			continue;
		/* One of them is enough: a list that is being changed, a hidden secondary. */
		if (is_server(j, name))
			return;
		others = others ? arena_printf(j->arena, "%s, %s", others, name) : name;
	}
	j->report->elsewhere = others;
}

int dns_ask_published(struct dns_job *j, struct error *e)
{
	struct error refused = { 0 };
	int r = j->provider->published(j->zone, &j->report->published, &refused);

	j->report->refused = r == DNS_REFUSED ? arena_strdup(j->arena, refused.msg) : NULL;
	if (r < 0)
		*e = refused;
	return r < 0 ? r : 0;
}

/*
 * Until the provider says that the zone is deployed; DNS_REFUSED, in report.refused, as soon as it says
 * that it will not be, from that time on.
 */
static int await_published(struct dns_job *j, int64_t believe, int64_t end, struct error *e)
{
	for (unsigned n = 1;; n++) {
		int r = dns_ask_published(j, e);

		if (r < 0 || j->report->published)
			return r;
		if (j->report->refused && clock_now_ms(j->agent->clock) >= believe)
			return DNS_REFUSED;
		if (clock_now_ms(j->agent->clock) >= end)
			return error_set(e, ERR_NETWORK,
				"the zone %s is not published after %d minutes", j->zone_name,
				DNS_BOUND_MS / 60000);
		dns_note(j, "waiting for %s to be published", j->zone_name);
		r = dns_pause(j, n, e);
		if (r < 0)
			return r;
	}
}

static int not_served(const struct dns_job *j, struct error *e)
{
	error_set(e, ERR_NETWORK, "the records of %s are written, but not served", j->zone_name);
	for (size_t i = 0; i < j->report->n_servers; i++)
		if (j->report->servers[i].view != DNS_SERVES)
			error_append(e, "%s %s %s", i ? ";" : ":", j->report->servers[i].name,
				j->report->servers[i].why);
	return -e->code;
}

/* 1: not within the time. */
static int await_served(struct dns_job *j, int64_t end, struct error *e)
{
	for (unsigned n = 1;; n++) {
		int r = dns_ask_servers(j, e);

		if (r < 0 || served(j->report))
			return r;
		if (clock_now_ms(j->agent->clock) >= end)
			return 1;
		dns_note(j, "waiting for the name servers of %s", j->zone_name);
		r = dns_pause(j, n, e);
		if (r < 0)
			return r;
	}
}

int dns_confirm(struct dns_job *j, struct error *e)
{
	int r = dns_ask_servers(j, e);

	/* Servers that say nothing are no reason to publish anything. */
	if (r == 0 && !served(j->report) && !any_differs(j->report)) {
		r = await_served(j, clock_now_ms(j->agent->clock) + ROUND_MS, e);
		if (r == 1 && !any_differs(j->report))
			return not_served(j, e);
	}
	if (r >= 0)
		r = dns_ask_published(j, e);
	return r < 0 ? r : any_differs(j->report);
}

/* Asks for it and waits for the end of it. */
static int refresh(struct dns_job *j, int64_t end, struct error *e)
{
	/* One at a time: what is asked for meanwhile is dropped there without a word. */
	int before = await_published(j, 0, end, e);
	int64_t believe = 0;
	int r = before < 0 ? before : j->provider->publish(j->zone, e);

	if (r < 0)
		return r;
	j->report->written = true;
	/* What was refused before may be read once more until the provider comes to ours. */
	if (before == DNS_REFUSED)
		believe = MIN(end, clock_now_ms(j->agent->clock) + ROUND_MS);
	r = await_published(j, believe, end, e);
	return r == DNS_REFUSED ? error_set(e, ERR_FAILED, "%s", j->report->refused) : r;
}

int dns_publish(struct dns_job *j, struct error *e)
{
	const struct clock *clock = j->agent->clock;
	int64_t end = clock_now_ms(clock) + DNS_BOUND_MS;

	for (;;) {
		int r = refresh(j, end, e);

		if (r == 0)
			r = await_served(j, MIN(end, clock_now_ms(clock) + ROUND_MS), e);
		if (r <= 0)
			return r;
		if (clock_now_ms(clock) >= end)
			return not_served(j, e);
	}
}
