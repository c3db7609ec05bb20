/*
 * What is known of the application, for people and for programs. Read without the lock: the ledger is
 * whole at any instant, and whether a run is at work is seen by its lock.
 */
#include "agent.h"
#include "arena.h"
#include "buf.h"
#include "config.h"
#include "deploy.h"
#include "error.h"
#include "ipc.h"
#include "node.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

struct view {
	struct ledger ledger;
	bool running, paused;
	int64_t checked; /* 0: never */
};

bool gitops_is_running(const struct agent *a)
{
	_close_ int fd = openat(a->state_fd, "lock-gitops", O_RDWR | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0;
}

static int look(struct agent *a, struct arena *arena, struct view *ret, struct error *e)
{
	struct stat st;

	ret->running = gitops_is_running(a);
	ret->paused = gitops_is_paused(a);
	ret->checked = fstatat(a->state_fd, GITOPS_CHECKED_FILE, &st, 0) == 0 ? st.st_mtime : 0;
	return ledger_load(&ret->ledger, a, arena, e);
}

static const char *state_of(const struct view *v)
{
	const struct ledger *l = &v->ledger;

	if (v->running || l->doing.step != DOING_NOTHING)
		return "deploying";
	if (l->needs_human)
		return "needs-human";
	if (v->paused)
		return "paused";
	return l->tried.sha && l->tried.result > RESULT_GOOD && l->tried.result != RESULT_LATER
		       ? "failed"
		       : "idle";
}

static void add_digests(struct buf *json, const struct node *table)
{
	const struct node *list = node_get(table, "services");
	_buf_ digests = BUF_INIT;

	ipc_begin(&digests);
	for (size_t i = 0; list && i < list->n; i++) {
		const char *name = node_str(node_get(list->items[i], "name"));

		if (name)
			ipc_add_str(&digests, name, node_str(node_get(list->items[i], "image")));
	}
	ipc_end(&digests);
	ipc_add(json, "digests", buf_str(&digests));
}

static void add_revision(struct buf *json, const char *key, const struct revision *r)
{
	_buf_ one = BUF_INIT;

	if (!r->sha) {
		ipc_add(json, key, "null");
		return;
	}
	ipc_begin(&one);
	ipc_add_str(&one, "sha", r->sha);
	ipc_add_str(&one, "subject", r->subject);
	ipc_add_int(&one, "at", r->at);
	add_digests(&one, r->table);
	ipc_end(&one);
	ipc_add(json, key, buf_str(&one));
}

static void add_tried(struct buf *json, const struct ledger *l)
{
	_buf_ one = BUF_INIT;

	if (!l->tried.sha) {
		ipc_add(json, "tried", "null");
		return;
	}
	ipc_begin(&one);
	ipc_add_str(&one, "sha", l->tried.sha);
	ipc_add_str(&one, "subject", l->tried.subject);
	ipc_add_int(&one, "at", l->tried.at);
	ipc_add_str(&one, "result", result_word(l->tried.result));
	ipc_add_str(&one, "why", l->tried.why);
	ipc_end(&one);
	ipc_add(json, "tried", buf_str(&one));
}

static void add_bad(struct buf *json, const struct ledger *l)
{
	_buf_ list = BUF_INIT;
	_buf_ one = BUF_INIT;

	buf_addc(&list, '[');
	for (size_t i = 0; i < l->n_bad; i++) {
		ipc_begin(&one);
		ipc_add_str(&one, "sha", l->bad[i].sha);
		ipc_add_int(&one, "at", l->bad[i].at);
		ipc_add_str(&one, "result", result_word(l->bad[i].result));
		ipc_add_str(&one, "why", l->bad[i].why);
		ipc_end(&one);
		buf_printf(&list, "%s%s", i ? "," : "", buf_str(&one));
	}
	buf_addc(&list, ']');
	ipc_add(json, "bad", buf_str(&list));
}

int gitops_status_json(struct agent *a, struct buf *out, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct view v;
	const struct ledger *l = &v.ledger;
	_buf_ json = BUF_INIT;
	int r = look(a, arena, &v, e);

	if (r < 0)
		return r;
	ipc_begin(&json);
	ipc_add_str(&json, "state", state_of(&v));
	ipc_add_bool(&json, "paused", v.paused);
	add_revision(&json, "good", &l->good);
	add_revision(&json, "previous", &l->previous);
	add_tried(&json, l);
	add_bad(&json, l);
	ipc_add_str(&json, "needs_human", l->needs_human);
	ipc_add_int(&json, "checked", v.checked);
	/* Passing failures in a row: since when, and not before when the next try is. */
	ipc_add_int(&json, "failing_since", l->later.count ? l->later.since : 0);
	ipc_add_int(&json, "next", l->later.count ? l->later.next : 0);
	ipc_add_str(&json, "waiting_for", l->later.count ? l->later.why : NULL);
	ipc_end(&json);
	buf_add(out, json.data, json.len);
	return 0;
}

static void add_ago(struct buf *out, int64_t at)
{
	int64_t s = deploy_now() - at;

	if (s < 0)
		buf_adds(out, "just now");
	else if (s < 120)
		buf_printf(out, "%" PRId64 " s ago", s);
	else if (s < 7200)
		buf_printf(out, "%" PRId64 " min ago", s / 60);
	else if (s < 172800)
		buf_printf(out, "%" PRId64 " h ago", s / 3600);
	else
		buf_printf(out, "%" PRId64 " days ago", s / 86400);
}

static void add_line(
	struct buf *out, const char *what, const char *sha, const char *text, int64_t at)
{
	buf_printf(out, "%-10s", what);
	if (sha)
		buf_printf(out, "%s  ", short_sha(sha));
	if (at) {
		add_ago(out, at);
		buf_adds(out, text && *text ? "  " : "");
	}
	buf_printf(out, "%s\n", text ? text : "");
}

int gitops_status_text(struct agent *a, struct buf *out, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct view v;
	const struct ledger *l = &v.ledger;
	int r = look(a, arena, &v, e);

	if (r < 0)
		return r;
	add_line(out, "state", NULL, state_of(&v), 0);
	if (l->good.sha)
		add_line(out, "good", l->good.sha, l->good.subject, l->good.at);
	else
		add_line(out, "good", NULL, "nothing was deployed yet", 0);
	if (l->tried.sha && l->tried.result != RESULT_GOOD) {
		add_line(out, "tried", l->tried.sha, result_word(l->tried.result), l->tried.at);
		add_line(out, "", NULL, l->tried.why, 0);
	}
	if (l->needs_human)
		add_line(out, "you", NULL, l->needs_human, 0);
	if (l->later.count)
		add_line(out, "waiting", NULL, l->later.why, l->later.since);
	if (l->previous.sha)
		add_line(out, "before", l->previous.sha, l->previous.subject, l->previous.at);
	if (v.checked)
		add_line(out, "checked", NULL, NULL, v.checked);
	return 0;
}

static void add_event_json(struct buf *list, const struct event *ev)
{
	_buf_ one = BUF_INIT;

	ipc_begin(&one);
	ipc_add_int(&one, "at", ev->at);
	ipc_add_str(&one, "sha", ev->sha);
	ipc_add_str(&one, "what", ev->what);
	ipc_add_str(&one, "why", ev->why);
	ipc_end(&one);
	buf_printf(list, "%s%s", list->len > 1 ? "," : "", buf_str(&one));
}

int gitops_history(struct agent *a, struct buf *out, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct view v;
	int r = look(a, arena, &v, e);

	if (r < 0)
		return r;
	if (a->json)
		buf_addc(out, '[');
	/* The newest first: that is what is looked for. */
	for (size_t i = v.ledger.n_history; i-- > 0;) {
		const struct event *ev = &v.ledger.history[i];
		time_t at = (time_t)ev->at;
		char when[32];
		struct tm tm;

		if (a->json) {
			add_event_json(out, ev);
			continue;
		}
		strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", gmtime_r(&at, &tm));
		buf_printf(out, "%s  %-11s  %s  %s\n", when, ev->what, short_sha(ev->sha),
			ev->why ? ev->why : "");
	}
	if (a->json)
		buf_adds(out, "]\n");
	return 0;
}
