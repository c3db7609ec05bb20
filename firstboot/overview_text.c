/* See overview.h: for people. A row a part; what is not known is not said. */
#include "overview.h"

#include "buf.h"
#include "node.h"

#include <inttypes.h>
#include <string.h>

#define LABEL	    "  %-12s"
#define DRIFT_LINES 5

static const char *text(const struct node *n, const char *path)
{
	return node_str(node_path(n, path));
}

static int64_t number(const struct node *n, const char *path)
{
	int64_t value = 0;

	(void)node_is_int(node_path(n, path), &value);
	return value;
}

static void add_ago(struct buf *out, int64_t now, int64_t at)
{
	static const struct {
		int64_t seconds;
		const char *unit;
	} units[] = { { 172800, "days" }, { 7200, "hours" }, { 120, "minutes" } };
	int64_t s = now - at;

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		static const int64_t one[] = { 86400, 3600, 60 };

		if (s >= units[i].seconds) {
			buf_printf(out, "%" PRId64 " %s ago", s / one[i], units[i].unit);
			return;
		}
	}
	buf_printf(out, "%" PRId64 " seconds ago", s > 0 ? s : 0);
}

static void add_first_boot(const struct node *doc, int64_t now, struct buf *out)
{
	const struct node *boot = node_get(doc, "first_boot"), *steps = node_get(boot, "steps");
	size_t done = 0, all = 0;

	buf_printf(out, LABEL, "first boot");
	if (!boot || boot->kind != NODE_MAP) {
		buf_adds(out, "not yet, or at work: journalctl -u kbuild-firstboot\n");
		return;
	}
	for (size_t i = 0; steps && i < steps->n; i++) {
		const char *state = text(steps->items[i], "state");

		all += state && strcmp(state, "skipped") != 0;
		done += state && strcmp(state, "done") == 0;
	}
	buf_printf(out, "%zu of %zu steps done, ", done, all);
	add_ago(out, now, number(boot, "at"));
	buf_addc(out, '\n');
	for (size_t i = 0; steps && i < steps->n; i++) {
		const char *state = text(steps->items[i], "state");

		if (state && (strcmp(state, "failed") == 0 || strcmp(state, "left out") == 0))
			buf_printf(out, LABEL "%s: %s\n", "", text(steps->items[i], "step"), state);
	}
}

static void add_app(const struct node *doc, int64_t now, struct buf *out)
{
	const char *sha = text(doc, "app.good.sha"), *subject = text(doc, "app.good.subject");

	if (!text(doc, "app.state"))
		return;
	buf_printf(out, LABEL "%s", "application", text(doc, "app.state"));
	if (sha) {
		buf_printf(out, ", at %.12s", sha);
		if (subject)
			buf_printf(out, " \"%s\"", subject);
		buf_adds(out, " since ");
		add_ago(out, now, number(doc, "app.good.at"));
	}
	buf_addc(out, '\n');
	if (text(doc, "app.needs_human"))
		buf_printf(out, LABEL "needs a person: %s\n", "", text(doc, "app.needs_human"));
	else if (text(doc, "app.tried.why") && *text(doc, "app.tried.why"))
		buf_printf(out, LABEL "%.12s %s: %s\n", "", text(doc, "app.tried.sha"),
			text(doc, "app.tried.result"), text(doc, "app.tried.why"));
}

static void add_backup(const struct node *doc, int64_t now, struct buf *out)
{
	if (!text(doc, "backup.count"))
		return;
	buf_printf(out, LABEL, "backup");
	if (text(doc, "backup.last_good")) {
		buf_printf(out, "%s, ", text(doc, "backup.last_good"));
		add_ago(out, now, number(doc, "backup.at"));
		buf_printf(out, ", %" PRId64 " KiB%s; %s kept\n",
			number(doc, "backup.size") / (int64_t)KIB,
			strcmp(text(doc, "backup.restored"), "true") == 0 ? ", restored for a test"
									  : "",
			text(doc, "backup.count"));
	} else {
		buf_adds(out, "none that is good\n");
	}
}

static void add_health(const struct node *doc, int64_t now, struct buf *out)
{
	const struct node *checks = node_path(doc, "health.checks");
	int64_t faults = number(doc, "health.faults");

	if (!text(doc, "health.at"))
		return;
	buf_printf(out, LABEL, "health");
	if (faults)
		buf_printf(out, "%" PRId64 " fault%s, looked at ", faults, faults == 1 ? "" : "s");
	else
		buf_adds(out, "all is well, looked at ");
	add_ago(out, now, number(doc, "health.at"));
	buf_addc(out, '\n');
	for (size_t i = 0; checks && checks->kind == NODE_LIST && i < checks->n; i++) {
		const struct node *c = checks->items[i];
		bool fault = false;

		if (node_is_bool(node_get(c, "fault"), &fault) && fault)
			buf_printf(out, LABEL "%s: %s\n", "",
				text(c, "name") ? text(c, "name") : "?",
				text(c, "text") ? text(c, "text") : "");
	}
}

static void add_timers(const struct node *doc, struct buf *out)
{
	const struct node *timers = node_get(doc, "timers");

	for (size_t i = 0; timers && timers->kind == NODE_LIST && i < timers->n; i++) {
		const struct node *t = timers->items[i];
		const char *unit = text(t, "unit");

		buf_printf(out, LABEL "%s: %s%s%s\n", i ? "" : "timers", unit ? unit : "?",
			text(t, "state") ? text(t, "state") : "?", text(t, "next") ? ", next " : "",
			text(t, "next") ? text(t, "next") : "");
	}
}

static void add_versions(const struct node *doc, struct buf *out)
{
	static const char *const names[] = { "agent", "kernel", "docker", "compose" };

	if (text(doc, "versions.image"))
		buf_printf(out, LABEL "%.12s of %s, %s %s\n", "image", text(doc, "versions.image"),
			text(doc, "versions.built") ? text(doc, "versions.built") : "?",
			text(doc, "versions.distribution") ? text(doc, "versions.distribution")
							   : "",
			text(doc, "versions.release") ? text(doc, "versions.release") : "");
	buf_printf(out, LABEL, "versions");
	for (size_t i = 0, n = 0; i < ARRAY_SIZE(names); i++) {
		const char *version = text(node_get(doc, "versions"), names[i]);

		if (version)
			buf_printf(out, "%s%s %s", n++ ? ", " : "", names[i], version);
	}
	buf_addc(out, '\n');
}

static void add_drift(const struct node *doc, struct buf *out)
{
	const struct node *packages = node_path(doc, "drift.packages");
	int64_t count = number(doc, "drift.count");

	if (!packages)
		return;
	buf_printf(out, LABEL "%" PRId64 " package%s changed since the image was made\n", "drift",
		count, count == 1 ? "" : "s");
	for (size_t i = 0; i < MIN(packages->n, DRIFT_LINES); i++) {
		const struct node *p = packages->items[i];

		buf_printf(out, LABEL "%s %s -> %s\n", "", text(p, "package"),
			text(p, "image") ? text(p, "image") : "not there",
			text(p, "now") ? text(p, "now") : "removed");
	}
	if (packages->n > DRIFT_LINES)
		buf_printf(out, LABEL "and %" PRId64 " more: --json\n", "", count - DRIFT_LINES);
}

/* A text of several lines, all of them in the second column. */
static void add_lines(struct buf *out, const char *label, const char *lines)
{
	while (*lines) {
		size_t n = strcspn(lines, "\n");

		buf_printf(out, LABEL "%.*s\n", label, (int)n, lines);
		lines += n + (lines[n] == '\n');
		label = "";
	}
}

void overview_text(const struct node *doc, int64_t now, struct buf *out)
{
	const struct node *reasons = node_path(doc, "first_boot.reasons");

	buf_printf(out, "%s is %s\n", text(doc, "name") ? text(doc, "name") : "this server",
		text(doc, "state") ? text(doc, "state") : "unknown");
	add_first_boot(doc, now, out);
	for (size_t i = 0; reasons && reasons->kind == NODE_LIST && i < reasons->n; i++)
		if (node_str(reasons->items[i]))
			add_lines(out, i ? "" : "reasons", node_str(reasons->items[i]));
	add_app(doc, now, out);
	add_backup(doc, now, out);
	add_health(doc, now, out);
	add_timers(doc, out);
	add_versions(doc, out);
	add_drift(doc, out);
}
