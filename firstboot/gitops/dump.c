/* The dump before a revision that changes data. */
#include "deploy.h"

#include "agent.h"
#include "arena.h"
#include "backup.h"
#include "broker.h"
#include "buf.h"
#include "config.h"
#include "engine.h"
#include "error.h"
#include "gate.h"
#include "ipc.h"
#include "manifest.h"
#include "node.h"

#include <string.h>

#define PROBE_MS 60000

static bool runs(const struct containers *cs, const char *service)
{
	for (size_t i = 0; i < cs->n; i++)
		if (strcmp(cs->v[i].service, service) == 0 &&
			strcmp(cs->v[i].state, "running") == 0)
			return true;
	return false;
}

/* Something else may have the data: a commit that failed and was left as it is, or what was made by hand. */
static bool is_replaced(struct deploy *d, const struct plan *good, const struct containers *cs)
{
	for (size_t i = 0; i < cs->n; i++)
		if (!plan_find(good, cs->v[i].service) && deploy_may_keep_data(d, cs->v[i].service))
			return true;
	return false;
}

/*
 * The databases of a revision that do not run and can be started, as a plan of their own; how many in
 * ret->n. None is started beside what may use its data.
 */
static int find_absent(struct deploy *d, const struct revision *of, struct plan *ret,
	const char ***ret_names, struct error *e)
{
	struct containers cs;
	struct plan good;
	int r = plan_parse(of->table, d->arena, &good, e);

	if (r >= 0)
		r = engine_ps(d->a, d->arena, &cs, e);
	if (r < 0)
		return r;
	*ret = (struct plan){ .services =
				      arena_alloc(d->arena, (good.n + 1) * sizeof *ret->services) };
	*ret_names = arena_alloc(d->arena, (good.n + 1) * sizeof **ret_names);
	if (is_replaced(d, &good, &cs))
		return 0;
	for (size_t i = 0; i < good.n; i++) {
		const struct plan_service *s = &good.services[i];

		if (!s->database || runs(&cs, s->name))
			continue;
		(*ret_names)[ret->n] = s->name;
		ret->services[ret->n++] = *s;
	}
	return 0;
}

static bool can_dump(const struct deploy *d)
{
	return d->a->config->has_backup && d->a->config->backup.postgres.container;
}

/* Until they take connections. first: nothing served here before. */
static int await_databases(
	struct deploy *d, const struct plan *databases, bool first, struct error *e)
{
	const struct gate g = {
		.a = d->a, .plan = databases, .first = first, .calm = true, .inside = true
	};
	_buf_ why = BUF_INIT;
	int r = gate_wait(&g, &why, e);

	return r == GATE_FAILED ? error_set(e, ERR_TEST, "%s", buf_str(&why)) : r;
}

/*
 * A database that somebody stopped or removed cannot be dumped, and the new revision would be the next to touch its
 * data: it comes up as it was, first.
 */
static int bring_up(struct deploy *d, struct error *e)
{
	struct plan absent;
	const char **names;
	int r = find_absent(d, &d->ledger.good, &absent, &names, e);

	if (r < 0 || absent.n == 0)
		return r;
	deploy_say(d, "dump", "%s does not run: starting it, to dump it first", names[0]);
	r = deploy_up_good(d, names, e);
	return r < 0 ? r : await_databases(d, &absent, false, e);
}

/* Whether what keeps data finds some here: of the server that this one takes the place of. */
static int finds_data(const struct deploy *d, bool *ret, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	int r = broker_simple(d->a, "volume-probe", PROBE_MS, &m, e);

	*ret = false;
	if (r >= 0)
		(void)node_is_bool(node_get(m.doc, "used"), ret);
	return r;
}

void deploy_dump_found(struct deploy *d)
{
	const struct revision *to = &d->ledger.doing.to;
	struct error e = { 0 };
	struct plan absent;
	const char **names;
	bool found = false;

	if (!can_dump(d) || finds_data(d, &found, &e) < 0 || !found ||
		find_absent(d, to, &absent, &names, &e) < 0 || absent.n == 0)
		return;
	deploy_say(d, "dump", "there are data of an earlier server: dumping the databases first");
	if (engine_up(d->a, to->plan, names, &e) < 0 || await_databases(d, &absent, true, &e) < 0 ||
		backup_now(d->a, BACKUP_BEFORE_DEPLOY, &e) < 0)
		deploy_warn(d, "the databases could not be dumped first: %s", e.msg);
}

int deploy_dump(struct deploy *d, struct error *e)
{
	const struct attempt *t = &d->ledger.doing;
	int r;

	if (!d->ledger.good.sha)
		deploy_dump_found(d);
	if (!t->dump || t->asked || !d->ledger.good.sha || !can_dump(d))
		return 0;
	if (d->run->no_dump) {
		deploy_say(d, "dump", "the databases are not dumped first, as asked for");
		return 0;
	}
	deploy_say(d, "dump", "dumping the databases first");
	r = bring_up(d, e);
	if (r >= 0)
		r = backup_now(d->a, BACKUP_BEFORE_DEPLOY, e);
	if (r == 0 || e->code == ERR_INTERRUPTED)
		return r;
	error_prefix(e, "the backup before it");
	return error_append(e, " (without it: kbuild-agent gitops now --without-dump)");
}
