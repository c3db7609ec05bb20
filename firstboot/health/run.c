/*
 * One run: look, judge against the last runs, write down, tell. What is written comes before what is told:
 * killed between the two, the next run finds an alert that waits.
 */
#include "health.h"

#include "alert.h"
#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "checks.h"
#include "config.h"
#include "error.h"
#include "ipc.h"
#include "json.h"
#include "metrics.h"
#include "node.h"
#include "report.h"
#include "self.h"
#include "send.h"
#include "state.h"
#include "verdict.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define FAULT_KEY "health:%s"

static const char *const verdicts[] = { "unknown", "good", "bad" };

/* The record of a check in the state of the last run, or NULL. */
static const struct node *record(const struct node *before, const char *name)
{
	const struct node *list = node_get(before, "checks");

	for (size_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++) {
		const char *have = node_str(node_get(list->items[i], "name"));

		if (have && strcmp(have, name) == 0)
			return list->items[i];
	}
	return NULL;
}

static struct watch recall(const struct node *before, const char *name)
{
	const struct node *n = record(before, name);
	const char *recent = node_str(node_get(n, "recent"));
	struct watch w = { .bad = false };

	if (recent && strlen(recent) <= VERDICT_WINDOW && recent[strspn(recent, "gb")] == '\0')
		strcpy(w.recent, recent); /* its length was just checked */
	(void)node_is_bool(node_get(n, "fault"), &w.bad);
	(void)node_is_int(node_get(n, "since"), &w.since);
	(void)node_is_int(node_get(n, "told"), &w.told);
	return w;
}

static void write_check(const struct finding *f, const struct watch *w, struct buf *list)
{
	_buf_ one = BUF_INIT;

	ipc_begin(&one);
	ipc_add_str(&one, "name", f->name);
	ipc_add_str(&one, "now", verdicts[f->verdict]);
	ipc_add_str(&one, "text", f->text);
	if (f->has_value)
		buf_printf(&one, ",\"value\":%.10g", f->value);
	ipc_add_bool(&one, "fault", w->bad);
	ipc_add_int(&one, "since", w->since);
	ipc_add_int(&one, "told", w->told);
	ipc_add_str(&one, "recent", w->recent);
	ipc_end(&one);
	buf_printf(list, "%s%s", list->len ? "," : "", buf_str(&one));
}

/* How often each container was restarted: the next run compares. */
static void write_restarts(const struct findings *found, struct buf *json)
{
	static const char prefix[] = "container:";
	_buf_ map = BUF_INIT;

	ipc_begin(&map);
	for (size_t i = 0; i < found->n; i++)
		if (strncmp(found->v[i].name, prefix, sizeof prefix - 1) == 0)
			ipc_add_int(&map, found->v[i].name + sizeof prefix - 1,
				(int64_t)found->v[i].value);
	ipc_end(&map);
	ipc_add(json, "restarts", buf_str(&map));
}

/* A fault begins, ends, or is told again. */
static int tell(const struct agent *a, const struct finding *f, enum event event, struct error *e)
{
	_free_ char *key = xasprintf(FAULT_KEY, f->name);
	_free_ char *subject = NULL;
	const struct alert alert = { key, "health", f->text, NULL };
	struct alert again = alert;
	int r;

	switch (event) {
	case EVENT_FELL:
		r = alert_raise(a, &alert, e);
		return MIN(r, 0);
	case EVENT_ROSE:
		return alert_resolve(a, key, f->text, NULL, e);
	case EVENT_REMINDER:
		subject = xasprintf("still: %s", f->text);
		again.subject = subject;
		r = alert_forget(a, key, e);
		if (r >= 0)
			r = alert_raise(a, &again, e);
		return MIN(r, 0);
	case EVENT_NONE:
		break;
	}
	return 0;
}

static void show(
	const struct examination *x, const struct buf *json, size_t faults, struct buf *out)
{
	static const char *const marks[] = { "?", "ok", "BAD" };

	if (x->agent->json) {
		buf_printf(out, "%s\n", buf_str(json));
		return;
	}
	for (size_t i = 0; i < x->found.n; i++)
		buf_printf(out, "%-4s %s\n", marks[x->found.v[i].verdict], x->found.v[i].text);
	buf_printf(out, "%zu checks, %zu faults\n", x->found.n, faults);
}

static int64_t first_run(const struct node *before, int64_t now)
{
	int64_t first = 0;

	return node_is_int(node_get(before, "first"), &first) && first > 0 && first <= now ? first
											   : now;
}

/* Judges all; the new state in json, the events in events (one a finding). */
static size_t judge(struct examination *x, enum event *events, struct buf *json)
{
	_buf_ list = BUF_INIT;
	_buf_ checks = BUF_INIT;
	size_t faults = 0;

	for (size_t i = 0; i < x->found.n; i++) {
		const struct finding *f = &x->found.v[i];
		struct watch w = recall(x->before, f->name);

		events[i] = verdict_step(&w, f->verdict, x->now);
		faults += w.bad;
		write_check(f, &w, &list);
	}
	ipc_begin(json);
	ipc_add_int(json, "v", 1);
	ipc_add_str(json, "server", self_name(x->agent, x->arena));
	ipc_add_int(json, "at", x->now);
	ipc_add_int(json, "first", first_run(x->before, x->now));
	ipc_add_int(json, "faults", (int64_t)faults);
	buf_printf(&checks, "[%s]", buf_str(&list));
	ipc_add(json, "checks", buf_str(&checks));
	write_restarts(&x->found, json);
	ipc_end(json);
	return faults;
}

int health_run(struct agent *a, bool send, struct buf *out, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct examination x = { .agent = a, .arena = arena, .now = (int64_t)time(NULL) };
	_free_ enum event *events = NULL;
	_buf_ json = BUF_INIT;
	size_t faults;
	int r = state_read(a, HEALTH_STATE, arena, &x.before, e);

	if (r < 0)
		return r;
	checks_run(&x);
	events = xcalloc(x.found.n + 1, sizeof *events);
	faults = judge(&x, events, &json);
	show(&x, &json, faults, out);
	if (send) {
		r = state_write(a, HEALTH_STATE, &json, e);
		for (size_t i = 0; r >= 0 && i < x.found.n; i++)
			r = tell(a, &x.found.v[i], events[i], e);
		metrics_write(&x.found, faults);
		metrics_status(&json);
		/* The alarm matters more than the record of it: a full disk is told all the same. */
		send_waiting(a, faults);
	}
	free(x.found.v);
	return r < 0 ? r : (int)MIN(faults, INT32_MAX);
}
