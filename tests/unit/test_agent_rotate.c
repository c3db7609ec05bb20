/*
 * Rotating a secret: database, file, in this order, and ended from wherever it was cut off. The broker here
 * is a file that holds "the database's password", and may kill who asks it.
 */
#include "rotate.h"
#include "secrets.h"

#include "agent.h"
#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "check.h"
#include "config.h"
#include "error.h"
#include "ipc.h"
#include "mark.h"
#include "node.h"
#include "tmpdir.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

static struct arena *arena;
static struct agent agent = { .state_fd = -1, .state_dir = "STATE" };
static struct agent_config *config;
static pid_t broker;

static void put(const char *name, const char *text)
{
	check_int(file_replace(tmp_fd(), name, text, strlen(text), 0600), 0);
}

static const char *get(const char *name)
{
	_buf_ text = BUF_INIT;

	return file_read(tmp_fd(), name, MIB, &text) < 0 ? "" : arena_strdup(arena, buf_str(&text));
}

static bool there(const char *name)
{
	return faccessat(tmp_fd(), name, F_OK, 0) == 0;
}

static int alter(const struct ipc_message *q, struct error *e)
{
	_buf_ value = BUF_INIT;
	_buf_ asked = BUF_INIT;

	if (there("down")) {
		error_set(e, ERR_FAILED, "the container is not running");
		return error_transient(e);
	}
	check_int(ipc_read_fd(q->fds[0], KIB, &value), 0);
	if (strcmp(node_str(node_get(q->doc, "op")), "credentials-store") == 0) {
		put(node_str(node_get(q->doc, "name")), buf_str(&value));
		return 0;
	}
	buf_printf(&asked, "%s %s %s %s", node_str(node_get(q->doc, "container")),
		node_str(node_get(q->doc, "user")), node_str(node_get(q->doc, "database")),
		node_str(node_get(q->doc, "query")));
	put("asked", buf_str(&asked));
	put("database", buf_str(&value));
	return 0;
}

static void serve(int sock)
{
	for (;;) {
		_cleanup_(ipc_message_free) struct ipc_message q = IPC_MESSAGE_INIT;
		_buf_ reply = BUF_INIT;
		struct error e = {};
		struct ucred who;
		socklen_t len = sizeof who;
		_close_ int conn = accept(sock, NULL, NULL);

		if (conn < 0 || ipc_receive(conn, 5000, &q, &e) != 0)
			continue;
		if (alter(&q, &e) < 0) {
			ipc_send_error(conn, &e, &e);
			continue;
		}
		if (there("deadly")) {
			unlinkat(tmp_fd(), "deadly", 0);
			getsockopt(conn, SOL_SOCKET, SO_PEERCRED, &who, &len);
			kill(who.pid, SIGKILL);
		}
		ipc_begin(&reply);
		ipc_end(&reply);
		ipc_send(conn, &reply, NULL, 0, &e);
	}
}

static void broker_start(void)
{
	struct sockaddr_un where = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	agent.broker_path = xasprintf("%s/broker.sock", tmp_path);
	snprintf(where.sun_path, sizeof where.sun_path, "%s", agent.broker_path);
	check(bind(sock, (struct sockaddr *)&where, sizeof where) == 0 && listen(sock, 8) == 0);
	fflush(stdout);
	broker = fork();
	if (broker == 0)
		serve(sock);
	close(sock);
}

static const char definition[] =
	"name: x\nbackup: {postgres: {container: db}}\nsecrets:\n  values:\n"
	"    PG: {generate: 256, postgres: {role: app}}\n    JWT: {generate: 256}\n"
	"    MAIL: {operator: the key}\n    URL: 'x${PG}'\n";

/* A server with secrets; MAIL is "old". */
static void start(void)
{
	static const struct mark at = { .file = "test" };
	struct node *handed = node_map(arena, &at), *app = node_map(arena, &at);
	struct error e = {};

	closep(&agent.state_fd);
	check_int(remove_all(tmp_fd(), "state"), 0);
	check_int(mkdir_all(tmp_fd(), "state", 0700), 0);
	check_int(remove_all(tmp_fd(), "down"), 0);
	put("database", "");
	put("asked", "");
	agent.state_fd = openat(tmp_fd(), "state", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	agent_config_free(config);
	config = NULL;
	check_int(agent_config_parse(&config, "a", definition, strlen(definition), &e), 0);
	agent.config = config;
	node_set(arena, app, &at, "MAIL", node_scalar(arena, &at, "old", 3));
	node_set(arena, handed, &at, "app", app);
	agent.handed = handed;
	check_int(secrets_make(&agent, 0, &e), 0);
	agent.handed = NULL;
}

static const char *value(const char *name)
{
	_buf_ text = BUF_INIT;
	struct error e = {};
	const char *line;

	check_int(secrets_env(&agent, &text, &e), 0);
	line = strstr(buf_str(&text), arena_printf(arena, "%s=", name)) + strlen(name) + 1;
	return arena_strndup(arena, line, strcspn(line, "\n"));
}

static void a_password_goes_to_the_database_first(void)
{
	const char *pg, *jwt, *pending = NULL;
	struct error e = {};
	struct stat st;

	start();
	pg = value("PG");
	jwt = value("JWT");
	check_int(rotation_pending(&agent, arena, &pending, &e), ROTATION_NONE);
	check_int(rotation_begin(&agent, "PG", NULL, &e), 0);
	check_int(rotation_pending(&agent, arena, &pending, &e), 0);
	check_str(pending, "PG");
	check_int(fstatat(agent.state_fd, ROTATION_FILE, &st, 0), 0);
	check_int(st.st_mode & 0777, 0600);
	check_str(value("PG"), pg);
	check_int(rotation_advance(&agent, &e), 0);
	check_str(get("asked"), "db app app alter-role");
	check_str(get("database"), value("PG"));
	check(strcmp(value("PG"), pg) != 0);
	check_str(value("JWT"), jwt);
	check_str(value("URL"), arena_printf(arena, "x%s", value("PG")));
	pg = value("PG");
	check_int(rotation_advance(&agent, &e), 0);
	check_str(value("PG"), pg);
	check_int(rotation_end(&agent, &e), 0);
	check_int(rotation_end(&agent, &e), 0);
	check_int(rotation_advance(&agent, &e), ROTATION_NONE);
}

static void a_database_that_is_down_is_waited_for(void)
{
	const char *pg;
	struct error e = {};

	start();
	pg = value("PG");
	put("down", "");
	check_int(rotation_begin(&agent, "PG", NULL, &e), 0);
	check(rotation_advance(&agent, &e) < 0);
	check(e.transient);
	check_str(e.msg, "changing the password of 'app' in db: the container is not running");
	check_str(value("PG"), pg);
	check_int(unlinkat(tmp_fd(), "down", 0), 0);
	e = (struct error){};
	check_int(rotation_advance(&agent, &e), 0);
	check_str(get("database"), value("PG"));
}

/* Killed when the database has the new value and nothing here knows it. */
static void a_kill_after_the_database_took_it_is_mended(void)
{
	struct error e = {};
	pid_t pid;
	int status;

	start();
	put("deadly", "");
	check_int(rotation_begin(&agent, "PG", NULL, &e), 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(rotation_advance(&agent, &e) == 0 ? 0 : 1);
	check_int(waitpid(pid, &status, 0), pid);
	check(WIFSIGNALED(status));
	check(strcmp(get("database"), value("PG")) != 0);
	check_int(rotation_advance(&agent, &e), 0);
	check_str(get("database"), value("PG"));
}

/* At each stage that a power cut can leave, with what is already true by then or not yet. */
static void every_stage_is_continued(void)
{
	static const char *const stages[] = { "begun", "altered", "kept" };

	for (size_t i = 0; i < ARRAY_SIZE(stages); i++) {
		struct error e = {};

		start();
		put("state/secrets/rotation.json",
			arena_printf(arena,
				"{\"name\":\"PG\",\"stage\":\"%s\",\"value\":\"newvalue\"}",
				stages[i]));
		check_int(rotation_advance(&agent, &e), 0);
		check_str(get("database"), i == 0 ? "newvalue" : "");
		if (i < 2)
			check_str(value("PG"), "newvalue");
		check(strstr(get("state/secrets/rotation.json"), "kept"));
	}
}

static void other_secrets_need_no_database(void)
{
	const char *jwt;
	struct error e = {};

	start();
	jwt = value("JWT");
	check_int(rotation_begin(&agent, "JWT", NULL, &e), 0);
	check_int(rotation_advance(&agent, &e), 0);
	check(strcmp(value("JWT"), jwt) != 0);
	check_int(rotation_end(&agent, &e), 0);
	check_int(rotation_begin(&agent, "MAIL", "new", &e), 0);
	check_int(rotation_advance(&agent, &e), 0);
	check_str(value("MAIL"), "new");
	check_str(get("asked"), "");
	/* Who takes the operator's secrets anew, on a copy of this server, gets that one. */
	check(strstr(get("app"), "\"MAIL\": \"new\"") != NULL);
}

static void what_cannot_be_rotated_is_said(void)
{
	static const struct {
		const char *name, *value, *message;
	} rows[] = {
		{ "PB", NULL, "there is no secret 'PB'; did you mean 'PG'?" },
		{ "URL", NULL, "'URL' is made of other secrets: rotate those, and it follows" },
		{ "MAIL", NULL,
			"the secret 'MAIL' is the operator's: give its new value on standard input" },
		{ "PG", "x", "the secret 'PG' is made here; no value can be given for it" },
	};
	struct error e = {};

	start();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		check(rotation_begin(&agent, rows[i].name, rows[i].value, &e) < 0);
		check_int(e.code, ERR_USAGE);
		check_str(e.msg, rows[i].message);
		check(!there("state/secrets/rotation.json"));
	}
	check_int(rotation_begin(&agent, "JWT", NULL, &e), 0);
	check(rotation_begin(&agent, "PG", NULL, &e) < 0);
	check_str(e.msg,
		"the rotation of 'JWT' is under way; end it first: kbuild-agent secrets rotate --resume");
}

static void a_value_that_is_rejected_can_be_given_anew(void)
{
	struct error e = {};
	const char *first;

	start();
	check_int(rotation_begin(&agent, "MAIL", "wrong", &e), 0);
	check_int(rotation_advance(&agent, &e), 0);
	check_int(rotation_begin(&agent, "MAIL", "right", &e), 0);
	check_int(rotation_advance(&agent, &e), 0);
	check_str(value("MAIL"), "right");
	check(rotation_begin(&agent, "JWT", NULL, &e) < 0);
	check_int(rotation_end(&agent, &e), 0);
	check_int(rotation_begin(&agent, "JWT", NULL, &e), 0);
	check_int(rotation_advance(&agent, &e), 0);
	first = value("JWT");
	check_int(rotation_begin(&agent, "JWT", NULL, &e), 0);
	check_int(rotation_advance(&agent, &e), 0);
	check(strcmp(value("JWT"), first) != 0);
	check_int(rotation_end(&agent, &e), 0);
	/* Which of two passwords a database has cannot be asked; when it has answered it is known. */
	check_int(rotation_begin(&agent, "PG", NULL, &e), 0);
	check(rotation_begin(&agent, "PG", NULL, &e) < 0);
	check_int(rotation_advance(&agent, &e), 0);
	first = value("PG");
	check_int(rotation_begin(&agent, "PG", NULL, &e), 0);
	check_int(rotation_advance(&agent, &e), 0);
	check(strcmp(value("PG"), first) != 0);
	check_str(get("database"), value("PG"));
}

static void a_broken_file_is_left_alone(void)
{
	static const char *const texts[] = { "", "{}", "hunter2",
		"{\"name\":\"PG\",\"stage\":\"over\",\"value\":\"hunter2\"}" };

	start();
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct error e = {};

		put("state/secrets/rotation.json", texts[i]);
		check(rotation_advance(&agent, &e) < 0);
		check(strstr(e.msg, "is not what this agent writes") && !strstr(e.msg, "hunter2"));
		check_str(get("state/secrets/rotation.json"), texts[i]);
	}
}

int main(void)
{
	arena = arena_new();
	tmp_fd();
	broker_start();
	run(a_password_goes_to_the_database_first);
	run(a_database_that_is_down_is_waited_for);
	run(a_kill_after_the_database_took_it_is_mended);
	run(every_stage_is_continued);
	run(other_secrets_need_no_database);
	run(what_cannot_be_rotated_is_said);
	run(a_value_that_is_rejected_can_be_given_anew);
	run(a_broken_file_is_left_alone);
	kill(broker, SIGKILL);
	waitpid(broker, NULL, 0);
	closep(&agent.state_fd);
	agent_config_free(config);
	arena_free(arena);
	return done();
}
