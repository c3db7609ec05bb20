/*
 * One run: look, judge against the last runs, raise and end alerts, write down, send. Alerts come before the
 * record of them: whatever is killed or full between the two, raising one twice is raising it once, and
 * one that is open is a fault whatever the record says. Only reminders come after it.
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
#include "metrics.h"
#include "node.h"
#include "report.h"
#include "self.h"
#include "send.h"
#include "state.h"
#include "verdict.h"

#include <string.h>
#include <time.h>

#define FAULT_KEY "health:%s"
/* What was a fault and was not looked at for so long is none of ours any more: another image, other URLs. */
#define FORGOTTEN_S (INT64_C(7) * 24 * 3600)

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

static struct watch recall(const struct examination *x, const char *name)
{
	const struct node *n = record(x->before, name);
	const char *recent = node_str(node_get(n, "recent"));
	_free_ char *key = xasprintf(FAULT_KEY, name);
	struct watch w = { .seen = x->now };

	if (recent && strlen(recent) <= VERDICT_WINDOW && recent[strspn(recent, "gb")] == '\0')
		strcpy(w.recent, recent); /* its length was just checked */
	(void)node_is_bool(node_get(n, "fault"), &w.bad);
	(void)node_is_int(node_get(n, "since"), &w.since);
	(void)node_is_int(node_get(n, "told"), &w.told);
	(void)node_is_int(node_get(n, "seen"), &w.seen);
	if (!w.bad && alert_is_open(x->agent, key)) {
		w.bad = true;
		w.since = x->now;
		w.told = x->now;
	}
	return w;
}

/* Calls each for the name of every record of the last run that has no finding in this one. */
static void for_missing(struct examination *x,
	void (*each)(struct examination *x, const char *name, const struct watch *w))
{
	const struct node *list = node_get(x->before, "checks");

	for (size_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++) {
		const char *name = node_str(node_get(list->items[i], "name"));

		if (name && !finding_find(&x->found, name)) {
			const struct watch w = recall(x, name);

			each(x, name, &w);
		}
	}
}

/* A fault, or what may become one, is not over because nobody could look: it goes on as not known. */
static void carry_over(struct examination *x, const char *name, const struct watch *w)
{
	const char *text = node_str(node_get(record(x->before, name), "text"));
	bool gone = (x->all_containers &&
			    strncmp(name, CONTAINER_CHECK, strlen(CONTAINER_CHECK)) == 0) ||
		    x->now - w->seen > FORGOTTEN_S;

	if (!gone && (w->bad || strchr(w->recent, 'b')))
		finding_add(x, VERDICT_UNKNOWN, name, "%s", text ? text : name);
}

/* What was not carried over is not there any more. */
static void end_gone(struct examination *x, const char *name, const struct watch *w)
{
	_free_ char *key = xasprintf(FAULT_KEY, name);
	_free_ char *subject = xasprintf("%s is gone", name);
	struct error e = { 0 };

	if (w->bad && alert_resolve(x->agent, key, subject, NULL, &e) < 0)
		report(REPORT_ERROR, "%s", e.msg);
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
	ipc_add_int(&one, "seen", w->seen);
	ipc_add_str(&one, "recent", w->recent);
	ipc_end(&one);
	buf_printf(list, "%s%s", list->len ? "," : "", buf_str(&one));
}

/* How often each container was restarted: the next run compares. */
static void write_restarts(const struct examination *x, struct buf *json)
{
	const size_t prefix = strlen(CONTAINER_CHECK);
	const struct node *before = node_get(x->before, "restarts");
	_buf_ map = BUF_INIT;

	ipc_begin(&map);
	for (size_t i = 0; i < x->found.n; i++) {
		const struct finding *f = &x->found.v[i];

		if (strncmp(f->name, CONTAINER_CHECK, prefix) == 0 && f->has_value)
			ipc_add_int(&map, f->name + prefix, (int64_t)f->value);
	}
	/* Those that could not be looked at: as they were. */
	for (size_t i = 0;
		!x->all_containers && before && before->kind == NODE_MAP && i < before->n; i++) {
		const char *who = before->keys[i]->str;
		_free_ char *name = xasprintf(CONTAINER_CHECK "%s", who);
		const struct finding *f = finding_find(&x->found, name);
		int64_t n;

		if ((!f || !f->has_value) && node_is_int(before->items[i], &n))
			ipc_add_int(&map, who, n);
	}
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
		return alert_remind(a, &again, e);
	case EVENT_NONE:
		break;
	}
	return 0;
}

/* All of them, or all but them: one that fails keeps none of the others. */
static int tell_all(
	struct examination *x, const enum event *events, bool reminders, struct error *e)
{
	int r = 0;

	for (size_t i = 0; i < x->found.n; i++) {
		struct error one = { 0 };
		int k = 0;

		if ((events[i] == EVENT_REMINDER) == reminders)
			k = tell(x->agent, &x->found.v[i], events[i], &one);
		if (k < 0 && r >= 0) {
			*e = one;
			r = k;
		}
	}
	return r;
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
		struct watch w = recall(x, f->name);

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
	write_restarts(x, json);
	ipc_end(json);
	return faults;
}

/* The alarm matters more than the record of it: with the state not writable it is told all the same. */
static int tell_and_write(struct examination *x, const enum event *events, size_t faults,
	const struct buf *json, struct error *e)
{
	struct error unwritten = { 0 };
	int r = tell_all(x, events, false, e), w;

	for_missing(x, end_gone);
	w = state_insist(x->agent, HEALTH_STATE, json, &unwritten);
	if (w >= 0)
		w = tell_all(x, events, true, &unwritten);
	metrics_write(&x->found, faults);
	metrics_status(json);
	send_waiting(x->agent, faults);
	if (r >= 0 && w < 0)
		*e = unwritten;
	return r < 0 ? r : w;
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
	if (send)
		alert_make_room(a);
	checks_run(&x);
	for_missing(&x, carry_over);
	events = xcalloc(x.found.n + 1, sizeof *events);
	faults = judge(&x, events, &json);
	show(&x, &json, faults, out);
	r = send ? tell_and_write(&x, events, faults, &json, e) : 0;
	if (send)
		first_boot_go_on(&x);
	free(x.found.v);
	return r < 0 ? r : (int)MIN(faults, INT32_MAX);
}
