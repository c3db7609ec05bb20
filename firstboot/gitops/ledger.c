/* See ledger.h. What cannot be read is as if it were not there: state can be found out again. */
#include "ledger.h"

#include "arena.h"
#include "buf.h"
#include "ipc.h"
#include "node.h"
#include "state.h"
#include "utf8.h"

#include <string.h>

#define NAME	  "gitops.json"
#define LATER_MAX 3600 /* no pause after a failure is as long, in seconds */

static const char *const result_words[] = { "none", "good", "refused", "unsigned", "held",
	"rolled-back", "failed", "later" };
static const char *const doing_words[] = { "nothing", "up", "back" };

const char *result_word(enum result r)
{
	return result_words[r];
}

static size_t word_index(const char *word, const char *const *words, size_t n)
{
	for (size_t i = 0; word && i < n; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	return 0;
}

static enum result read_result(const struct node *n)
{
	return (enum result)word_index(
		node_str(node_get(n, "result")), result_words, ARRAY_SIZE(result_words));
}

static const char *text(const struct node *n, const char *key)
{
	return node_str(node_get(n, key));
}

static int64_t number(const struct node *n, const char *key)
{
	int64_t value = 0;

	(void)node_is_int(node_get(n, key), &value);
	return value;
}

static bool flag(const struct node *n, const char *key)
{
	bool value = false;

	(void)node_is_bool(node_get(n, key), &value);
	return value;
}

static struct revision read_revision(const struct node *n)
{
	return (struct revision){
		.sha = text(n, "sha"),
		.plan = text(n, "plan"),
		.subject = text(n, "subject"),
		.at = number(n, "at"),
		.env = text(n, "env"),
		.table = node_get(n, "table"),
	};
}

static const char **read_words(struct arena *arena, const struct node *list)
{
	size_t n = list && list->kind == NODE_LIST ? list->n : 0, k = 0;
	const char **words = arena_alloc(arena, (n + 1) * sizeof *words);

	for (size_t i = 0; i < n; i++)
		if (node_str(list->items[i]))
			words[k++] = node_str(list->items[i]);
	return words;
}

static void read_doing(struct ledger *m, const struct node *n)
{
	m->doing = (struct attempt){
		.step = (enum doing)word_index(
			text(n, "step"), doing_words, ARRAY_SIZE(doing_words)),
		.to = read_revision(node_get(n, "to")),
		.env = text(n, "env"),
		.services = read_words(m->arena, node_get(n, "services")),
		.unsafe = flag(n, "unsafe"),
		.asked = flag(n, "asked"),
		.resumed = number(n, "resumed"),
		.waited = number(n, "waited"),
		.why = text(n, "why"),
	};
	if (!m->doing.to.sha || !m->doing.to.plan || !m->doing.to.table)
		m->doing.step = DOING_NOTHING;
}

static void read_lists(struct ledger *m, const struct node *root)
{
	const struct node *bad = node_get(root, "bad"), *history = node_get(root, "history");

	for (size_t i = 0; bad && i < bad->n; i++) {
		const struct node *n = bad->items[i];

		if (text(n, "sha"))
			ledger_add_bad(
				m, &(struct bad){ text(n, "sha"), text(n, "env"), text(n, "why"),
					   read_result(n), number(n, "at") });
	}
	for (size_t i = 0; history && i < history->n; i++) {
		const struct node *n = history->items[i];

		if (text(n, "what"))
			ledger_add_event(m, &(struct event){ text(n, "sha"), text(n, "what"),
						    text(n, "why"), number(n, "at") });
	}
}

int ledger_load(struct ledger *ret, const struct agent *a, struct arena *arena, struct error *e)
{
	const struct node *root = NULL, *tried, *later;
	int r = state_read(a, NAME, arena, &root, e);

	*ret = (struct ledger){ .arena = arena };
	if (r < 0)
		return r;
	tried = node_get(root, "tried");
	later = node_get(root, "later");
	ret->seen.sha = text(node_get(root, "seen"), "sha");
	ret->seen.since = number(node_get(root, "seen"), "since");
	ret->good = read_revision(node_get(root, "good"));
	if (!ret->good.plan || !ret->good.table)
		ret->good.sha = NULL;
	ret->previous = read_revision(node_get(root, "previous"));
	ret->tried.sha = text(tried, "sha");
	ret->tried.result = read_result(tried);
	ret->tried.why = text(tried, "why");
	ret->tried.subject = text(tried, "subject");
	ret->tried.at = number(tried, "at");
	read_doing(ret, node_get(root, "doing"));
	read_lists(ret, root);
	ret->needs_human = text(root, "needs_human");
	if (ret->needs_human)
		ret->left = read_revision(node_get(root, "left"));
	ret->left_by_hand = ret->needs_human && flag(root, "left_by_hand");
	ret->later.since = number(later, "since");
	ret->later.next = number(later, "next");
	ret->later.count = number(later, "count");
	ret->later.why = text(later, "why");
	return 0;
}

void ledger_write_revision(const struct revision *r, struct buf *json)
{
	_buf_ table = BUF_INIT;

	if (!r->sha) {
		buf_adds(json, "null");
		return;
	}
	if (r->table)
		node_write_json(r->table, 0, &table);
	ipc_begin(json);
	ipc_add_str(json, "sha", r->sha);
	ipc_add_str(json, "plan", r->plan);
	ipc_add_str(json, "subject", r->subject);
	ipc_add_int(json, "at", r->at);
	ipc_add_str(json, "env", r->env);
	ipc_add(json, "table", r->table ? buf_str(&table) : "null");
	ipc_end(json);
}

static void add_revision(struct buf *json, const char *key, const struct revision *r)
{
	_buf_ one = BUF_INIT;

	ledger_write_revision(r, &one);
	ipc_add(json, key, buf_str(&one));
}

static void add_doing(struct buf *json, const struct attempt *t)
{
	_buf_ one = BUF_INIT;

	if (t->step == DOING_NOTHING)
		return;
	ipc_begin(&one);
	ipc_add_str(&one, "step", doing_words[t->step]);
	add_revision(&one, "to", &t->to);
	ipc_add_str(&one, "env", t->env);
	ipc_add_strs(&one, "services", t->services);
	ipc_add_bool(&one, "unsafe", t->unsafe);
	ipc_add_bool(&one, "asked", t->asked);
	ipc_add_int(&one, "resumed", t->resumed);
	ipc_add_int(&one, "waited", t->waited);
	ipc_add_str(&one, "why", t->why);
	ipc_end(&one);
	ipc_add(json, "doing", buf_str(&one));
}

static void add_tried(struct buf *json, const struct ledger *m)
{
	_buf_ one = BUF_INIT;

	if (!m->tried.sha)
		return;
	ipc_begin(&one);
	ipc_add_str(&one, "sha", m->tried.sha);
	ipc_add_str(&one, "subject", m->tried.subject);
	ipc_add_int(&one, "at", m->tried.at);
	ipc_add_str(&one, "result", result_word(m->tried.result));
	ipc_add_str(&one, "why", m->tried.why);
	ipc_end(&one);
	ipc_add(json, "tried", buf_str(&one));
}

static void add_seen(struct buf *json, const struct ledger *m)
{
	_buf_ one = BUF_INIT;

	if (!m->seen.sha)
		return;
	ipc_begin(&one);
	ipc_add_str(&one, "sha", m->seen.sha);
	ipc_add_int(&one, "since", m->seen.since);
	ipc_end(&one);
	ipc_add(json, "seen", buf_str(&one));
}

static void add_lists(struct buf *json, const struct ledger *m)
{
	_buf_ list = BUF_INIT;
	_buf_ one = BUF_INIT;

	for (size_t i = 0; i < m->n_bad; i++) {
		ipc_begin(&one);
		ipc_add_str(&one, "sha", m->bad[i].sha);
		ipc_add_str(&one, "env", m->bad[i].env);
		ipc_add_int(&one, "at", m->bad[i].at);
		ipc_add_str(&one, "result", result_word(m->bad[i].result));
		ipc_add_str(&one, "why", m->bad[i].why);
		ipc_end(&one);
		buf_printf(&list, "%s%s", i ? "," : "[", buf_str(&one));
	}
	buf_adds(&list, m->n_bad ? "]" : "[]");
	ipc_add(json, "bad", buf_str(&list));
	buf_reset(&list);
	for (size_t i = 0; i < m->n_history; i++) {
		ipc_begin(&one);
		ipc_add_str(&one, "sha", m->history[i].sha);
		ipc_add_int(&one, "at", m->history[i].at);
		ipc_add_str(&one, "what", m->history[i].what);
		ipc_add_str(&one, "why", m->history[i].why);
		ipc_end(&one);
		buf_printf(&list, "%s%s", i ? "," : "[", buf_str(&one));
	}
	buf_adds(&list, m->n_history ? "]" : "[]");
	ipc_add(json, "history", buf_str(&list));
}

int ledger_save(const struct ledger *m, const struct agent *a, struct error *e)
{
	_buf_ json = BUF_INIT;
	_buf_ later = BUF_INIT;

	ipc_begin(&json);
	ipc_add_int(&json, "v", 1);
	add_revision(&json, "good", &m->good);
	add_revision(&json, "previous", &m->previous);
	add_tried(&json, m);
	add_seen(&json, m);
	add_doing(&json, &m->doing);
	add_lists(&json, m);
	ipc_add_str(&json, "needs_human", m->needs_human);
	if (m->needs_human)
		add_revision(&json, "left", &m->left);
	ipc_add_bool(&json, "left_by_hand", m->left_by_hand);
	if (m->later.count > 0) {
		ipc_begin(&later);
		ipc_add_int(&later, "since", m->later.since);
		ipc_add_int(&later, "next", m->later.next);
		ipc_add_int(&later, "count", m->later.count);
		ipc_add_str(&later, "why", m->later.why);
		ipc_end(&later);
		ipc_add(&json, "later", buf_str(&later));
	}
	ipc_end(&json);
	buf_addc(&json, '\n');
	/*
	 * What has begun goes on, also on a full disk, which may be its doing: a revision that fills it must be taken back.
	 * What has ended may be found unfinished once more.
	 */
	return m->doing.step == DOING_NOTHING ? state_write(a, NAME, &json, e)
					      : state_insist(a, NAME, &json, e);
}

bool ledger_waits(const struct ledger *m, int64_t now)
{
	/* A clock that was set back must not stop us for ever. */
	return now < m->later.next && m->later.next < now + LATER_MAX;
}

void ledger_forget_bad(struct ledger *m, const char *sha)
{
	size_t k = 0;

	for (size_t i = 0; i < m->n_bad; i++)
		if (sha && strcmp(m->bad[i].sha, sha) != 0)
			m->bad[k++] = m->bad[i];
	m->n_bad = k;
}

/* The whole of it is in the journal and in the alert; the ledger must fit into the room kept for a full disk. */
static const char *brief(struct ledger *m, const char *why)
{
	return why && strlen(why) > WHY_MAX
		       ? arena_printf(m->arena, "%.*s…", (int)utf8_whole(why, WHY_MAX), why)
		       : why;
}

void ledger_add_bad(struct ledger *m, const struct bad *b)
{
	struct bad copy = *b;

	copy.why = brief(m, copy.why);
	ledger_forget_bad(m, copy.sha);
	if (m->n_bad == BAD_MAX)
		memmove(m->bad, m->bad + 1, --m->n_bad * sizeof *m->bad);
	m->bad[m->n_bad++] = copy;
}

const struct bad *ledger_bad(const struct ledger *m, const char *sha, const char *env)
{
	for (size_t i = 0; i < m->n_bad; i++) {
		const struct bad *b = &m->bad[i];

		if (strcmp(b->sha, sha) == 0)
			return !b->env || !env || strcmp(b->env, env) == 0 ? b : NULL;
	}
	return NULL;
}

void ledger_add_event(struct ledger *m, const struct event *ev)
{
	if (m->n_history == HISTORY_MAX)
		memmove(m->history, m->history + 1, --m->n_history * sizeof *m->history);
	m->history[m->n_history] = *ev;
	m->history[m->n_history].why = brief(m, ev->why);
	m->n_history++;
}
