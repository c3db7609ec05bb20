/*
 * Runs of the deployment engine in gitops_world.h, each a process of its own with those for the network and for parsing,
 * and what is asked of it afterwards.
 */
#pragma once

#include "gitops_broker.h"

#include "agent.h"
#include "alert.h"
#include "config.h"
#include "gitops.h"
#include "ledger.h"
#include "parse.h"
#include "role.h"

#include <sys/mman.h>
#include <sys/wait.h>

static struct agent_config *config;
static pid_t broker;

#define KILLED 137

/* --- the other processes of a run ------------------------------------------------------------------------ */

static inline int net_handle(_unused_ void *state, _unused_ struct ipc_message *q,
	struct role_reply *reply, struct error *e)
{
	bool well = w->web.there && w->web.running && !form_is(w->web.form, ERROR_500);

	(void)e;
	if (w->ends_net && w->web.form == w->ends_net) {
		w->ends_net = 0;
		_exit(1);
	}
	reply->fds[reply->n_fds++] = ipc_memfd("", 0);
	ipc_begin(reply->json);
	ipc_add_int(reply->json, "status", well ? 200 : 500);
	ipc_add(reply->json, "headers", "[]");
	ipc_end(reply->json);
	return 0;
}

static inline int parse_handle(
	_unused_ void *state, struct ipc_message *q, struct role_reply *reply, struct error *e)
{
	return (parse_plan.run)(q, reply, e);
}

static const struct role_type fake_net = { "net", NULL, net_handle };
static const struct role_type fake_parse = { "parse", NULL, parse_handle };

/* --- runs ------------------------------------------------------------------------------------------------ */

typedef int (*act)(struct agent *a, const struct gitops_run *run, struct buf *why, struct error *e);

static inline struct agent agent_here(void)
{
	return (struct agent){
		.config = config,
		.config_path = "agent.yaml",
		.state_dir = tmp_path,
		.state_fd = tmp_fd(),
		.broker_path = tmp_name("broker.sock"),
		.clock = &fake_clock,
	};
}

static inline void note_progress(_unused_ void *arg, const char *step, _unused_ const char *note)
{
	w->warned += strcmp(step, "warning") == 0;
}

static inline int in_child(act f)
{
	const struct gitops_run run = { .progress = note_progress };
	struct agent a = agent_here();
	struct error e = { 0 };
	_buf_ why = BUF_INIT;
	int r;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	r = role_start(&a.net, &fake_net, &a, &e);
	if (r >= 0)
		r = role_start(&a.parse, &fake_parse, &a, &e);
	if (r >= 0)
		r = f(&a, &run, &why, &e);
	if (r < 0)
		fprintf(stderr, "# run failed: %s\n", e.msg);
	if (getenv("GITOPS_VERBOSE"))
		fprintf(stderr, "# -> %d %s\n", r, buf_str(&why));
	role_stop(a.net);
	role_stop(a.parse);
	return r < 0 ? 100 : r;
}

/* Returns what the run came to; KILLED; 100: it failed itself. */
static inline int run_agent(act f)
{
	int status;
	pid_t pid;

	w->points = w->warned = 0;
	w->rendered = false;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (!getenv("GITOPS_VERBOSE"))
			dup2(open("/dev/null", O_WRONLY), 2);
		_exit(in_child(f));
	}
	waitpid(pid, &status, 0);
	w->kill_at = 0;
	if (!WIFEXITED(status))
		check_fail("a run ended by signal %d", WTERMSIG(status));
	w->ms += 180 * 1000;
	return WEXITSTATUS(status);
}

static inline int once(void)
{
	return run_agent(gitops_run);
}

static inline void begin(void)
{
	static const char text[] =
		"name: demo\napp: {repository: 'https://x/y.git', health: "
		"'http://demo/', forced_updates: follow, image_wait: 0,\n"
		"  signers: ['me ssh-ed25519 AAAA']}\n"
		"backup: {postgres: {container: db}}\n"
		"secrets: {values: {PG: {generate: 256, postgres: {role: app}}, JWT: {generate: 256}}}\n";
	struct error e = { 0 };

	tmp_fd();
	if (!config)
		check_int(agent_config_parse(&config, "agent.yaml", text, sizeof text - 1, &e), 0);
	config->backup.postgres.container = "db";
	config->app.image_wait = 0;
	config->app.timeout = 300;
	config->app.zero_downtime = NULL;
	if (!w)
		w = mmap(
			NULL, sizeof *w, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!broker)
		broker = start_broker(tmp_name("broker.sock"));
	memset(w, 0, sizeof *w);
	w->tip = -1;
	check_int(remove_all(tmp_fd(), "gitops.json"), 0);
	check_int(remove_all(tmp_fd(), "alerts"), 0);
	check_int(remove_all(tmp_fd(), "secrets"), 0);
	check_int(remove_all(tmp_fd(), "failures"), 0);
	check_int(remove_all(tmp_fd(), "gitops-paused"), 0);
	check_int(remove_all(tmp_fd(), "gitops-looked"), 0);
}

/* A commit on top of another one, and the branch there. */
static inline int push_on(int parent, enum kind kind)
{
	const struct commit *p = parent >= 0 ? &w->commits[parent] : NULL;
	struct commit c = { .kind = kind, .parent = parent, .visits = 1 };

	c.db = p && kind != SCHEMA ? p->db : ++w->next_form;
	c.renamed = p && p->renamed;
	c.job = p && p->job;
	c.migrate = p && p->migrate;
	c.inside = p && p->inside;
	c.side = p && p->side;
	if (kind == RENAMED)
		c.renamed = !c.renamed;
	c.web = p && kind == README ? p->web : ++w->next_form;
	/* What changes nothing of something bad is as bad. */
	if (p && kind == README)
		c.kind = p->kind == UNSIGNED || p->kind == PRIVILEGED ? GOOD : p->kind;
	if (kind == README && (c.kind == SCHEMA || c.kind == RENAMED))
		c.kind = GOOD;
	w->commits[w->n] = c;
	w->tip = w->n++;
	return w->tip;
}

static inline int push(enum kind kind)
{
	return push_on(w->tip, kind);
}

/* A world in which the application's first commit is live. */
static inline void begin_with_a_good_one(void)
{
	begin();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
}

static inline void load(struct ledger *l, struct arena *arena)
{
	struct agent a = agent_here();
	struct error e = { 0 };

	check_int(ledger_load(l, &a, arena, &e), 0);
}

static inline int good_index(void)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct ledger l;

	load(&l, arena);
	return l.good.sha ? index_of(l.good.sha) : -1;
}

static inline void count_told(struct commit *c, bool over)
{
	*(over ? &c->recoveries : &c->faults) += 1;
}

/* What waits is told; counted by commit. */
static inline void send_alerts(void)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct agent a = agent_here();
	struct alert_waiting *list;
	struct error e = { 0 };
	size_t n;

	check_int(alert_waiting(&a, arena, &list, &n, &e), 0);
	for (size_t i = 0; i < n; i++) {
		const char *key = list[i].alert.key;
		bool over = list[i].over;

		if (strncmp(key, "gitops:needs-human", 18) == 0)
			*(over ? &w->human_recoveries : &w->human_faults) += 1;
		else if (strcmp(key, "gitops:drift:data") == 0)
			*(over ? &w->data_recoveries : &w->data_faults) += 1;
		else
			count_told(&w->commits[index_of(key + strlen("gitops:"))], over);
		check_int(alert_sent(&a, &list[i], &e), 0);
	}
}

/* Some alert that waits says it. */
static inline void check_told_of(const char *words)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct agent a = agent_here();
	struct alert_waiting *list;
	struct error e = { 0 };
	bool found = false;
	size_t n;

	check_int(alert_waiting(&a, arena, &list, &n, &e), 0);
	for (size_t i = 0; i < n; i++)
		found = found || (list[i].alert.text && strstr(list[i].alert.text, words));
	check(found);
}

static inline bool is_well(int commit)
{
	const struct commit *c = &w->commits[commit];
	const struct box *data = data_of(c);

	return w->web.there && w->web.running && w->web.form == c->web && data->there &&
	       data->running && data->form == c->db && !other_data(c)->there;
}

/* What main() is, but for the tests. */
static inline void gitops_begin(void)
{
	/* Thousands of small files are synced; memory has nothing to sync. */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 0);
}

static inline int gitops_done(void)
{
	if (broker > 0)
		kill(broker, SIGKILL);
	agent_config_free(config);
	return done();
}
