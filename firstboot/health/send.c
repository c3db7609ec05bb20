/*
 * See send.h. By which channels an alert went out is kept in STATE/alerts-sent.json until all have it: a
 * web hook that is down must not make the mail come every five minutes.
 */
#include "send.h"

#include "agent.h"
#include "alert.h"
#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "clock.h"
#include "config.h"
#include "credentials.h"
#include "error.h"
#include "http.h"
#include "interrupt.h"
#include "mark.h"
#include "node.h"
#include "report.h"
#include "self.h"
#include "state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SENT_STATE "alerts-sent.json"
#define PING_MS	   20000
/* No notice is begun after so long, below the unit's TimeoutStartSec=: the next run has its turn soon. */
#define SEND_MS 90000
/* A channel that failed for so long is given up for this alert; the others had it. */
#define GIVE_UP_S (INT64_C(24) * 3600)

static const struct mark nowhere = { 0 };
static const struct channel *const channels[] = { &channel_mail, &channel_webhook };

struct round {
	struct message message;
	struct alert_waiting *list;
	size_t n;
	struct node *sent; /* of those that wait, by which channels each went out */
	bool dead[ARRAY_SIZE(channels)];
};

const char *message_secret(const struct message *m, const char *key)
{
	return node_str(node_get(m->secrets, key));
}

const char *message_subject(const struct message *m)
{
	const struct alert *al = &m->waiting->alert;

	return arena_printf(
		m->arena, "%s: %s%s", m->server, m->waiting->over ? "over: " : "", al->subject);
}

void message_text(const struct message *m, struct buf *out)
{
	const struct alert *al = &m->waiting->alert;
	char when[64] = "";
	struct tm tm;
	time_t at = (time_t)m->waiting->at;

	if (gmtime_r(&at, &tm))
		strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S UTC", &tm);
	buf_printf(out, "%s%s\n\n", m->waiting->over ? "Over: " : "", al->subject);
	if (al->text && *al->text)
		buf_printf(out, "%s\n\n", al->text);
	buf_printf(out, "server: %s\n", m->server);
	if (strcmp(m->server, m->agent->config->name) != 0)
		buf_printf(out, "definition: %s\n", m->agent->config->name);
	buf_printf(out, "found by: %s\nat: %s\n", al->kind, when);
	if (!m->waiting->over)
		buf_adds(out, "\nOn the server: kbuild-agent status\n");
}

/* Where this notice is in the list of what went out. In the arena. */
static const char *mark_of(struct arena *a, const struct alert_waiting *w)
{
	return arena_printf(a, "%" PRId64 " %d %s", w->at, w->over, w->alert.key);
}

static bool went_by(const struct node *by, const char *channel)
{
	for (size_t i = 0; by && by->kind == NODE_LIST && i < by->n; i++)
		if (strcmp(node_str(by->items[i]) ? node_str(by->items[i]) : "", channel) == 0)
			return true;
	return false;
}

/* What of SENT is still of use: that of the notices that wait. */
static void recall_sent(struct round *r, const struct node *sent)
{
	r->sent = node_map(r->message.arena, &nowhere);
	for (size_t i = 0; i < r->n; i++) {
		const char *mark = mark_of(r->message.arena, &r->list[i]);
		const struct node *by = node_get(sent, mark);

		if (by && by->kind == NODE_LIST)
			node_set(r->message.arena, r->sent, &nowhere, mark,
				node_copy(r->message.arena, by));
	}
}

static void write_sent(struct round *r)
{
	struct error e = { 0 };
	_buf_ text = BUF_INIT;

	node_write_json(r->sent, 0, &text);
	if (state_insist(r->message.agent, SENT_STATE, &text, &e) < 0)
		report(REPORT_WARNING, "%s", e.msg);
}

static void add_sent(struct round *r, const char *mark, const char *channel)
{
	struct arena *a = r->message.arena;
	struct node *by = node_get(r->sent, mark);

	if (!by) {
		by = node_list(a, &nowhere);
		node_set(a, r->sent, &nowhere, mark, by);
	}
	node_append(a, by, node_scalar(a, &nowhere, channel, strlen(channel)));
}

/* By channel i, unless that is known to be dead. */
static bool try_channel(struct round *r, size_t i)
{
	struct error e = { 0 };

	if (r->dead[i])
		return false;
	if (channels[i]->send(&r->message, &e) >= 0)
		return true;
	/* What it costs to find that out, a whole minute, is paid once a round. */
	r->dead[i] = e.code == ERR_NETWORK || e.denied;
	report(REPORT_WARNING, "an alert was not sent by %s: %s", channels[i]->name, e.msg);
	return false;
}

/*
 * Tries the channels that have not had it; true when it need not be tried again. Each that had it is
 * written down at once, as long as there are others: those may take the time until this process is ended.
 */
static bool deliver(struct round *r, const char *mark)
{
	const struct message *m = &r->message;
	size_t wanted = 0, done = 0;

	for (size_t i = 0; i < ARRAY_SIZE(channels); i++)
		wanted += channels[i]->wanted(m);
	for (size_t i = 0; i < ARRAY_SIZE(channels) && !interrupted(); i++) {
		if (!channels[i]->wanted(m))
			continue;
		if (went_by(node_get(r->sent, mark), channels[i]->name)) {
			done++;
		} else if (try_channel(r, i)) {
			add_sent(r, mark, channels[i]->name);
			if (++done < wanted)
				write_sent(r);
		}
	}
	if (wanted == 0)
		report(REPORT_WARNING, "%s (nobody is told: kbuild.health.alert has no address)",
			message_subject(m));
	return done == wanted || (done > 0 && time(NULL) - m->waiting->at > GIVE_UP_S);
}

static void send_all(struct round *r)
{
	const struct clock *clock = r->message.agent->clock;
	const int64_t end = clock_now_ms(clock) + SEND_MS;
	size_t i;

	for (i = 0; i < r->n && !interrupted() && clock_now_ms(clock) < end; i++) {
		const char *mark = mark_of(r->message.arena, &r->list[i]);
		struct error e = { 0 };

		r->message.waiting = &r->list[i];
		if (!deliver(r, mark))
			continue;
		if (alert_sent(r->message.agent, &r->list[i], &e) < 0)
			report(REPORT_ERROR, "what was sent cannot be written down: %s", e.msg);
		else
			node_remove(r->sent, mark);
	}
	if (i < r->n)
		report(REPORT_NOTICE, "%zu alerts wait for the next run", r->n - i);
}

/* A sign of life for whoever watches from outside: only that one notices when this machine is gone. */
static void ping(struct agent *a, const struct message *m, size_t faults)
{
	_cleanup_(http_response_free) struct http_response answer = HTTP_RESPONSE_INIT;
	const struct http http = agent_http(a);
	const char *url = message_secret(m, "ping_url");
	char body[64];
	struct http_request q = { .method = "POST", .body = body, .timeout_ms = PING_MS };
	struct error e = { 0 };

	q.url = url ? url : a->config->health.alert.ping;
	/* A copy's would hide that the other one is gone. */
	if (!q.url || self_is_copy(a))
		return;
	snprintf(body, sizeof body, "%zu faults", faults);
	q.body_len = strlen(body);
	/* Its URL is a secret of a kind: who knows it can keep the switch from falling. */
	if (http_send(&http, &q, &answer, NULL, &e) < 0)
		report(REPORT_WARNING, "the dead man's switch was not reached");
	else if (answer.status >= 400)
		report(REPORT_WARNING, "the dead man's switch answers %ld", answer.status);
}

void send_waiting(struct agent *a, size_t faults)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	const struct node *sent = NULL;
	struct error e = { 0 };
	struct round r = {
		.message = { .agent = a, .arena = arena, .server = self_name(a, arena) },
	};

	if (credential_read(a, "alert", arena, &r.message.secrets, &e) < 0 ||
		alert_waiting(a, arena, &r.list, &r.n, &e) < 0 ||
		state_read(a, SENT_STATE, arena, &sent, &e) < 0) {
		report(REPORT_ERROR, "alerts cannot be sent: %s", e.msg);
		return;
	}
	/* First: it says that this server looks after itself, however long the rest takes. */
	if (!interrupted())
		ping(a, &r.message, faults);
	recall_sent(&r, sent);
	send_all(&r);
	if (r.sent->n > 0 || sent)
		write_sent(&r);
}
