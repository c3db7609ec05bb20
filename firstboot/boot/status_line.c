/* See status_line.h. */
#include "status_line.h"

#include "agent.h"
#include "alloc.h"
#include "arena.h"
#include "boot.h"
#include "broker.h"
#include "buf.h"
#include "clock.h"
#include "error.h"
#include "ipc.h"
#include "node.h"
#include "report.h"
#include "state.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SETTLE_MS 120000 /* for services that are still starting */
#define POLL_MS	  500 /* at first; twice as long each time, for systemctl costs more than waiting */
#define POLL_MAX  8000
#define SYSTEM_MS 30000
#define NOTE_MAX  400 /* of one note on the console */

/* Of the unit this runs in: it is not finished yet, and its last run's failure is old. */
#define OWN_UNIT "kbuild-firstboot.service"

static const char *const words[] = {
	[BOOT_WORKING] = "working",
	[BOOT_READY] = "ready",
	[BOOT_DEGRADED] = "degraded",
	[BOOT_FAILED] = "failed",
};

static const char *const results[] = {
	[STEP_WAITING] = "waiting",
	[STEP_DONE] = "done",
	[STEP_SKIPPED] = "skipped",
	[STEP_FAILED] = "failed",
	[STEP_LEFT_OUT] = "left out",
};

static void begin(const struct boot *b, enum boot_state state, struct buf *line)
{
	ipc_begin(line);
	ipc_add_int(line, "v", 1);
	ipc_add_str(line, "state", words[state]);
	ipc_add_str(line, "step", b->steps[b->current].name);
	ipc_add_int(line, "n", (int64_t)b->n);
	ipc_add_int(line, "of", (int64_t)b->of);
}

void status_line_working(struct boot *b, const char *note)
{
	_free_ char *cut = xstrndup(note, MIN(strlen(note), NOTE_MAX));
	_buf_ line = BUF_INIT;

	begin(b, BOOT_WORKING, &line);
	ipc_add_str(&line, "note", cut);
	ipc_end(&line);
	report_status(b->agent, &line);
}

void boot_note(struct boot *b, const char *fmt, ...)
{
	_free_ char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	status_line_working(b, text);
}

static void add_reason(struct boot *b, enum boot_state state, const char *fmt, va_list ap)
{
	_free_ char *text = xvasprintf(fmt, ap);

	b->reasons = grow(b->reasons, b->n_reasons, &b->cap_reasons, sizeof *b->reasons);
	b->reasons[b->n_reasons++] =
		arena_strndup(b->arena, text, MIN(strlen(text), (size_t)2 * NOTE_MAX));
	b->worst = MAX(b->worst, state);
}

void boot_degrade(struct boot *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_reason(b, BOOT_DEGRADED, fmt, ap);
	va_end(ap);
}

void boot_fail(struct boot *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_reason(b, BOOT_FAILED, fmt, ap);
	va_end(ap);
}

static const char *const services[] = { "docker", "ufw", "fail2ban" };

static bool settled(const struct node *system)
{
	const struct node *states = node_get(system, "services");

	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		const char *state = node_str(node_get(states, services[i]));

		if (state && (strcmp(state, "activating") == 0 || strcmp(state, "reloading") == 0))
			return false;
	}
	return true;
}

/* 0, or an error that is told as a reason. */
static int ask_system(struct boot *b, struct ipc_message *ret, struct error *e)
{
	int64_t deadline = clock_now_ms(b->agent->clock) + SETTLE_MS;

	for (int64_t pause = POLL_MS;; pause = MIN(pause * 2, POLL_MAX)) {
		int r = broker_simple(b->agent, "system-state", SYSTEM_MS, ret, e);

		if (r < 0 || settled(ret->doc) || clock_now_ms(b->agent->clock) >= deadline)
			return r;
		ipc_message_free(ret);
		if (clock_sleep_ms(b->agent->clock, pause) < 0)
			return error_set(e, ERR_INTERRUPTED, "interrupted");
	}
}

static bool listed(const struct node *list, const char *name)
{
	for (size_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++) {
		const char *item = node_str(list->items[i]);

		if (item && strcmp(item, name) == 0)
			return true;
	}
	return false;
}

/* What should run, and does not: the server is not what it was made for. */
static void judge_services(struct boot *b, const struct node *system, struct buf *line)
{
	const struct node *states = node_get(system, "services");
	const struct node *expected = node_get(system, "expected");

	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		const char *state = node_str(node_get(states, services[i]));

		if (!state)
			continue;
		ipc_add_str(line, services[i], state);
		if (!listed(expected, services[i]) || strcmp(state, "active") == 0)
			continue;
		/* The others are told by who reads the line: see status_reasons() of the builder. */
		if (strcmp(state, "inactive") == 0)
			boot_fail(b, "%s is not running", services[i]);
		b->worst = BOOT_FAILED;
	}
}

static void judge_units(struct boot *b, const struct node *units, struct buf *line)
{
	const char **names =
		xcalloc(units && units->kind == NODE_LIST ? units->n + 1 : 1, sizeof *names);
	size_t n = 0;

	for (size_t i = 0; units && units->kind == NODE_LIST && i < units->n; i++) {
		const char *name = node_str(units->items[i]);

		if (name && strcmp(name, OWN_UNIT) != 0)
			names[n++] = name;
	}
	ipc_add_strs(line, "failed_units", names);
	if (n > 0)
		b->worst = MAX(b->worst, BOOT_DEGRADED);
	free(names);
}

static void add_raw(struct buf *line, const char *key, const struct node *value)
{
	_buf_ text = BUF_INIT;

	if (!value)
		return;
	node_write_json(value, 0, &text);
	while (text.len && text.data[text.len - 1] == '\n')
		text.data[--text.len] = '\0';
	ipc_add(line, key, buf_str(&text));
}

static void add_steps(const struct boot *b, struct buf *line)
{
	_buf_ list = BUF_INIT;

	buf_addc(&list, '[');
	for (size_t i = 0; i < b->n_steps; i++) {
		const struct step_result *result = &b->results[i];
		_buf_ one = BUF_INIT;

		ipc_begin(&one);
		ipc_add_str(&one, "step", b->steps[i].name);
		ipc_add_str(&one, "state", results[result->state]);
		if (result->attempts > 1)
			ipc_add_int(&one, "attempts", result->attempts);
		if (result->transient)
			ipc_add_bool(&one, "transient", true);
		if (b->steps[i].flags & STEP_DEPLOYS)
			ipc_add_bool(&one, "deploys", true);
		if (result->note)
			ipc_add_str(&one, "note", result->note);
		ipc_end(&one);
		buf_printf(&list, "%s%s", i ? "," : "", buf_str(&one));
	}
	buf_addc(&list, ']');
	ipc_add(line, "steps", buf_str(&list));
}

static void save(const struct boot *b)
{
	_buf_ doc = BUF_INIT;
	struct error e = { 0 };

	ipc_begin(&doc);
	ipc_add_int(&doc, "v", 1);
	ipc_add_str(&doc, "state", words[b->worst]);
	ipc_add_int(&doc, "at", (int64_t)time(NULL));
	ipc_add_str(&doc, "instance", b->instance);
	ipc_add_str(&doc, "cloud_init", b->cloud_init);
	ipc_add_strs(&doc, "reasons", b->reasons);
	add_steps(b, &doc);
	ipc_end(&doc);
	buf_addc(&doc, '\n');
	if (state_write(b->agent, BOOT_STATE, &doc, &e) < 0)
		report(REPORT_WARNING, "%s", e.msg);
}

int status_line_report(struct boot *b, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message system = IPC_MESSAGE_INIT;
	_buf_ members = BUF_INIT;
	_buf_ line = BUF_INIT;
	int r = ask_system(b, &system, e);

	if (r < 0 && e->code == ERR_INTERRUPTED)
		return r;
	if (r < 0)
		boot_degrade(b, "the state of the system: %s", e->msg);
	ipc_begin(&members);
	ipc_add_str(&members, "cloud_init", b->cloud_init);
	judge_units(b, node_get(system.doc, "failed_units"), &members);
	judge_services(b, system.doc, &members);
	add_raw(&members, "boot_seconds", node_get(system.doc, "boot_seconds"));
	add_raw(&members, "ssh_host_keys", node_get(system.doc, "ssh_host_keys"));
	add_raw(&members, "addresses", node_get(system.doc, "addresses"));
	b->results[b->current].state = STEP_DONE;
	b->reasons = grow(b->reasons, b->n_reasons, &b->cap_reasons, sizeof *b->reasons);
	b->reasons[b->n_reasons] = NULL;
	begin(b, b->worst, &line);
	buf_printf(&line, ",%s", members.data + 1);
	ipc_add_strs(&line, "reasons", b->reasons);
	ipc_end(&line);
	save(b);
	report_status(b->agent, &line);
	return 0;
}
