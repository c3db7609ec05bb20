/* What runs on the machine: units, the application's containers; and what has to happen now and then. */
#include "checks.h"

#include "agent.h"
#include "arena.h"
#include "broker.h"
#include "buf.h"
#include "config.h"
#include "error.h"
#include "gitops.h"
#include "ipc.h"
#include "json.h"
#include "manifest.h"
#include "node.h"
#include "store.h"

#include <inttypes.h>
#include <string.h>

#define BROKER_MS 60000
/* Without a look at the repository for so many intervals, something holds it up. */
#define STUCK_INTERVALS 10
/* Seconds that a commit may wait for a registry, a disk, a network: what passes has passed by then. */
#define WAITING_LONG 3600

void check_units(struct examination *x)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	const struct finding *told;
	const struct node *failed;
	struct error e = { 0 };
	_buf_ names = BUF_INIT;
	size_t n = 0;

	if (broker_simple(x->agent, "system-state", BROKER_MS, &m, &e) < 0) {
		finding_add(x, VERDICT_UNKNOWN, "units", "%s", e.msg);
		return;
	}
	told = finding_find(&x->found, FIRST_BOOT_CHECK);
	failed = node_get(m.doc, "failed_units");
	for (size_t i = 0; failed && failed->kind == NODE_LIST && i < failed->n; i++) {
		const char *name = node_str(failed->items[i]);

		/* Our own last run is judged by this one. */
		if (!name || strcmp(name, "kbuild-health.service") == 0)
			continue;
		/* Of a step that failed is told with its reason. */
		if (strcmp(name, "kbuild-firstboot.service") != 0 || !told ||
			told->verdict != VERDICT_BAD)
			buf_printf(&names, "%s%s", n++ ? ", " : "", name);
	}
	finding_value(finding_add(x, n ? VERDICT_BAD : VERDICT_GOOD, "units", "%s%s",
			      n ? "failed: " : "no unit has failed", buf_str(&names)),
		(double)n);
}

static int64_t number(const struct node *map, const char *key)
{
	int64_t n = 0;

	return node_is_int(node_get(map, key), &n) ? n : 0;
}

static const char *text(const struct node *map, const char *key)
{
	const char *s = node_str(node_get(map, key));

	return s ? s : "";
}

/* How often a container had been restarted when the last run looked; -1: it was not there. */
static int64_t restarts_before(const struct examination *x, const char *name)
{
	const struct node *list = node_get(x->before, "restarts");
	int64_t n = -1;

	return node_is_int(node_get(list, name), &n) ? n : -1;
}

static void judge_container(struct examination *x, const struct node *c)
{
	const char *who = text(c, "name"), *state = text(c, "state"), *health = text(c, "health");
	const char *name = arena_printf(x->arena, CONTAINER_CHECK "%s", who);
	int64_t restarts = number(c, "restarts"), before = restarts_before(x, who);
	bool once = strcmp(state, "exited") == 0 && number(c, "exit_code") == 0;
	struct finding *f;

	/* Its faults are the commit's, of which the deployment engine tells. */
	if (gitops_is_running(x->agent))
		f = finding_add(x, VERDICT_UNKNOWN, name, "%s: a deployment is at work", who);
	else if (strcmp(state, "restarting") == 0)
		f = finding_add(x, VERDICT_BAD, name, "%s restarts again and again", who);
	else if (before >= 0 && restarts > before)
		f = finding_add(x, VERDICT_BAD, name, "%s was restarted %" PRId64 " times since",
			who, restarts - before);
	else if (strcmp(health, "unhealthy") == 0)
		f = finding_add(x, VERDICT_BAD, name, "%s is unhealthy", who);
	else if (strcmp(state, "running") != 0 && !once && strcmp(state, "created") != 0)
		f = finding_add(x, VERDICT_BAD, name, "%s is %s (exit status %" PRId64 ")", who,
			state, number(c, "exit_code"));
	else
		f = finding_add(x, VERDICT_GOOD, name, "%s is %s", who, state);
	finding_value(f, (double)restarts);
}

void check_containers(struct examination *x)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	const struct node *list;
	struct error e = { 0 };
	_buf_ q = BUF_INIT;

	if (!x->agent->config->has_app)
		return;
	ipc_begin_op(&q, "ps");
	ipc_add_str(&q, "project", x->agent->config->app.project);
	ipc_end(&q);
	if (broker_call(x->agent, &q, NULL, 0, BROKER_MS, &m, &e) < 0) {
		finding_add(x, VERDICT_UNKNOWN, "containers", "%s", e.msg);
		return;
	}
	list = node_get(m.doc, "containers");
	for (size_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++)
		judge_container(x, list->items[i]);
	/* A deployment takes some away and brings them again. */
	x->all_containers = !gitops_is_running(x->agent);
}

static const char *ago(struct arena *a, int64_t seconds)
{
	if (seconds < 7200)
		return arena_printf(a, "%" PRId64 " minutes", seconds / 60);
	if (seconds < 2 * INT64_C(86400))
		return arena_printf(a, "%" PRId64 " hours", seconds / 3600);
	return arena_printf(a, "%" PRId64 " days", seconds / 86400);
}

/* When the server was made: before its first night it can have no backup. */
static int64_t first_seen(const struct examination *x)
{
	int64_t at = number(x->before, "first");

	return at > 0 ? at : x->now;
}

void check_backup(struct examination *x)
{
	_cleanup_(backup_list_free) struct backup_list list = BACKUP_LIST_INIT;
	int64_t limit = (int64_t)x->agent->config->health.backup_age, since;
	const struct manifest *last = NULL;
	struct error e = { 0 };
	_close_ int dir = -1;

	if (!x->agent->config->has_backup)
		return;
	dir = store_open(x->agent, &e);
	if (dir < 0 || store_list(dir, &list, &e) < 0) {
		finding_add(x, VERDICT_BAD, "backup", "%s", e.msg);
		return;
	}
	last = backup_list_good(&list);
	since = x->now - (last ? last->ended : first_seen(x));
	if (!last)
		finding_add(x, since > limit ? VERDICT_BAD : VERDICT_UNKNOWN, "backup",
			"there is no backup yet");
	else
		finding_value(finding_add(x, since > limit ? VERDICT_BAD : VERDICT_GOOD, "backup",
				      "the last good backup is %s old", ago(x->arena, since)),
			(double)since);
}

void check_gitops(struct examination *x)
{
	int64_t limit = (int64_t)x->agent->config->app.interval * STUCK_INTERVALS, since, failing;
	struct error e = { 0 };
	_buf_ json = BUF_INIT;
	struct node *doc = NULL;
	bool paused = false;

	if (!x->agent->config->has_app || gitops_status_json(x->agent, &json, &e) < 0 ||
		json_parse(&doc, x->arena, "status", buf_str(&json), json.len, &e) < 0)
		return;
	(void)node_is_bool(node_get(doc, "paused"), &paused);
	if (paused) {
		finding_add(x, VERDICT_GOOD, "gitops", "paused by hand");
		return;
	}
	if (number(doc, "checked") == 0 && !node_get(doc, "good"))
		return;
	since = x->now - MAX(number(doc, "checked"), first_seen(x));
	failing = number(doc, "failing_since");
	if (*text(doc, "needs_human"))
		finding_add(x, VERDICT_BAD, "gitops", "a person is needed: %s",
			text(doc, "needs_human"));
	else if (failing > 0 && x->now - failing > MAX(limit, WAITING_LONG))
		finding_add(x, VERDICT_BAD, "gitops", "what the branch names has waited for %s: %s",
			ago(x->arena, x->now - failing), text(doc, "waiting_for"));
	else if (since > limit)
		finding_add(x, VERDICT_BAD, "gitops", "the repository was not reached for %s%s%s",
			ago(x->arena, since), *text(doc, "waiting_for") ? ": " : "",
			text(doc, "waiting_for"));
	else
		finding_value(finding_add(x, VERDICT_GOOD, "gitops",
				      "the repository was looked at %s ago", ago(x->arena, since)),
			(double)since);
}
