/* What a server says of itself: its agent over ssh, else the last word on its console. */
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "json.h"
#include "node.h"
#include "provider.h"
#include "readiness.h"
#include "servers.h"

/* Seconds where hardware helps; a server that is emulated and busy takes more than a minute. */
#define ASK_MS 120000

/* As one line, and only when it is an object: it is printed inside of ours. */
static const char *one_object(const char *text, size_t len, struct arena *a)
{
	struct error ignored = {};
	_buf_ out = BUF_INIT;
	struct node *doc;

	if (json_parse(&doc, a, "the agent's status", text, len, &ignored) < 0 ||
		doc->kind != NODE_MAP)
		return NULL;
	node_write_json(doc, 0, &out);
	while (out.len && out.data[out.len - 1] == '\n')
		out.data[--out.len] = '\0';
	return arena_strdup(a, buf_str(&out));
}

/* Whether it has answered. */
static bool read_status(const struct cloud *cloud, struct server *s, struct arena *a)
{
	_cleanup_(readiness_watch_free) struct readiness_watch w = READINESS_WATCH_INIT;
	struct error ignored = {};
	_buf_ text = BUF_INIT;
	uint64_t end;

	if (cloud->provider->console(cloud, s->name, s->console_offset, &text, &end, &ignored) != 0)
		return false;
	readiness_feed(&w, buf_str(&text), text.len);
	if (w.status)
		s->status = arena_strdup(a, w.status);
	return readiness_answered(&w);
}

static void ask_agent(const struct cloud *cloud, struct server *s, struct arena *a)
{
	static const char *const command[] = { "sudo", "-n", "kbuild-agent", "status", "--json",
		NULL };
	struct error why = {};
	_buf_ out = BUF_INIT;
	int r = server_run(cloud, s, command, &(struct server_output){ .out = &out }, ASK_MS, &why);

	if (r == 0)
		s->agent = one_object(buf_str(&out), out.len, a);
	if (s->agent)
		return;
	if (r < 0)
		s->unasked = arena_strdup(a, why.msg);
	else if (r == SERVER_UNREACHED)
		s->unasked = "it could not be reached by ssh";
	else
		s->unasked =
			arena_printf(a, "'kbuild-agent status' ended with exit status %d there", r);
}

void server_ask(const struct cloud *cloud, struct server *s, struct arena *a)
{
	bool booting = s->state == SERVER_BOOTING && !s->status;

	if (s->state != SERVER_RUNNING && s->state != SERVER_BOOTING)
		return;
	/* That no launch has waited so long does not mean that it is not up. */
	if (booting && read_status(cloud, s, a))
		s->state = SERVER_RUNNING;
	/* Only images of definitions have an agent. */
	if (s->definition && s->state == SERVER_RUNNING)
		ask_agent(cloud, s, a);
	if (!booting && !s->status && !s->agent)
		(void)read_status(cloud, s, a);
}
