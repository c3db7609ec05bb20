/*
 * First boot, as its last walk left it. Its own attempts end after a while, for a boot has an end; the health of the server
 * goes on: who is to know of a step that failed is told, and what time or a later commit can have mended is asked for again.
 */
#include "checks.h"

#include "agent.h"
#include "arena.h"
#include "broker.h"
#include "error.h"
#include "fd.h"
#include "gitops.h"
#include "node.h"
#include "report.h"
#include "state.h"

#include <inttypes.h>
#include <string.h>

/* Between the end of a walk and the next one: about as long as a step tries by itself; where it only takes note, not at all. */
#define GO_ON_S INT64_C(900)
#define ASK_MS	30000

static const struct node *next_failed(const struct node *doc, size_t *i)
{
	const struct node *steps = node_get(doc, "steps");

	while (steps && steps->kind == NODE_LIST && *i < steps->n) {
		const struct node *step = steps->items[(*i)++];
		const char *state = node_str(node_get(step, "state"));

		if (state && strcmp(state, "failed") == 0)
			return step;
	}
	return NULL;
}

static const char *text(const struct node *step, const char *key)
{
	const char *s = node_str(node_get(step, key));

	return s ? s : "?";
}

void check_first_boot(struct examination *x)
{
	struct error ignored = { 0 };
	const struct node *first;
	size_t i = 0, more = 0;

	if (state_read(x->agent, BOOT_STATE, x->arena, &x->first_boot, &ignored) != 0)
		return;
	first = next_failed(x->first_boot, &i);
	while (next_failed(x->first_boot, &i))
		more++;
	if (!first)
		finding_add(x, VERDICT_GOOD, FIRST_BOOT_CHECK, "first boot is done");
	else
		finding_add(x, VERDICT_BAD, FIRST_BOOT_CHECK, "first boot is not done: %s: %s%s",
			text(first, "step"), text(first, "note"),
			more ? arena_printf(x->arena, " (and %zu more)", more) : "");
}

static bool is_set(const struct node *step, const char *key)
{
	bool set = false;

	return node_is_bool(node_get(step, key), &set) && set;
}

bool first_boot_goes_on(const struct node *doc, bool deployed, int64_t now)
{
	bool passing = false, over = false;
	const struct node *step;
	int64_t at = 0;
	size_t i = 0;

	while ((step = next_failed(doc, &i))) {
		over = over || (deployed && is_set(step, "deploys"));
		passing = passing || is_set(step, "transient");
	}
	(void)node_is_int(node_get(doc, "at"), &at);
	/* A clock that was ahead is right by now. */
	return over || (passing && (at > now || now - at >= GO_ON_S));
}

/* What is asked for begins anew: a walk that is at work, and may be pulling for an hour, must not be cut off by that. */
static bool is_at_work(struct agent *a)
{
	struct error ignored = { 0 };
	_close_ int fd = -1;

	return agent_lock_part(a, "first-boot", &fd, &ignored) != 0;
}

void first_boot_go_on(const struct examination *x)
{
	struct error e = { 0 };
	size_t i = 0;

	if (!next_failed(x->first_boot, &i) ||
		!first_boot_goes_on(x->first_boot, gitops_has_good(x->agent), x->now) ||
		is_at_work(x->agent))
		return;
	if (broker_simple(x->agent, "first-boot", ASK_MS, NULL, &e) < 0)
		report(REPORT_WARNING, "first boot cannot go on: %s", e.msg);
	else
		report(REPORT_NOTICE, "first boot goes on");
}
