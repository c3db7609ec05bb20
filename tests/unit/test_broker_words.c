/* The broker's vocabulary without docker: shapes, requests, the words of failure, SQL, copies. */
#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "compose.h"
#include "content.h"
#include "error.h"
#include "json.h"
#include "node.h"
#include "ops.h"
#include "plan.h"
#include "policy.h"
#include "postgres.h"
#include "program.h"
#include "render.h"
#include "shape.h"

#include "check.h"
#include "tmpdir.h"

#include <sys/stat.h>

static void shapes_let_nothing_else_through(void)
{
	static const struct {
		const struct shape *shape;
		const char *good[6], *bad[12];
	} cases[] = {
		{ &shape_project, { "a", "my-app_2" }, { "", "-a", "A", "a.b", "a b", "../x" } },
		{ &shape_service, { "web", "Web_1.x" },
			{ "", "-w", "a/b", "a b", "--all", "a\n" } },
		{ &shape_user, { "app", "_x" }, { "", "-U", "1a", "a b", "a'b", "a=b" } },
		{ &shape_database, { "shop", "my db", "a$b@c" },
			{ "", "-d", "a=b", "postgres://x", "a\"b", "a'b", "a\nb", "a\\b" } },
		{ &shape_release, { "0123456789012345678901234567890123456789" },
			{ "", "0123", "..", "0123456789012345678901234567890123456789/",
				"ABCDEF6789012345678901234567890123456789" } },
		{ &shape_path, { "a", "a/b.yaml", "..a/b", ".env" },
			{
				"",
				"/a",
				"a/",
				"a//b",
				"../a",
				"a/../b",
				"a/./b",
				".",
				"a\nb",
				"..",
			} },
		{ &shape_registry, { "r.example:5000", "127.0.0.1:5000" },
			{ "", "-r", "https://r", "r/x" } },
		{ &shape_login, { "robot$ci+x", "a@b.c", "tenancy/oracle/a@b.c", "CORP\\ci" },
			{ "", "-u", "a b", "/a", "\\a", "a\n", "a:b" } },
		{ &shape_image,
			{ "sha256:0123456789012345678901234567890123456789012345678901234567890123",
				"127.0.0.1:5000/a/b@sha256:"
				"0123456789012345678901234567890123456789012345678901234567890123" },
			{ "", "a", "a:1", "@sha256:", "-a@sha256:", "--privileged", "sha256:12" } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (const char *const *g = cases[i].good; *g; g++) {
			if (!cases[i].shape->ok(*g))
				check_fail("'%s' is no %s", *g, cases[i].shape->what);
		}
		for (const char *const *b = cases[i].bad; *b; b++) {
			if (cases[i].shape->ok(*b))
				check_fail("'%s' passes as %s", *b, cases[i].shape->what);
		}
	}
}

/* What op_read() says of a request: "" when it is fine. */
static const char *request(const char *text)
{
	static struct error e;
	_cleanup_(ipc_message_free) struct ipc_message q = IPC_MESSAGE_INIT;
	char args[OP_ARGS_MAX] __attribute__((aligned(16)));
	struct call c = { .q = &q };
	struct node *doc;

	q.arena = arena_new();
	e = (struct error){ 0 };
	if (json_parse(&doc, q.arena, "test", text, strlen(text), &e) < 0)
		return e.msg;
	q.doc = doc;
	return op_read(&c, args, &e) < 0 ? e.msg : "";
}

static void a_request_is_one_of_the_vocabulary_and_nothing_more(void)
{
	static const struct {
		const char *text, *said;
	} cases[] = {
		{ "{\"op\":\"ps\",\"project\":\"app\"}", "" },
		{ "{\"op\":\"disk\"}", "" },
		{ "{}", "the broker has no operation ''" },
		{ "{\"op\":\"exec\"}", "the broker has no operation 'exec'" },
		{ "{\"op\":[\"ps\"]}", "the broker has no operation ''" },
		{ "{\"op\":\"ps\"}", "ps: 'project' is missing" },
		{ "{\"op\":\"ps\",\"project\":\"-a\"}", "ps: 'project' must be a project's name" },
		{ "{\"op\":\"ps\",\"project\":[\"a\"]}", "ps: 'project' must be a project's name" },
		{ "{\"op\":\"ps\",\"project\":\"a\",\"all\":true}", "ps: unknown key 'all'" },
		{ "{\"op\":\"up\",\"plan\":\"x\",\"services\":[]}",
			"up: 'plan' must be a plan's id" },
		{ "{\"op\":\"up\",\"seconds\":604800,\"plan\":"
		  "\"0123456789012345678901234567890123456789012345678901234567890123\"}",
			"" },
		{ "{\"op\":\"up\",\"seconds\":604801,\"plan\":"
		  "\"0123456789012345678901234567890123456789012345678901234567890123\"}",
			"up: 'seconds' must be" },
		{ "{\"op\":\"up\",\"seconds\":0,\"plan\":"
		  "\"0123456789012345678901234567890123456789012345678901234567890123\"}",
			"up: 'seconds' must be" },
		{ "{\"op\":\"prune\",\"keep\":[\"sha256:1\"]}",
			"prune: 'keep' must be sha256: and 64 hexadecimal digits" },
		{ "{\"op\":\"scale\",\"service\":\"a\",\"replicas\":21,\"plan\":"
		  "\"0123456789012345678901234567890123456789012345678901234567890123\"}",
			"scale: 'replicas' must be" },
		{ "{\"op\":\"pg-query\",\"container\":\"c\",\"user\":\"u\",\"query\":\"drop all\"}",
			"pg-query: 'query' must be" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *said = request(cases[i].text), *want = cases[i].said;

		if (*want ? strncmp(said, want, strlen(want)) != 0 : *said)
			check_fail("%s: '%s', wanted '%s'", cases[i].text, said, want);
	}
}

static void every_operation_is_complete_and_found_by_its_name(void)
{
	const struct op *o;
	size_t i;

	for (i = 0; (o = op_at(i)); i++) {
		check(op_find(o->name) == o);
		check(o->args_size <= OP_ARGS_MAX);
		check(o->n_fds <= IPC_FDS);
		check(o->timeout > 0 && o->run && o->fields);
	}
	check(i > 25);
}

static void failures_of_docker_are_told_apart(void)
{
	static const struct {
		const char *said;
		bool transient;
	} cases[] = {
		{ "Error response from daemon: manifest for r/x:1 not found: manifest unknown: manifest "
		  "unknown",
			false },
		{ "Error response from daemon: pull access denied for x, repository does not exist or may "
		  "require 'docker login': denied: requested access to the resource is denied",
			false },
		{ "Error response from daemon: Head \"https://r/v2/x/manifests/1\": unauthorized: "
		  "authentication required",
			false },
		{ "Error response from daemon: Get \"https://r/v2/\": dial tcp: lookup r on 127.0.0.1:53: "
		  "no such host",
			true },
		{ "Error response from daemon: Get \"http://127.0.0.1:5000/v2/\": dial tcp "
		  "127.0.0.1:5000: connect: connection refused",
			true },
		{ "Error response from daemon: received unexpected HTTP status: 503 Service Unavailable",
			true },
		{ "Error response from daemon: Get \"https://r/v2/\": net/http: TLS handshake timeout",
			true },
		{ "Error response from daemon: toomanyrequests: You have reached your pull rate limit",
			true },
		{ "failed to register layer: write /x: no space left on device", true },
		{ "error pulling image configuration: download failed after attempts=6: unexpected EOF",
			true },
		{ "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker "
		  "daemon running?",
			true },
		{ "Error response from daemon: Get \"https://r/v2/\": tls: failed to verify certificate: "
		  "x509: certificate signed by unknown authority",
			false },
		{ "x509: certificate has expired or is not yet valid: current time 1970-01-01",
			true },
		{ "invalid reference format", false },
		{ "something new", false },
		/* Compose's progress and warnings are no reason. */
		{ " Container demo-geofence-1  Starting\n Container EOF  Error\n"
		  "time=\"2026-01-01\" level=warning msg=\"connection refused\"\n"
		  "Error response from daemon: driver failed programming external connectivity on "
		  "endpoint geofence: Bind for 0.0.0.0:80 failed: port is already allocated",
			false },
		{ "Error response from daemon: no such file EOF.conf", false },
		{ "Error response from daemon: Get \"https://r/v2/\": EOF\n", true },
		{ " x Pulling\nError response from daemon: Get \"https://r/v2/\": dial tcp: i/o timeout\n"
		  "\nRun 'docker run --help' for more information",
			true },
		{ "EOF", true },
		{ "tar: write error: No space left on device", true },
		{ "", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error e = { 0 };

		check(docker_failed("cannot pull x", cases[i].said, &e) < 0);
		if ((e.transient || e.code == ERR_NETWORK) != cases[i].transient)
			check_fail("transient %d: %s", e.transient, e.msg);
		check(strncmp(e.msg, "cannot pull x: ", 15) == 0 && strlen(e.msg) > 15);
	}
}

static void an_image_is_pinned_by_a_whole_digest_only(void)
{
	char text[200];

	snprintf(text, sizeof text, "r:5000/x@sha256:%064d", 0);
	check(compose_pinned(text));
	snprintf(text, sizeof text, "sha256:%064d", 0);
	check(compose_pinned(text));
	check(!compose_pinned("x:1"));
	check(!compose_pinned("x@sha256:12"));
	check(!compose_pinned("sha256:12"));
	check(!compose_pinned("sha256"));
}

static void sql_has_its_names_quoted(void)
{
	_buf_ secret = BUF_INIT;
	_buf_ sql = BUF_INIT;
	struct error e = { 0 };

	check_int(pg_query_sql(pg_query_find("rename-db"), "a$b", "c d", NULL, &sql, &e), 0);
	check(strstr(buf_str(&sql), "ALTER DATABASE \"a$b\" RENAME TO \"c d\";"));
	buf_reset(&sql);
	buf_adds(&secret, "it's \\ \"x\"");
	check_int(pg_query_sql(pg_query_find("alter-role"), "app", NULL, &secret, &sql, &e), 0);
	check(strstr(buf_str(&sql), "ALTER ROLE \"app\" PASSWORD 'it''s \\ \"x\"';"));
	check(strstr(buf_str(&sql), "standard_conforming_strings = on"));
	buf_adds(&secret, "\n\\! id");
	check(pg_query_sql(pg_query_find("alter-role"), "app", NULL, &secret, &sql, &e) < 0);
	check(pg_query_sql(pg_query_find("rename-db"), "a", NULL, NULL, &sql, &e) < 0);
	check(pg_query_sql(pg_query_find("create-db"), NULL, NULL, NULL, &sql, &e) < 0);
	check(!pg_query_find("nothing"));
	for (const char *const *w = pg_query_words; *w; w++)
		check(pg_query_find(*w));
}

/* Whoever is connected to a database can neither rename nor drop it. */
static void psql_is_not_in_what_it_works_on(void)
{
	check(!pg_query_home(pg_query_find("rename-db"), "app", "app_old"));
	check_str(pg_query_home(pg_query_find("rename-db"), "postgres", "old"), PG_HOME_SPARE);
	check_str(pg_query_home(pg_query_find("rename-db"), "new", "postgres"), PG_HOME_SPARE);
	check_str(pg_query_home(pg_query_find("drop-db"), "postgres", NULL), PG_HOME_SPARE);
	check_str(pg_query_home(pg_query_find("tables"), "postgres", NULL), "postgres");
	check(!pg_query_home(pg_query_find("alter-role"), "postgres", NULL));
	check(!pg_query_home(pg_query_find("databases"), NULL, NULL));
}

static struct broker broker;

static int open_release(void)
{
	static char state[300];

	tmp_fd();
	snprintf(state, sizeof state, "%s/state", tmp_path);
	broker = (struct broker){ .root = "", .state = state, .agent = tmp_path };
	check_int(mkdir_all(tmp_fd(), "state/content", 0700), 0);
	check_int(mkdir_all(tmp_fd(), "state/plans", 0700), 0);
	(void)remove_all(tmp_fd(), "release");
	check_int(mkdir_all(tmp_fd(), "release/conf/deep", 0755), 0);
	check_int(file_replace(tmp_fd(), "release/conf/a", "one", 3, 0600), 0);
	check_int(file_replace(tmp_fd(), "release/conf/deep/run", "two", 3, 0755), 0);
	return openat(tmp_fd(), "release", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void a_copy_is_named_by_what_it_holds(void)
{
	_close_ int release = open_release();
	_free_ char *one = NULL;
	_free_ char *again = NULL;
	_free_ char *other = NULL;
	_free_ char *mended = NULL;
	_buf_ text = BUF_INIT;
	struct error e = { 0 };
	_free_ char *file = NULL;
	struct stat st;

	check_int(content_keep(&broker, release, "conf", NULL, &one, &e), 0);
	check_int(content_keep(&broker, release, "conf", NULL, &again, &e), 0);
	check_str(one, again);
	check(strstr(one, "/state/content/") && strcmp(one + strlen(one) - 5, "/conf") == 0);
	file = xasprintf("%s/deep/run", one);
	check_int(file_read(AT_FDCWD, file, 100, &text), 0);
	check_str(buf_str(&text), "two");
	check_int(stat(file, &st), 0);
	check_int(st.st_mode & 0777, 0755);
	/* What was changed in it is not believed. */
	check_int(file_replace(AT_FDCWD, file, "bad", 3, 0755), 0);
	check_int(content_keep(&broker, release, "conf", NULL, &mended, &e), 0);
	check_str(mended, one);
	buf_reset(&text);
	check_int(file_read(AT_FDCWD, file, 100, &text), 0);
	check_str(buf_str(&text), "two");
	check_int(file_replace(tmp_fd(), "release/conf/a", "new", 3, 0600), 0);
	check_int(content_keep(&broker, release, "conf", NULL, &other, &e), 0);
	check(strcmp(one, other) != 0);
}

static void a_copy_takes_secrets_in_and_no_links(void)
{
	_buf_ values = BUF_INIT;
	const struct content_extra extra = { "conf/.env", &values };
	_close_ int release = open_release();
	_free_ char *path = NULL;
	_free_ char *file = NULL;
	_free_ char *plain = NULL;
	_buf_ text = BUF_INIT;
	struct error e = { 0 };

	buf_adds(&values, "A=1");
	check_int(content_keep(&broker, release, "conf", &extra, &path, &e), 0);
	file = xasprintf("%s/.env", path);
	check_int(file_read(AT_FDCWD, file, 100, &text), 0);
	check_str(buf_str(&text), "A=1");
	check_int(content_keep(&broker, release, "conf", NULL, &plain, &e), 0);
	check(strcmp(plain, path) != 0);
	check_int(symlinkat("/etc/passwd", release, "conf/deep/link"), 0);
	check(content_keep(&broker, release, "conf", NULL, &plain, &e) < 0);
	check_int(e.code, ERR_INVALID);
	check(strstr(e.msg, "conf/deep/link' is a link"));
	check(content_keep(&broker, release, "absent", NULL, &plain, &e) < 0);
	check(strstr(e.msg, "not in the repository"));
	check(content_keep(&broker, release, "../state", NULL, &plain, &e) < 0);
	check_int(mkfifoat(release, "fifo", 0600), 0);
	check(content_keep(&broker, release, "fifo", NULL, &plain, &e) < 0);
}

static void a_plan_is_kept_by_its_digest_and_checked(void)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	_close_ int release = open_release();
	struct node *doc, *back;
	char id[SHA256_HEX];
	_free_ char *path = NULL;
	struct error e = { 0 };
	struct stat st;

	check_int(json_parse(&doc, arena, "test", "{\"name\":\"a\"}", 12, &e), 0);
	check_int(plan_keep(&broker, doc, id, &e), 0);
	check_int(plan_load(&broker, id, arena, &back, &e), 0);
	check(node_equal(doc, back));
	path = plan_path(&broker, id);
	check_int(stat(path, &st), 0);
	check_int(st.st_mode & 0777, 0600);
	check_int(file_replace(AT_FDCWD, path, "{\"name\":\"b\"}", 12, 0600), 0);
	check(plan_load(&broker, id, arena, &back, &e) < 0);
	check(strstr(e.msg, "damaged"));
	memset(id, '0', 64);
	check(plan_load(&broker, id, arena, &back, &e) < 0);
	check(strstr(e.msg, "no plan"));
}

static void the_judge_says_what_it_refuses(void)
{
	static const struct policy p = { .release = "/release" };
	_buf_ good = BUF_INIT;
	_buf_ bad = BUF_INIT;
	_buf_ none = BUF_INIT;
	struct error e = { 0 };

	buf_adds(&good, "{\"services\":{\"a\":{\"image\":\"i\"}}}");
	buf_adds(&bad, "{\"services\":{\"a\":{\"image\":\"i\",\"privileged\":true}}}");
	buf_adds(&none, "not json");
	check_int(render_judge(&p, &good, &e), 0);
	check(render_judge(&p, &bad, &e) < 0);
	check_int(e.code, ERR_INVALID);
	check(strncmp(e.msg, "refused: services.a.privileged: ", 32) == 0);
	check(render_judge(&p, &none, &e) < 0);
	check_int(e.code, ERR_INVALID);
}

int main(void)
{
	run(shapes_let_nothing_else_through);
	run(a_request_is_one_of_the_vocabulary_and_nothing_more);
	run(every_operation_is_complete_and_found_by_its_name);
	run(failures_of_docker_are_told_apart);
	run(an_image_is_pinned_by_a_whole_digest_only);
	run(sql_has_its_names_quoted);
	run(psql_is_not_in_what_it_works_on);
	run(a_copy_is_named_by_what_it_holds);
	run(a_copy_takes_secrets_in_and_no_links);
	run(a_plan_is_kept_by_its_digest_and_checked);
	run(the_judge_says_what_it_refuses);
	return done();
}
