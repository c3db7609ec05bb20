/*
 * A web hook: a POST in the form that its receiver reads. The generic form is for programs:
 *
 *   {"v":1,"server":"web-1","definition":"web","kind":"health","key":"health:disk:/","over":false,
 *    "at":1700000000,"subject":"…","text":"…"}
 */
#include "send.h"

#include "agent.h"
#include "alert.h"
#include "arena.h"
#include "buf.h"
#include "config.h"
#include "error.h"
#include "http.h"
#include "ipc.h"
#include "retry.h"

#include <string.h>

#define POST_MS 20000
/* Discord refuses more than 2000 characters, Slack cuts at 4000. */
#define CHAT_MAX 1900

static const char *url_of(const struct message *m)
{
	const char *url = message_secret(m, "webhook_url");

	return url ? url : m->agent->config->health.alert.webhook;
}

static bool wanted(const struct message *m)
{
	return url_of(m) != NULL;
}

static void write_generic(const struct message *m, struct buf *out)
{
	const struct alert_waiting *w = m->waiting;

	ipc_begin(out);
	ipc_add_int(out, "v", 1);
	ipc_add_str(out, "server", m->server);
	ipc_add_str(out, "definition", m->agent->config->name);
	ipc_add_str(out, "kind", w->alert.kind);
	ipc_add_str(out, "key", w->alert.key);
	ipc_add_bool(out, "over", w->over);
	ipc_add_int(out, "at", w->at);
	ipc_add_str(out, "subject", w->alert.subject);
	ipc_add_str(out, "text", w->alert.text ? w->alert.text : "");
	ipc_end(out);
}

static void write_chat(const struct message *m, const char *key, struct buf *out)
{
	_buf_ text = BUF_INIT;

	buf_printf(&text, "%s\n%.*s", message_subject(m), CHAT_MAX,
		m->waiting->alert.text ? m->waiting->alert.text : "");
	ipc_begin(out);
	ipc_add_str(out, key, buf_str(&text));
	ipc_end(out);
}

static void write_slack(const struct message *m, struct buf *out)
{
	write_chat(m, "text", out);
}

static void write_discord(const struct message *m, struct buf *out)
{
	write_chat(m, "content", out);
}

static const struct form {
	const char *name, *type;
	void (*write)(const struct message *m, struct buf *out);
	bool titled; /* what it is, stands in a header */
} forms[] = {
	{ "generic", "application/json", write_generic, false },
	{ "slack", "application/json", write_slack, false },
	{ "discord", "application/json", write_discord, false },
	{ "ntfy", "text/plain; charset=utf-8", message_text, true },
};

static const struct form *find_form(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(forms); i++)
		if (strcmp(forms[i].name, name) == 0)
			return &forms[i];
	return &forms[0];
}

/* One line of what a header may hold. */
static const char *header_text(struct arena *a, const char *s)
{
	char *copy = arena_strdup(a, s);

	for (char *p = copy; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
	return copy;
}

/* It, or who stands before it, takes nothing from us now. */
static bool busy(long status)
{
	return status == 429 || (status >= 502 && status <= 504);
}

static int send(const struct message *m, struct error *e)
{
	_cleanup_(http_response_free) struct http_response answer = HTTP_RESPONSE_INIT;
	const struct form *form = find_form(m->agent->config->health.alert.webhook_form);
	const char *token = message_secret(m, "webhook_token");
	const struct http http = agent_http(m->agent);
	struct http_header headers[5] = { { "Content-Type", form->type } };
	struct http_request q = { .method = "POST", .url = url_of(m), .timeout_ms = POST_MS };
	_buf_ body = BUF_INIT;
	size_t n = 1;
	char word[32];

	if (token)
		headers[n++] = (struct http_header){ "Authorization",
			arena_printf(m->arena, "Bearer %s", token) };
	if (form->titled) {
		headers[n++] =
			(struct http_header){ "Title", header_text(m->arena, message_subject(m)) };
		headers[n++] =
			(struct http_header){ "Priority", m->waiting->over ? "default" : "high" };
	}
	form->write(m, &body);
	q.headers = headers;
	q.body = buf_str(&body);
	q.body_len = body.len;
	/* The URL may be a secret, so the reason is told without it. */
	if (http_send(&http, &q, &answer, NULL, e) < 0)
		return error_set(e, ERR_NETWORK, "the web hook was not reached");
	if (answer.status < 300)
		return 0;
	/* A 500 may be this notice's own: it must not hold back the others. */
	return error_set(e, busy(answer.status) ? ERR_NETWORK : ERR_FAILED,
		"the web hook answers %s", http_status_text(answer.status, word));
}

const struct channel channel_webhook = { "webhook", wanted, send };
