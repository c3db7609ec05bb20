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
#include "config.h"
#include "credentials.h"
#include "error.h"
#include "http.h"
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
/* A channel that failed for so long is given up for this alert; the others had it. */
#define GIVE_UP_S (INT64_C(24) * 3600)

static const struct channel *const channels[] = { &channel_mail, &channel_webhook };

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

static bool went_by(const struct node *sent, const char *mark, const char *channel)
{
	const struct node *list = node_get(sent, mark);

	for (size_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++)
		if (strcmp(node_str(list->items[i]) ? node_str(list->items[i]) : "", channel) == 0)
			return true;
	return false;
}

/* Tries the channels that have not had it; true when it need not be tried again. */
static bool deliver(const struct message *m, const struct node *sent, struct node *list)
{
	static const struct mark nowhere = { 0 };
	const char *mark = mark_of(m->arena, m->waiting);
	size_t wanted = 0, done = 0;

	for (size_t i = 0; i < ARRAY_SIZE(channels); i++) {
		const struct channel *c = channels[i];
		struct error e = { 0 };

		if (!c->wanted(m))
			continue;
		wanted++;
		if (!went_by(sent, mark, c->name) && c->send(m, &e) < 0) {
			report(REPORT_WARNING, "an alert was not sent by %s: %s", c->name, e.msg);
			continue;
		}
		done++;
		node_append(
			m->arena, list, node_scalar(m->arena, &nowhere, c->name, strlen(c->name)));
	}
	if (wanted == 0)
		report(REPORT_WARNING, "%s (nobody is told: kbuild.health.alert has no address)",
			message_subject(m));
	return done == wanted || (done > 0 && time(NULL) - m->waiting->at > GIVE_UP_S);
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
	static const struct mark nowhere = { 0 };
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct node *kept = node_map(arena, &nowhere);
	const struct node *sent = NULL;
	struct alert_waiting *list = NULL;
	struct error e = { 0 };
	struct message m = { .agent = a, .arena = arena, .server = self_name(a, arena) };
	_buf_ text = BUF_INIT;
	size_t n = 0;

	if (credential_read(a, "alert", arena, &m.secrets, &e) < 0 ||
		alert_waiting(a, arena, &list, &n, &e) < 0 ||
		state_read(a, SENT_STATE, arena, &sent, &e) < 0) {
		report(REPORT_ERROR, "alerts cannot be sent: %s", e.msg);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		struct node *by = node_list(arena, &nowhere);

		m.waiting = &list[i];
		if (!deliver(&m, sent, by))
			node_set(arena, kept, &nowhere, mark_of(arena, &list[i]), by);
		else if (alert_sent(a, &list[i], &e) < 0)
			report(REPORT_ERROR, "what was sent cannot be written down: %s", e.msg);
	}
	node_write_json(kept, 0, &text);
	if ((kept->n > 0 || sent) && state_insist(a, SENT_STATE, &text, &e) < 0)
		report(REPORT_WARNING, "%s", e.msg);
	ping(a, &m, faults);
}
