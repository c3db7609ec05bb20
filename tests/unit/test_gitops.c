/*
 * The deployment engine against a world that can be told what to do: a branch whose commits are good
 * or bad in many ways, a broker behind a real socket that keeps containers in shared memory, a clock.
 * Every run is a process of its own, which can be ended at each of its writes and each of its calls, as a
 * power cut would. What must hold however it comes is checked after every run.
 */
#include "agent.h"
#include "alert.h"
#include "arena.h"
#include "client.h"
#include "clock.h"
#include "config.h"
#include "error.h"
#include "gitops.h"
#include "http.h"
#include "ipc.h"
#include "ledger.h"
#include "node.h"
#include "parse.h"
#include "role.h"

#include "check.h"
#include "tmpdir.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

static unsigned story; /* which one, for messages */

#define COMMITS 40
#define EPOCH	1700000000

enum kind {
	GOOD,
	README, /* good, and nothing that runs differs */
	SCHEMA, /* good, and the database's definition differs */
	CRASH,
	UNHEALTHY,
	ERROR_500,
	UNSAFE, /* crashes, and may not be taken back */
	MISSING_IMAGE,
	PRIVILEGED,
	UNSIGNED,
	KINDS,
};

struct commit {
	enum kind kind;
	int parent;  /* index, -1: none */
	int web, db; /* which form of the services it has; equal forms are equal documents */
	int settled; /* a run has called it bad: it must not be brought up any more */
	int visits;  /* how often the branch came to it */
	int faults, recoveries; /* told of it */
};

struct box {
	bool there, running;
	int form, id, image;
	int64_t restarts;
};

/* In memory that all processes share. */
static struct world {
	struct commit commits[COMMITS];
	int db_image
		[COMMITS]; /* that its plan was pulled with; each commit finds another one under the tag */
	int n, tip, next_form;
	struct box web, db;
	int ids, db_made;
	bool ups_bad; /* a commit that was settled as bad was brought up */
	int64_t ms;
	unsigned random;
	int flaky;     /* in a hundred calls: failures that pass */
	int broken_up; /* up does not work any more, for good */
	int soft_up; /* up of this commit fails as if it would pass, always; -1: of all; 0: of none */
	int extra;   /* containers of web beside the one */
	bool stranger; /* one of a service that no commit has */
	int kill_at;   /* points until the process ends; 0: never */
	int points;    /* passed in the last run */
	bool full;
	int rotated;  /* the form that web has with the secrets of now; 0: its commit's */
	int bad_form; /* web crashes in this form, whatever its commit is */
	int human_faults, human_recoveries;
	int ups;
} * w;

static unsigned rnd(unsigned n)
{
	w->random = w->random * 1103515245u + 12345u;
	return (w->random >> 8) % n;
}

static void point(void)
{
	w->points++;
	if (w->kill_at > 0 && --w->kill_at == 0)
		_exit(137);
}

static bool fails(struct error *e)
{
	if (rnd(100) >= (unsigned)w->flaky)
		return false;
	error_set(e, ERR_NETWORK, "a passing failure");
	return true;
}

/* --- time ----------------------------------------------------------------------------------------- */

static int64_t fake_now(_unused_ void *arg)
{
	return w->ms;
}

static int fake_sleep(_unused_ void *arg, int64_t ms)
{
	w->ms += ms;
	return 0;
}

static const struct clock fake_clock = { fake_now, fake_sleep, NULL };

time_t __wrap_time(time_t *ret);
time_t __wrap_time(time_t *ret)
{
	time_t t = EPOCH + (w ? w->ms / 1000 : 0);

	if (ret)
		*ret = t;
	return t;
}

/* --- points at which a run can be ended -------------------------------------------------------------- */

int __real_file_replace(int dirfd, const char *path, const void *data, size_t len, mode_t mode);
int __wrap_file_replace(int dirfd, const char *path, const void *data, size_t len, mode_t mode);
int __wrap_file_replace(int dirfd, const char *path, const void *data, size_t len, mode_t mode)
{
	int r;

	point();
	r = __real_file_replace(dirfd, path, data, len, mode);
	point();
	return r;
}

int __real_broker_call(const struct agent *a, const struct buf *request, const int *fds,
	size_t n_fds, int64_t timeout_ms, struct ipc_message *ret, struct error *e);
int __wrap_broker_call(const struct agent *a, const struct buf *request, const int *fds,
	size_t n_fds, int64_t timeout_ms, struct ipc_message *ret, struct error *e);
int __wrap_broker_call(const struct agent *a, const struct buf *request, const int *fds,
	size_t n_fds, int64_t timeout_ms, struct ipc_message *ret, struct error *e)
{
	int r;

	point();
	r = __real_broker_call(a, request, fds, n_fds, timeout_ms, ret, e);
	point();
	return r;
}

int __wrap_secrets_digest(const struct agent *a, char ret_hex[65], struct error *e);
int __wrap_secrets_digest(
	_unused_ const struct agent *a, char ret_hex[65], _unused_ struct error *e)
{
	snprintf(ret_hex, 65, "%d", w->rotated);
	return 0;
}

/* --- the repository ----------------------------------------------------------------------------------- */

static void sha_of(int i, char ret[REPO_SHA])
{
	snprintf(ret, REPO_SHA, "%07x%033x", (unsigned)i + 1, (unsigned)i + 1);
}

static int index_of(const char *sha)
{
	return (int)strtol(sha + 32, NULL, 16) - 1;
}

int repo_check(_unused_ struct agent *a, const char *known, char ret_tip[REPO_SHA], struct error *e)
{
	if (fails(e))
		return -e->code;
	sha_of(w->tip, ret_tip);
	return known && strcmp(known, ret_tip) == 0 ? REPO_UNCHANGED : 0;
}

int repo_fetch(_unused_ struct agent *a, char ret_tip[REPO_SHA], struct error *e)
{
	if (fails(e))
		return -e->code;
	sha_of(w->tip, ret_tip);
	return 0;
}

static bool comes_after(int new, int old)
{
	while (new >= 0 && new != old)
		new = w->commits[new].parent;
	return new == old;
}

int repo_relation(_unused_ struct agent *a, const char *old, const char *new,
	enum repo_relation *ret, _unused_ struct error *e)
{
	int o = index_of(old), n = index_of(new);

	*ret = o == n		   ? REPO_EQUAL
	       : comes_after(n, o) ? REPO_DESCENDANT
	       : comes_after(o, n) ? REPO_ANCESTOR
				   : REPO_DIVERGED;
	return 0;
}

int repo_verify(_unused_ struct agent *a, const char *sha, struct arena *arena,
	const char **ret_who, _unused_ struct error *e)
{
	*ret_who = arena_strdup(arena, "somebody");
	return w->commits[index_of(sha)].kind == UNSIGNED ? REPO_UNSIGNED : 0;
}

int repo_describe(_unused_ struct agent *a, const char *sha, struct arena *arena,
	struct repo_commit *ret, _unused_ struct error *e)
{
	*ret = (struct repo_commit){ arena_printf(arena, "commit %d", index_of(sha)), "me", 0 };
	return 0;
}

int repo_write_release(_unused_ struct agent *a, _unused_ const char *sha, struct error *e)
{
	return fails(e) ? -e->code : 0;
}

int repo_mark_good(_unused_ struct agent *a, _unused_ const char *sha, _unused_ struct error *e)
{
	return 0;
}

int repo_gc(_unused_ struct agent *a, _unused_ const char *const *keep, _unused_ struct error *e)
{
	return 0;
}

/* --- the broker ----------------------------------------------------------------------------------------- */

static const struct commit *commit_of(const struct node *doc, const char *key)
{
	return &w->commits[index_of(
		node_str(node_get(doc, key)) + strlen(node_str(node_get(doc, key))) - 40)];
}

static bool form_is(int form, enum kind kind)
{
	for (int i = 0; i < w->n; i++)
		if (w->commits[i].web == form && w->commits[i].kind == kind)
			return true;
	return false;
}

static int op_render(const struct node *q, struct buf *out, int *fd, struct error *e)
{
	const struct commit *c = commit_of(q, "release");
	int web = w->rotated ? w->rotated : c->web;
	_buf_ doc = BUF_INIT;

	if (c->kind == PRIVILEGED)
		return error_set(e, ERR_INVALID, "services.web: privileged is not allowed");
	buf_printf(&doc,
		"{\"services\":{\"web\":{\"image\":\"web\",\"environment\":{\"F\":\"%d\"},"
		"\"restart\":\"always\",\"labels\":{\"kbuild.rollback\":\"%s\"}},"
		"\"db\":{\"image\":\"db\",\"environment\":{\"F\":\"%d\"},\"restart\":\"always\","
		"\"volumes\":[{\"type\":\"volume\",\"source\":\"data\"}]}},\"volumes\":{\"data\":{}}}",
		web, c->kind == UNSAFE ? "unsafe" : "safe", c->db);
	*fd = ipc_memfd(doc.data, doc.len);
	buf_printf(out, "\"plan\":\"%024x%040x\"", web, (int)(c - w->commits) + 1);
	return 0;
}

/* The form of web that a plan was rendered with. */
static int web_of(const struct node *q)
{
	char text[25];

	snprintf(text, sizeof text, "%.24s", node_str(node_get(q, "plan")));
	return (int)strtol(text, NULL, 16);
}

static int op_pull(const struct node *q, struct buf *out, _unused_ int *fd, struct error *e)
{
	const struct commit *c = commit_of(q, "plan");
	const struct node *services = node_get(q, "services");
	int image = (int)(c - w->commits);

	for (size_t i = 0; services && i < services->n; i++)
		if (strcmp(node_str(services->items[i]), "db") == 0)
			image = atoi(
				node_str(node_get(q, "images")->items[i]) + strlen("db@sha256:"));
	w->db_image[c - w->commits] = image;
	if (c->kind == MISSING_IMAGE)
		return error_set(e, ERR_FAILED, "web: no such image");
	buf_printf(out,
		"\"plan\":\"%s\",\"services\":{\"web\":{\"image\":\"web@sha256:%d\"},"
		"\"db\":{\"image\":\"db@sha256:%d\"}}",
		node_str(node_get(q, "plan")), web_of(q), image);
	return 0;
}

static void make(struct box *b, int form, int image)
{
	if (b->there && b->image != image)
		b->there = false;
	if (b->there && b->form == form && b->running)
		return;
	*b = (struct box){
		.there = true, .running = true, .form = form, .id = ++w->ids, .image = image
	};
}

static int op_up(const struct node *q, _unused_ struct buf *out, _unused_ int *fd, struct error *e)
{
	const struct commit *c = commit_of(q, "plan");
	const struct node *services = node_get(q, "services");

	w->ups++;
	if (w->broken_up)
		return error_set(e, ERR_FAILED, "up is broken");
	if (w->soft_up < 0 || (w->soft_up > 0 && c == &w->commits[w->soft_up]))
		return error_set(e, ERR_NETWORK, "an engine that is busy");
	if (c->settled)
		w->ups_bad = true;
	for (size_t i = 0; i < services->n; i++) {
		bool db = strcmp(node_str(services->items[i]), "db") == 0;

		if (db && (!w->db.there || w->db.form != c->db ||
				  w->db.image != w->db_image[c - w->commits]))
			w->db_made++;
		if (db)
			make(&w->db, c->db, w->db_image[c - w->commits]);
		else
			make(&w->web, web_of(q), w->extra = 0);
	}
	return 0;
}

static void write_box(struct buf *out, const char *name, struct box *b)
{
	bool web = strcmp(name, "web") == 0;
	bool crash = web && (form_is(b->form, CRASH) || form_is(b->form, UNSAFE) ||
				    (w->bad_form && b->form == w->bad_form));

	if (!b->there)
		return;
	b->restarts += crash;
	buf_printf(out,
		"%s{\"id\":\"%d\",\"name\":\"x-%s-1\",\"service\":\"%s\",\"state\":\"%s\","
		"\"health\":\"%s\",\"hash\":\"%s%d\",\"exit_code\":%d,\"restarts\":%d,"
		"\"restart_policy\":\"always\"}",
		out->len > strlen("{\"containers\":[") ? "," : "", b->id, name, name,
		b->running ? "running" : "exited",
		web && form_is(b->form, UNHEALTHY) ? "unhealthy" : "none", name, b->form, crash,
		(int)b->restarts);
}

static int op_ps(
	_unused_ const struct node *q, struct buf *out, _unused_ int *fd, _unused_ struct error *e)
{
	buf_adds(out, "\"containers\":[");
	write_box(out, "web", &w->web);
	write_box(out, "db", &w->db);
	for (int i = 0; i < w->extra; i++)
		write_box(out, "web", &w->web);
	if (w->stranger)
		write_box(out, "old", &(struct box){ true, true, 1, 99, 0, 0 });
	buf_addc(out, ']');
	return 0;
}

static int op_disk(
	_unused_ const struct node *q, struct buf *out, _unused_ int *fd, _unused_ struct error *e)
{
	buf_printf(out, "\"free\":%d,\"size\":1000000000", w->full ? 1000 : 900000000);
	return 0;
}

static int op_logs(
	_unused_ const struct node *q, _unused_ struct buf *out, int *fd, _unused_ struct error *e)
{
	*fd = ipc_memfd("boom\n", 5);
	return 0;
}

static int op_nothing(_unused_ const struct node *q, _unused_ struct buf *out, _unused_ int *fd,
	_unused_ struct error *e)
{
	return 0;
}

static int op_remove(
	const struct node *q, _unused_ struct buf *out, _unused_ int *fd, _unused_ struct error *e)
{
	if (strcmp(node_str(node_get(q, "container")), "99") == 0)
		w->stranger = false;
	return 0;
}

static const struct {
	const char *name;
	int (*run)(const struct node *q, struct buf *out, int *fd, struct error *e);
} ops[] = {
	{ "render", op_render },
	{ "pull", op_pull },
	{ "up", op_up },
	{ "ps", op_ps },
	{ "disk", op_disk },
	{ "logs", op_logs },
	{ "stop", op_nothing },
	{ "remove", op_remove },
	{ "prune", op_nothing },
};

static void serve(int sock)
{
	_cleanup_(ipc_message_free) struct ipc_message q = IPC_MESSAGE_INIT;
	struct error e = { 0 };
	_buf_ out = BUF_INIT;
	_close_ int fd = -1;
	const char *op;
	int r = -1;

	if (ipc_receive(sock, -1, &q, &e) != 0)
		return;
	op = node_str(node_get(q.doc, "op"));
	error_set(&e, ERR_USAGE, "no operation %s", op);
	buf_addc(&out, '{');
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		if (strcmp(ops[i].name, op) == 0)
			r = fails(&e) ? -1 : (ops[i].run)(q.doc, &out, &fd, &e);
	buf_addc(&out, '}');
	if (r < 0)
		ipc_send_error(sock, &e, &(struct error){ 0 });
	else
		ipc_send(sock, &out, &fd, fd >= 0, &(struct error){ 0 });
}

static pid_t start_broker(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	pid_t pid;

	snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path);
	if (bind(listening, (struct sockaddr *)&sa, sizeof sa) < 0 || listen(listening, 8) < 0) {
		perror(path);
		exit(99);
	}
	pid = fork();
	if (pid > 0) {
		close(listening);
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		int sock = accept(listening, NULL, NULL);

		serve(sock);
		close(sock);
	}
}

/* --- the other processes of a run ------------------------------------------------------------------------ */

static int net_handle(_unused_ void *state, _unused_ struct ipc_message *q,
	struct role_reply *reply, struct error *e)
{
	bool well = w->web.there && w->web.running && !form_is(w->web.form, ERROR_500);

	(void)e;
	reply->fds[reply->n_fds++] = ipc_memfd("", 0);
	ipc_begin(reply->json);
	ipc_add_int(reply->json, "status", well ? 200 : 500);
	ipc_add(reply->json, "headers", "[]");
	ipc_end(reply->json);
	return 0;
}

static int parse_handle(
	_unused_ void *state, struct ipc_message *q, struct role_reply *reply, struct error *e)
{
	return (parse_plan.run)(q, reply, e);
}

static const struct role_type fake_net = { "net", NULL, net_handle };
static const struct role_type fake_parse = { "parse", NULL, parse_handle };

/* --- a run ------------------------------------------------------------------------------------------------ */

static struct agent_config *config;
static pid_t broker;

#define KILLED 137

typedef int (*act)(struct agent *a, const struct gitops_run *run, struct buf *why, struct error *e);

static struct agent agent_here(void)
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

static int in_child(act f)
{
	const struct gitops_run run = { 0 };
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
static int run_agent(act f)
{
	int status;
	pid_t pid;

	w->points = 0;
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

static int once(void)
{
	return run_agent(gitops_run);
}

static void begin(void)
{
	static const char text[] =
		"name: demo\napp: {repository: 'https://x/y.git', health: "
		"'http://demo/', forced_updates: follow, signers: ['me ssh-ed25519 AAAA']}\n";
	struct error e = { 0 };

	tmp_fd();
	if (!config)
		check_int(agent_config_parse(&config, "agent.yaml", text, sizeof text - 1, &e), 0);
	if (!w)
		w = mmap(
			NULL, sizeof *w, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!broker)
		broker = start_broker(tmp_name("broker.sock"));
	memset(w, 0, sizeof *w);
	w->tip = -1;
	check_int(remove_all(tmp_fd(), "gitops.json"), 0);
	check_int(remove_all(tmp_fd(), "alerts"), 0);
	check_int(remove_all(tmp_fd(), "failures"), 0);
	check_int(remove_all(tmp_fd(), "gitops-paused"), 0);
	check_int(remove_all(tmp_fd(), "gitops-looked"), 0);
}

/* A commit on top of another one, and the branch there. */
static int push_on(int parent, enum kind kind)
{
	const struct commit *p = parent >= 0 ? &w->commits[parent] : NULL;
	struct commit c = { .kind = kind, .parent = parent, .visits = 1 };

	c.db = p && kind != SCHEMA ? p->db : ++w->next_form;
	c.web = p && kind == README ? p->web : ++w->next_form;
	/* What changes nothing of something bad is as bad. */
	if (p && kind == README)
		c.kind = p->kind == UNSIGNED || p->kind == PRIVILEGED ? GOOD : p->kind;
	if (kind == README && c.kind == SCHEMA)
		c.kind = GOOD;
	w->commits[w->n] = c;
	w->tip = w->n++;
	return w->tip;
}

static int push(enum kind kind)
{
	return push_on(w->tip, kind);
}

static void load(struct ledger *l, struct arena *arena)
{
	struct agent a = agent_here();
	struct error e = { 0 };

	check_int(ledger_load(l, &a, arena, &e), 0);
}

static int good_index(void)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct ledger l;

	load(&l, arena);
	return l.good.sha ? index_of(l.good.sha) : -1;
}

/* What waits is told; counted by commit. */
static void send_alerts(void)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct agent a = agent_here();
	struct alert_waiting *list;
	struct error e = { 0 };
	size_t n;

	check_int(alert_waiting(&a, arena, &list, &n, &e), 0);
	for (size_t i = 0; i < n; i++) {
		const char *key = list[i].alert.key;
		bool human = strncmp(key, "gitops:needs-human", 18) == 0;
		struct commit *c = human ? NULL : &w->commits[index_of(key + strlen("gitops:"))];

		if (list[i].over)
			human ? w->human_recoveries++ : c->recoveries++;
		else
			human ? w->human_faults++ : c->faults++;
		check_int(alert_sent(&a, &list[i], &e), 0);
	}
}

/* Some alert that waits says it. */
static void check_told_of(const char *words)
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

static bool is_well(int commit)
{
	return w->web.there && w->web.running && w->web.form == w->commits[commit].web &&
	       w->db.there && w->db.running && w->db.form == w->commits[commit].db;
}

/* --- single stories ------------------------------------------------------------------------------------------ */

static void a_good_commit_goes_live(void)
{
	begin();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check_int(good_index(), 0);
	check(is_well(0));
	check_int(once(), GITOPS_UNCHANGED);
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check(is_well(1));
	check_int(w->db_made, 1);
	send_alerts();
	check_int(w->commits[1].faults, 0);
}

static void what_changes_nothing_restarts_nothing(void)
{
	int web;

	begin();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	web = w->web.id;
	push(README);
	check_int(once(), GITOPS_DEPLOYED);
	check_int(good_index(), 1);
	check_int(w->web.id, web);
}

/* Its tag means another image with each commit; what keeps data is made anew with the one it had. */
static void a_moved_tag_changes_no_data(void)
{
	begin();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check_int(w->db_made, 1);
	w->db.there = false;
	w->ms += 600 * 1000;
	check_int(once(), GITOPS_REPAIRED);
	check_int(w->db.image, 0);
	w->ms += 600 * 1000;
	check_int(once(), GITOPS_UNCHANGED);
	push(SCHEMA);
	check_int(once(), GITOPS_DEPLOYED);
	check_int(w->db.image, 2);
	check_int(run_agent(gitops_rollback), GITOPS_DEPLOYED);
	check_int(w->db.image, 0);
}

static void a_bad_commit_is_taken_back_once(void)
{
	static const enum kind kinds[] = { CRASH, UNHEALTHY, ERROR_500 };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		begin();
		push(GOOD);
		check_int(once(), GITOPS_DEPLOYED);
		push(kinds[i]);
		check_int(once(), GITOPS_ROLLED_BACK);
		check(is_well(0));
		w->commits[1].settled = 1;
		check_int(once(), GITOPS_UNCHANGED);
		check_int(once(), GITOPS_UNCHANGED);
		check(!w->ups_bad);
		check_int(w->db_made, 1);
		send_alerts();
		check_int(w->commits[1].faults, 1);
		check_int(w->commits[1].recoveries, 0);
		push(GOOD);
		check_int(once(), GITOPS_DEPLOYED);
		send_alerts();
		check_int(w->commits[1].faults, 1);
		check_int(w->commits[1].recoveries, 1);
	}
}

static void what_cannot_be_begun_changes_nothing(void)
{
	static const enum kind kinds[] = { MISSING_IMAGE, PRIVILEGED, UNSIGNED };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		int ups;

		begin();
		push(GOOD);
		check_int(once(), GITOPS_DEPLOYED);
		ups = w->ups;
		push(kinds[i]);
		check_int(once(), GITOPS_REFUSED);
		check_int(once(), GITOPS_UNCHANGED);
		check_int(w->ups, ups);
		check(is_well(0));
		send_alerts();
		check_int(w->commits[1].faults, 1);
	}
}

static void a_branch_that_goes_back_is_held(void)
{
	begin();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	w->tip = 0;
	check_int(once(), GITOPS_REFUSED);
	check(is_well(1));
	/* And forward again: that is the good one. */
	w->tip = 1;
	check_int(once(), GITOPS_UNCHANGED);
	send_alerts();
	check_int(w->commits[0].faults, 1);
	check_int(w->commits[0].recoveries, 1);
	/* A forced update that is no downgrade is followed, as configured. */
	push_on(0, GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check(is_well(2));
}

static void what_may_not_be_taken_back_needs_a_human(void)
{
	begin();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	push(UNSAFE);
	check_int(once(), GITOPS_NEEDS_HUMAN);
	check_int(w->web.form, w->commits[1].web);
	w->commits[1].settled = 1;
	check_int(once(), GITOPS_NEEDS_HUMAN);
	check_int(w->web.form, w->commits[1].web);
	check(!w->ups_bad);
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	send_alerts();
	check_int(w->human_faults, 1);
	check_int(w->human_recoveries, 1);
}

/* What runs then is not the good revision, though the branch is there again: it is brought up. */
static void a_branch_that_is_put_back_ends_that_a_human_is_needed(void)
{
	int ups;

	begin();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	push(UNSAFE);
	check_int(once(), GITOPS_NEEDS_HUMAN);
	send_alerts();
	w->tip = 0;
	check_int(once(), GITOPS_DEPLOYED);
	check(is_well(0));
	check_int(once(), GITOPS_UNCHANGED);
	send_alerts();
	check_int(w->human_recoveries, 1);
	/* And when that fails, too, it is tried again by hand only. */
	push(UNSAFE);
	check_int(once(), GITOPS_NEEDS_HUMAN);
	w->tip = 0;
	w->broken_up = 1;
	check_int(once(), GITOPS_NEEDS_HUMAN);
	ups = w->ups;
	check_int(once(), GITOPS_NEEDS_HUMAN);
	check_int(w->ups, ups);
	send_alerts();
	check_int(w->human_recoveries, 1);
	w->broken_up = 0;
	check_int(run_agent(gitops_retry), GITOPS_DEPLOYED);
	check(is_well(0));
	send_alerts();
	check_int(w->human_recoveries, 3);
}

static void each_commit_that_needs_a_human_is_told(void)
{
	begin();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	push(UNSAFE);
	check_int(once(), GITOPS_NEEDS_HUMAN);
	send_alerts();
	check_int(w->human_faults, 1);
	push(UNSAFE);
	check_int(once(), GITOPS_NEEDS_HUMAN);
	send_alerts();
	check_int(w->human_faults, 2);
	/* One that goes back and is well leaves nobody anything to do but to look at it. */
	push(CRASH);
	check_int(once(), GITOPS_ROLLED_BACK);
	check(is_well(0));
	check_int(once(), GITOPS_UNCHANGED);
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	send_alerts();
	check_int(w->human_recoveries, 2);
}

static void a_branch_that_is_held_is_accepted_by_hand(void)
{
	begin();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	w->tip = 0;
	check_int(once(), GITOPS_REFUSED);
	check_told_of("not followed there by itself");
	check_int(run_agent(gitops_retry), GITOPS_DEPLOYED);
	check(is_well(0));
	check_int(once(), GITOPS_UNCHANGED);
	/* Once: the next time it is held as before. */
	w->tip = 1;
	check_int(once(), GITOPS_DEPLOYED);
	w->tip = 0;
	check_int(once(), GITOPS_REFUSED);
}

static void going_back_that_fails_needs_a_human(void)
{
	begin();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	push(GOOD);
	w->broken_up = 1;
	check_int(once(), GITOPS_NEEDS_HUMAN);
	send_alerts();
	check_int(w->human_faults, 1);
	w->broken_up = 0;
	check_int(run_agent(gitops_retry), GITOPS_DEPLOYED);
	check(is_well(1));
	send_alerts();
	check_int(w->human_recoveries, 1);
}

static void a_full_disk_is_waited_for(void)
{
	begin();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	push(GOOD);
	w->full = true;
	check_int(once(), GITOPS_LATER);
	check_int(once(), GITOPS_LATER);
	check(is_well(0));
	w->full = false;
	w->ms += 3600 * 1000;
	check_int(once(), GITOPS_DEPLOYED);
	send_alerts();
	check_int(w->commits[1].faults, 0);
}

static void a_pause_is_a_pause(void)
{
	struct agent a = { 0 };
	struct error e = { 0 };
	_buf_ why = BUF_INIT;

	begin();
	a = agent_here();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check_int(gitops_pause(&a, &why, &e), 0);
	push(GOOD);
	check_int(once(), GITOPS_PAUSED);
	check(is_well(0));
	check_int(gitops_resume(&a, &why, &e), 0);
	check_int(once(), GITOPS_DEPLOYED);
}

static void what_was_changed_by_hand_is_put_right(void)
{
	begin();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	w->web.there = false;
	check_int(once(), GITOPS_REPAIRED);
	check(is_well(0));
	/* Within ten minutes of a look the timer does not look again. */
	w->web.running = false;
	check_int(once(), GITOPS_UNCHANGED);
	w->ms += 600 * 1000;
	check_int(once(), GITOPS_REPAIRED);
	w->web.form = 77;
	w->ms += 600 * 1000;
	check_int(once(), GITOPS_REPAIRED);
	check(is_well(0));
	check_int(w->db_made, 1);
	check_int(once(), GITOPS_UNCHANGED);
}

static void what_is_too_much_is_taken_away(void)
{
	begin();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	w->extra = 2;
	check_int(once(), GITOPS_REPAIRED);
	check_int(w->extra, 0);
	w->stranger = true;
	w->ms += 600 * 1000;
	check_int(once(), GITOPS_REPAIRED);
	check(!w->stranger);
	check(is_well(0));
	w->ms += 600 * 1000;
	check_int(once(), GITOPS_UNCHANGED);
}

/* What looks as if it would pass, and does not. */
static void a_deployment_is_not_waited_for_for_ever(void)
{
	begin();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	w->soft_up = push(GOOD);
	for (int i = 0; i < 4; i++)
		check_int(once(), GITOPS_LATER);
	check_int(once(), GITOPS_ROLLED_BACK);
	check(is_well(0));
	check_told_of("an engine that is busy (5 times)");
	check_int(once(), GITOPS_UNCHANGED);
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check(is_well(2));
	/* An engine that takes nothing at all is waited for longer, then somebody is called. */
	push(GOOD);
	w->soft_up = -1;
	for (int i = 0; i < 4 + 20; i++) {
		if (i == 4)
			w->tip = 2; /* that is not what is at work */
		check_int(once(), i < 23 ? GITOPS_LATER : GITOPS_NEEDS_HUMAN);
	}
	w->soft_up = 0;
	check_int(once(), GITOPS_DEPLOYED);
	check(is_well(2));
}

static void a_first_deployment_follows_the_branch(void)
{
	begin();
	push(README);
	push(GOOD);
	w->soft_up = push(GOOD);
	check_int(once(), GITOPS_LATER);
	check_int(once(), GITOPS_LATER);
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check(is_well(3));
}

static void a_deployment_that_is_unfinished_is_taken_back_by_hand(void)
{
	begin();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	push(UNSAFE);
	w->soft_up = w->tip;
	check_int(once(), GITOPS_LATER);
	check_int(run_agent(gitops_rollback), GITOPS_DEPLOYED);
	check(is_well(0));
	check_int(once(), GITOPS_UNCHANGED);
	check_int(good_index(), 0);
}

static void rolling_back_by_hand_stays(void)
{
	begin();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check_int(run_agent(gitops_rollback), GITOPS_DEPLOYED);
	check(is_well(0));
	check_int(once(), GITOPS_UNCHANGED);
	check(is_well(0));
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check(is_well(2));
}

static void a_rollback_that_fails_is_left_to_who_asked_for_it(void)
{
	int ups;

	begin();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	w->broken_up = 1;
	check_int(run_agent(gitops_rollback), GITOPS_NEEDS_HUMAN);
	w->broken_up = 0;
	ups = w->ups;
	check_int(once(), GITOPS_NEEDS_HUMAN);
	check_int(w->ups, ups);
	check_int(run_agent(gitops_retry), GITOPS_DEPLOYED);
	check(is_well(1));
	check_int(once(), GITOPS_UNCHANGED);
}

static int refresh_by_hand(
	struct agent *a, const struct gitops_run *run, struct buf *why, struct error *e)
{
	const struct gitops_run now = { .now = true };

	(void)run;
	return gitops_refresh(a, &now, why, e);
}

static void a_secret_that_is_rejected_is_tried_once(void)
{
	int ups;

	begin();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	w->rotated = w->bad_form = ++w->next_form;
	check_int(run_agent(gitops_refresh), GITOPS_ROLLED_BACK);
	check(is_well(0));
	send_alerts();
	ups = w->ups;
	check_int(run_agent(gitops_refresh), GITOPS_REFUSED);
	check_int(once(), GITOPS_UNCHANGED);
	check_int(w->ups, ups);
	send_alerts();
	check_int(w->commits[0].faults, 1);
	check_int(w->commits[0].recoveries, 0);
	/* Whoever asks for it by hand gets it. */
	check_int(run_agent(refresh_by_hand), GITOPS_ROLLED_BACK);
	check_int(run_agent(gitops_retry), GITOPS_ROLLED_BACK);
	check(w->ups > ups);
	check(is_well(0));
	/* Another value is another try, and then all is well. */
	w->rotated = ++w->next_form;
	check_int(run_agent(gitops_refresh), GITOPS_DEPLOYED);
	check_int(w->web.form, w->rotated);
	check_int(once(), GITOPS_UNCHANGED);
	send_alerts();
	check_int(w->commits[0].recoveries, 1);
}

static void a_secret_waits_for_the_end_of_a_pause(void)
{
	struct agent a = { 0 };
	struct error e = { 0 };
	_buf_ why = BUF_INIT;

	begin();
	a = agent_here();
	push(GOOD);
	check_int(once(), GITOPS_DEPLOYED);
	check_int(gitops_pause(&a, &why, &e), 0);
	w->rotated = ++w->next_form;
	check_int(run_agent(gitops_refresh), GITOPS_PAUSED);
	check(is_well(0));
	check_int(run_agent(refresh_by_hand), GITOPS_DEPLOYED);
	check_int(w->web.form, w->rotated);
}

/* --- any order ---------------------------------------------------------------------------------------------- */

static void check_all(int result)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct ledger l;

	if (w->ups_bad)
		check_fail("a commit that was bad already was brought up again");
	load(&l, arena);
	if (result == 100)
		check_fail("a run failed");
	if (!l.good.sha)
		return;
	if (!w->db.there || !w->web.there)
		check_fail("a service has no container");
	if (result != KILLED && l.doing.step == DOING_NOTHING && !l.needs_human &&
		result != GITOPS_LATER && !is_well(index_of(l.good.sha)))
		check_fail("story %u: after %d, commit %d is called good, and runs web %d", story,
			result, index_of(l.good.sha), w->web.form);
	for (size_t i = 0; i < l.n_bad; i++)
		w->commits[index_of(l.bad[i].sha)].settled = 1;
	/* The good one is no bad one, whatever it was called before. */
	w->commits[index_of(l.good.sha)].settled = 0;
}

static void check_told(void)
{
	for (int i = 0; i < w->n; i++) {
		const struct commit *c = &w->commits[i];

		if (c->faults > c->visits)
			check_fail("story %u: commit %d was told of %d times in %d visits", story,
				i, c->faults, c->visits);
		if (c->recoveries != c->faults)
			check_fail("commit %d: told %d times, its end %d times", i, c->faults,
				c->recoveries);
	}
	check_int(w->human_recoveries, w->human_faults);
}

static void any_story(unsigned seed)
{
	begin();
	w->random = seed * 2654435761u + 1;
	push((enum kind)rnd(KINDS));
	for (int i = 0; i < 14; i++) {
		unsigned what = rnd(10);

		if (w->n < COMMITS - 2 && what < 6)
			push(rnd(3) ? (enum kind)rnd(KINDS) : GOOD);
		else if (w->n > 1 && what == 6)
			w->commits[w->tip = (int)rnd((unsigned)w->n)].visits++;
		else if (w->n > 1 && w->n < COMMITS - 2 && what == 7)
			push_on((int)rnd((unsigned)w->n - 1), GOOD);
		w->flaky = rnd(3) ? 0 : 8;
		w->full = rnd(12) == 0;
		w->kill_at = rnd(3) ? 0 : 1 + (int)rnd(60);
		check_all(once());
		if (rnd(2))
			send_alerts();
		if (rnd(4) == 0)
			w->ms += 3600 * 1000;
	}
	w->flaky = 0;
	w->full = false;
	push(GOOD);
	for (int i = 0; i < 4; i++) {
		w->ms += 3600 * 1000;
		check_all(once());
	}
	check_int(good_index(), w->tip);
	check(is_well(w->tip));
	send_alerts();
	check_told();
}

static void whatever_comes_it_ends_well(void)
{
	unsigned n = getenv("GITOPS_STORIES") ? (unsigned)atoi(getenv("GITOPS_STORIES")) : 60;
	unsigned first = getenv("GITOPS_SEED") ? (unsigned)atoi(getenv("GITOPS_SEED")) : 1;

	for (unsigned seed = first; seed < first + n; seed++) {
		story = seed;
		any_story(seed);
	}
}

/* One deployment, ended at each of its points in turn. */
static void check_each_point(enum kind kind, int want)
{
	for (int at = 1;; at++) {
		int r;

		begin();
		push(GOOD);
		check_int(once(), GITOPS_DEPLOYED);
		push(kind);
		w->kill_at = at;
		r = once();
		check_all(r);
		if (r != KILLED)
			break;
		check_all(once());
		check_all(once());
		check_int(good_index(), want);
		check(is_well(want));
		send_alerts();
		check_int(w->commits[1].faults, want == 0);
		push(GOOD);
		check_int(once(), GITOPS_DEPLOYED);
		send_alerts();
		check_told();
	}
}

static void a_good_one_killed_anywhere_goes_live(void)
{
	check_each_point(GOOD, 1);
}

static void a_bad_one_killed_anywhere_is_taken_back(void)
{
	check_each_point(CRASH, 0);
	check_each_point(PRIVILEGED, 0);
}

int main(void)
{
	/* Thousands of small files are synced; memory has nothing to sync. */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 0);
	run(a_good_commit_goes_live);
	run(what_changes_nothing_restarts_nothing);
	run(a_moved_tag_changes_no_data);
	run(a_bad_commit_is_taken_back_once);
	run(what_cannot_be_begun_changes_nothing);
	run(a_branch_that_goes_back_is_held);
	run(what_may_not_be_taken_back_needs_a_human);
	run(a_branch_that_is_put_back_ends_that_a_human_is_needed);
	run(each_commit_that_needs_a_human_is_told);
	run(a_branch_that_is_held_is_accepted_by_hand);
	run(going_back_that_fails_needs_a_human);
	run(a_full_disk_is_waited_for);
	run(a_pause_is_a_pause);
	run(what_was_changed_by_hand_is_put_right);
	run(what_is_too_much_is_taken_away);
	run(a_deployment_is_not_waited_for_for_ever);
	run(a_first_deployment_follows_the_branch);
	run(a_deployment_that_is_unfinished_is_taken_back_by_hand);
	run(rolling_back_by_hand_stays);
	run(a_rollback_that_fails_is_left_to_who_asked_for_it);
	run(a_secret_that_is_rejected_is_tried_once);
	run(a_secret_waits_for_the_end_of_a_pause);
	run(a_good_one_killed_anywhere_goes_live);
	run(a_bad_one_killed_anywhere_is_taken_back);
	run(whatever_comes_it_ends_well);
	if (broker > 0)
		kill(broker, SIGKILL);
	agent_config_free(config);
	return done();
}
