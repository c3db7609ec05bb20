/* What a server's agent says of itself, for people. Its words are foreign: cleaned, cut, and none is needed. */
#include "arena.h"
#include "buf.h"
#include "console_text.h"
#include "error.h"
#include "json.h"
#include "node.h"
#include "servers.h"

#include <inttypes.h>
#include <string.h>

#define WORD_MAX    200
#define RECORDS_MAX 8

static const char *member(const struct node *doc, const char *path, struct arena *a)
{
	const char *value = node_str(node_path(doc, path));
	_buf_ clean = BUF_INIT;

	if (!value)
		return NULL;
	console_clean(value, MIN(strlen(value), WORD_MAX), &clean);
	return arena_strdup(a, buf_str(&clean));
}

/* Before there are records: the step of first boot that makes them. */
static const char *dns_step(const struct node *doc, struct arena *a)
{
	const struct node *steps = node_path(doc, "first_boot.steps");

	for (size_t i = 0; steps && steps->kind == NODE_LIST && i < steps->n; i++) {
		const char *step = node_str(node_get(steps->items[i], "step"));
		const char *note = member(steps->items[i], "note", a);
		const char *state = member(steps->items[i], "state", a);

		if (!step || strcmp(step, "dns") != 0 || !state)
			continue;
		return note && *note ? arena_printf(a, "%s: %s", state, note) : state;
	}
	return NULL;
}

/* "web.example.org A 203.0.113.7, …": the records that the agent made. */
static const char *dns_text(const struct node *doc, struct arena *a)
{
	const struct node *records = node_path(doc, "dns.records");
	const char *zone = member(doc, "dns.zone", a);
	bool published = true;
	_buf_ out = BUF_INIT;
	size_t n = records && records->kind == NODE_LIST ? records->n : 0;

	if (!zone || n == 0)
		return dns_step(doc, a);
	for (size_t i = 0; i < n && i < RECORDS_MAX; i++) {
		const char *name = member(records->items[i], "name", a);
		const char *type = member(records->items[i], "type", a);
		const char *target = member(records->items[i], "target", a);
		bool apex = !name || !*name || strcmp(name, "@") == 0;

		buf_printf(&out, "%s%s%s%s %s %s", i ? ", " : "", apex ? "" : name, apex ? "" : ".",
			zone, type ? type : "?", target ? target : "?");
	}
	if (n > RECORDS_MAX)
		buf_printf(&out, " and %zu more", n - RECORDS_MAX);
	if (node_is_bool(node_path(doc, "dns.published"), &published) && !published)
		buf_adds(&out, " (not published yet)");
	return arena_strdup(a, buf_str(&out));
}

static const char *revision(const struct node *doc, struct arena *a)
{
	const char *sha = member(doc, "app.good.sha", a), *state = member(doc, "app.state", a);

	if (!sha && !state)
		return NULL;
	return arena_printf(
		a, "%.12s%s%s", sha ? sha : "none yet", state ? ", " : "", state ? state : "");
}

static const char *backup(const struct node *doc, int64_t now, struct arena *a)
{
	const char *last = member(doc, "backup.last_good", a);
	_buf_ age = BUF_INIT;
	int64_t at = 0;

	if (!last)
		return node_path(doc, "backup.count") ? "none yet that is good" : NULL;
	if (!node_is_int(node_path(doc, "backup.at"), &at) || at <= 0)
		return last;
	age_text(now - at, &age);
	return arena_printf(a, "%s, %s ago", last, buf_str(&age));
}

static const char *drift(const struct node *doc, struct arena *a)
{
	int64_t n = 0;

	if (!node_is_int(node_path(doc, "drift.count"), &n))
		return NULL;
	if (n == 0)
		return "none";
	return arena_printf(a,
		n == 1 ? "%" PRId64 " package is not that of the image"
		       : "%" PRId64 " packages are not those of the image",
		n);
}

void server_agent_text(const char *agent, int64_t now, struct buf *out)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct error ignored = {};
	struct node *doc;

	if (!agent || json_parse(&doc, a, "the agent's status", agent, strlen(agent), &ignored) < 0)
		return;
	server_row(out, "agent", member(doc, "state", a));
	server_row(out, "revision", revision(doc, a));
	server_row(out, "backup", backup(doc, now, a));
	server_row(out, "dns", dns_text(doc, a));
	server_row(out, "drift", drift(doc, a));
}
