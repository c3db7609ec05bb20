/* Alerts: told once, over told once, nothing lost by a kill or a dead network, bounded. */
#include "alert.h"

#include "agent.h"
#include "arena.h"
#include "error.h"
#include "fd.h"

#include "check.h"
#include "tmpdir.h"

static struct agent agent;
static struct error e;

/* Each test begins with no alerts. */
static void begin(void)
{
	agent = (struct agent){ .state_fd = tmp_fd(), .state_dir = tmp_path };
	check_int(remove_all(agent.state_fd, "alerts"), 0);
}

static int raise_one(const char *key)
{
	return alert_raise(&agent, &(struct alert){ key, "gitops", "it is down", "why" }, &e);
}

static int resolve(const char *key)
{
	return alert_resolve(&agent, key, "it is up", NULL, &e);
}

/* What waits, as "KEY! " for a fault and "KEY. " for its end. */
static void check_waiting(const char *want)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	_buf_ got = BUF_INIT;
	struct alert_waiting *w;
	size_t n;

	check_int(alert_waiting(&agent, arena, &w, &n, &e), 0);
	for (size_t i = 0; i < n; i++)
		buf_printf(&got, "%s%c ", w[i].alert.key, w[i].over ? '.' : '!');
	check_str(buf_str(&got), want);
}

static void send_first(void)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct alert_waiting *w;
	size_t n;

	check_int(alert_waiting(&agent, arena, &w, &n, &e), 0);
	check(n > 0);
	check_int(alert_sent(&agent, &w[0], &e), 0);
}

static void a_fault_is_told_once(void)
{
	begin();
	check_waiting("");
	check_int(raise_one("a"), 0);
	check_int(raise_one("a"), ALERT_KNOWN);
	check_waiting("a! ");
	send_first();
	check_waiting("");
	check_int(raise_one("a"), ALERT_KNOWN);
	check_waiting("");
}

static void its_end_is_told_after_it(void)
{
	begin();
	check_int(resolve("a"), 0);
	check_waiting("");
	check_int(raise_one("a"), 0);
	check_int(resolve("a"), 0);
	check_int(resolve("a"), 0);
	check_waiting("a! a. ");
	send_first();
	check_waiting("a. ");
	send_first();
	check_waiting("");
	check_int(raise_one("a"), 0);
	check_waiting("a! ");
}

static void a_whole_kind_can_be_over(void)
{
	begin();
	check_int(raise_one("a"), 0);
	check_int(alert_raise(&agent, &(struct alert){ "b", "other", "it is full", NULL }, &e), 0);
	check_int(alert_resolve_kind(&agent, "gitops", "it is up", NULL, &e), 0);
	send_first();
	send_first();
	send_first();
	check_waiting("");
	check_int(raise_one("a"), 0);
	check_int(alert_raise(&agent, &(struct alert){ "b", "other", "it is full", NULL }, &e),
		ALERT_KNOWN);
}

static void one_that_comes_back_before_its_end_was_told_is_no_news(void)
{
	begin();
	check_int(raise_one("a"), 0);
	send_first();
	check_int(resolve("a"), 0);
	check_int(raise_one("a"), ALERT_KNOWN);
	check_waiting("");
}

static void one_that_comes_back_while_its_end_is_told_is_news(void)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct alert_waiting *w;
	size_t n;

	begin();
	check_int(raise_one("a"), 0);
	send_first();
	check_int(resolve("a"), 0);
	check_int(alert_waiting(&agent, arena, &w, &n, &e), 0);
	check_int(raise_one("a"), ALERT_KNOWN);
	check_int(alert_sent(&agent, &w[0], &e), 0);
	check_waiting("a! ");
}

static void what_is_forgotten_is_not_told(void)
{
	begin();
	check_int(raise_one("a"), 0);
	check_int(alert_forget(&agent, "a", &e), 0);
	check_int(alert_forget(&agent, "a", &e), 0);
	check_waiting("");
}

static void one_that_lasts_is_told_once_more(void)
{
	begin();
	check(!alert_is_open(&agent, "a"));
	check_int(raise_one("a"), 0);
	send_first();
	check(alert_is_open(&agent, "a"));
	check_int(alert_remind(&agent, &(struct alert){ "a", "gitops", "still", NULL }, &e), 0);
	check_waiting("a! ");
	send_first();
	check_int(resolve("a"), 0);
	check(!alert_is_open(&agent, "a"));
}

static void the_queue_is_bounded(void)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct alert_waiting *w;
	size_t n;

	begin();
	for (int i = 0; i < ALERTS_MAX + 20; i++) {
		char key[16];

		snprintf(key, sizeof key, "k%d", i);
		check_int(raise_one(key), 0);
	}
	check_int(alert_waiting(&agent, arena, &w, &n, &e), 0);
	check_int(n, ALERTS_MAX);
}

int main(void)
{
	run(a_fault_is_told_once);
	run(its_end_is_told_after_it);
	run(a_whole_kind_can_be_over);
	run(one_that_comes_back_before_its_end_was_told_is_no_news);
	run(one_that_comes_back_while_its_end_is_told_is_news);
	run(what_is_forgotten_is_not_told);
	run(one_that_lasts_is_told_once_more);
	run(the_queue_is_bounded);
	return done();
}
