/* What the engine is told of the services of a rendered Compose document: each key and each label, by itself. */
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "ipc.h"
#include "json.h"
#include "mark.h"
#include "node.h"
#include "parse.h"
#include "plan_table.h"

#include "check.h"

static struct arena *arena;

/* A message as the gitops process sends it; database may be NULL. */
static int ask(const char *document, const char *database, struct plan *ret, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message q = IPC_MESSAGE_INIT;
	const char *request = arena_printf(arena,
		"{\"op\":\"plan\",\"health\":\"https://web.example.org:8443/x\",\"database\":\"%s\"}",
		database ? database : "");
	_buf_ json = BUF_INIT;
	_buf_ text = BUF_INIT;
	struct role_reply reply = { .json = &json, .fds = { -1, -1, -1, -1 } };
	struct node *doc, *table;
	char *kept;
	int r;

	q.arena = arena_new();
	check_int(json_parse(&doc, q.arena, "request", request, strlen(request), e), 0);
	q.doc = doc;
	q.fds[0] = ipc_memfd(document, strlen(document));
	q.n_fds = 1;
	r = (parse_plan.run)(&q, &reply, e);
	if (r < 0)
		return r;
	check_int(ipc_read_fd(reply.fds[0], MIB, &text), 0);
	close(reply.fds[0]);
	kept = arena_strndup(arena, buf_str(&text), text.len);
	check_int(json_parse(&table, arena, "table", kept, text.len, e), 0);
	return plan_parse(table, arena, ret, e);
}

/* The only service, "db", with this as its definition. */
static struct plan_service one(const char *definition, const char *database)
{
	const char *document = arena_printf(arena,
		"{\"name\":\"shop\",\"services\":{\"db\":%s},\"volumes\":{\"d\":{}}}", definition);
	struct error e = {};
	struct plan p = {};

	if (ask(document, database, &p, &e) < 0)
		check_fail("%s: %s", definition, e.msg);
	check_int((int64_t)p.n, 1);
	return p.services[0];
}

#define LABEL(name, value) "{\"labels\":{\"kbuild." name "\":\"" value "\"}}"
/* Both keys; the latter is what counts without the former. */
#define RESTART(policy, restart)                                                                   \
	"{\"restart\":\"" restart "\",\"deploy\":{\"restart_policy\":{" policy "}}}"
#define NAMELESS "\"volumes\":[{\"type\":\"volume\",\"target\":\"/x\"}]"
#define VOLUME	 "\"volumes\":[{\"type\":\"volume\",\"source\":\"d\",\"target\":\"/d\"}]"

static void each_key_and_label_means_what_is_documented(void)
{
	static const struct {
		const char *definition, *database;
		bool stateful, keeps, nameless, is_database, restarts, retries, oneshot, unsafe,
			dump, named, published;
	} rows[] = {
		{ "{}", NULL },
		{ "{" VOLUME "}", NULL, .stateful = true },
		{ "{\"volumes\":[{\"type\":\"bind\",\"source\":\"/srv/x\",\"target\":\"/x\"}]}",
			NULL },
		{ "{" NAMELESS "}", NULL, .nameless = true },
		{ "{" NAMELESS ",\"labels\":{\"kbuild.stateful\":\"false\"}}", NULL },
		{ "{\"volumes\":[{\"type\":\"tmpfs\",\"target\":\"/x\"}]}", NULL },
		{ "{" VOLUME ",\"labels\":{\"kbuild.stateful\":\"false\"}}", NULL },
		{ LABEL("stateful", "true"), NULL, .stateful = true, .keeps = true },
		{ LABEL("stateful", "yes"), NULL },
		{ "{}", "db", .stateful = true, .keeps = true, .is_database = true },
		{ "{}", "shop-db-1", .stateful = true, .keeps = true, .is_database = true },
		{ "{}", "shop_db_1", .stateful = true, .keeps = true, .is_database = true },
		{ "{}", "shop-db-2", NULL },
		{ "{\"container_name\":\"pg\"}", "pg", .stateful = true, .keeps = true,
			.is_database = true, .named = true },
		{ LABEL("stateful", "false"), "db", .is_database = true },
		{ "{\"restart\":\"always\"}", NULL, .restarts = true },
		{ "{\"restart\":\"unless-stopped\"}", NULL, .restarts = true },
		{ "{\"restart\":\"on-failure:3\"}", NULL, .retries = true },
		{ "{\"restart\":\"no\"}", NULL },
		{ RESTART("\"condition\":\"any\"", "no"), NULL, .restarts = true },
		{ RESTART("\"condition\":\"always\"", "no"), NULL, .restarts = true },
		{ RESTART("\"condition\":\"unless-stopped\"", "no"), NULL, .restarts = true },
		{ RESTART("\"condition\":\"on-failure\",\"max_attempts\":3", "always"), NULL,
			.retries = true },
		{ RESTART("\"condition\":\"none\"", "always"), NULL },
		{ RESTART("\"condition\":\"no\"", "on-failure"), NULL },
		{ RESTART("\"max_attempts\":3", "always"), NULL },
		{ "{\"restart\":\"always\",\"deploy\":{\"restart_policy\":null}}", NULL,
			.restarts = true },
		{ "{\"restart\":\"always\",\"deploy\":{\"replicas\":1}}", NULL, .restarts = true },
		{ LABEL("oneshot", "true"), NULL, .oneshot = true },
		{ LABEL("oneshot", "false"), NULL },
		{ LABEL("rollback", "unsafe"), NULL, .unsafe = true },
		{ LABEL("rollback", "safe"), NULL },
		{ LABEL("dump", "before"), NULL, .dump = true },
		{ LABEL("dump", "after"), NULL },
		{ "{\"ports\":[{\"target\":80,\"published\":\"80\"}]}", NULL, .published = true },
		{ "{\"ports\":[]}", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct plan_service s = one(rows[i].definition, rows[i].database);

		if (s.stateful != rows[i].stateful || s.keeps_image != rows[i].keeps ||
			s.nameless != rows[i].nameless || s.database != rows[i].is_database ||
			s.restarts != rows[i].restarts || s.retries != rows[i].retries ||
			s.oneshot != rows[i].oneshot || s.unsafe != rows[i].unsafe ||
			s.dump != rows[i].dump || s.named != rows[i].named ||
			s.published != rows[i].published)
			check_fail("row %zu: %s", i, rows[i].definition);
		check(!s.drain && s.memory == 0 && s.replicas == 1);
	}
}

static void numbers_and_files_are_read(void)
{
	check_str(one(LABEL("drain", "/tmp/drain"), NULL).drain, "/tmp/drain");
	check_str(one("{" VOLUME "}", NULL).data, "/d d\n");
	check_str(one("{" NAMELESS "}", NULL).data, "\n");
	check_str(one("{" VOLUME ",\"labels\":{\"kbuild.new_data\":\"true\"}}", NULL).data, NULL);
	check_str(one("{" VOLUME ",\"labels\":{\"kbuild.stateful\":\"false\"}}", NULL).data, NULL);
	check_str(
		one("{" VOLUME ",\"labels\":{\"kbuild.stateful\":\"true\"}}", NULL).data, "/d d\n");
	check_int(one("{\"deploy\":{\"replicas\":3}}", NULL).replicas, 3);
	check_int(one("{\"scale\":2}", NULL).replicas, 2);
	check_int(one("{\"mem_limit\":\"1048576\"}", NULL).memory, 1048576);
	check_int(
		one("{\"deploy\":{\"resources\":{\"limits\":{\"memory\":\"64M\"}}}}", NULL).memory,
		64 * (int64_t)MIB);
	check_str(one("{\"image\":\"a/b:1\"}", NULL).image, "a/b:1");
}

/* A migration is known by who waits for its end; its label says otherwise, if it likes. */
static void what_another_one_waits_for_ends(void)
{
	static const char document[] =
		"{\"services\":{\"app\":{\"depends_on\":{"
		"\"migrate\":{\"condition\":\"service_completed_successfully\",\"required\":true},"
		"\"loop\":{\"condition\":\"service_completed_successfully\"},"
		"\"serves\":{\"condition\":\"service_completed_successfully\"},"
		"\"db\":{\"condition\":\"service_healthy\"}}},"
		"\"migrate\":{},\"loop\":{\"restart\":\"always\"},\"db\":{},"
		"\"serves\":{\"labels\":{\"kbuild.oneshot\":\"false\"}}}}";
	static const struct {
		const char *name;
		bool oneshot, awaited;
	} rows[] = {
		{ "app", false, false },
		{ "migrate", true, true },
		{ "loop", true, false },
		{ "db", false, false },
		{ "serves", false, false },
	};
	struct error e = {};
	struct plan p = {};

	check_int(ask(document, NULL, &p, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct plan_service *s = plan_find(&p, rows[i].name);

		if (s->oneshot != rows[i].oneshot || plan_is_awaited(s) != rows[i].awaited)
			check_fail("%s: %d %d", s->name, s->oneshot, plan_is_awaited(s));
	}
}

static const char *joined(const char *const *names)
{
	_buf_ text = BUF_INIT;

	for (; names && *names; names++)
		buf_printf(&text, "%s%s", text.len ? " " : "", *names);
	return arena_strdup(arena, buf_str(&text));
}

static void who_shares_name_spaces_comes_along(void)
{
	static const char document[] =
		"{\"services\":{\"d\":{\"ipc\":\"service:c\"},\"a\":{\"ipc\":\"shareable\"},"
		"\"b\":{\"network_mode\":\"service:a\",\"pid\":\"service:a\"},"
		"\"c\":{\"pid\":\"service:b\",\"network_mode\":\"service:x\"},"
		"\"x\":{\"network_mode\":\"none\"},\"y\":{}}}";
	static const struct {
		const char *names[3], *all;
	} rows[] = {
		{ { "a" }, "d a b c" },
		{ { "b" }, "d b c" },
		{ { "x" }, "d c x" },
		{ { "d" }, "d" },
		{ { "y", "nothing" }, "y" },
		{ { NULL }, "" },
	};
	struct error e = {};
	struct plan p = {};

	check_int(ask(document, NULL, &p, &e), 0);
	check_str(joined(plan_find(&p, "b")->shares), "a a");
	check_str(joined(plan_find(&p, "c")->shares), "x b");
	check(!plan_find(&p, "a")->shares && !plan_find(&p, "x")->shares);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_str(joined(plan_with_sharers(&p, arena, rows[i].names)), rows[i].all);
	for (size_t i = 0; i < p.n; i++)
		check(plan_shares(&p, &p.services[i]) == (strcmp(p.services[i].name, "y") != 0));
}

/* What a service names counts as its own; where its keys stand, and what another one has, does not. */
static void a_hash_is_of_what_the_service_is(void)
{
	static const char *const documents[] = {
		"{\"services\":{\"a\":{\"image\":\"x\",\"volumes\":[{\"type\":\"volume\",\"source\":\"d\"}]},"
		"\"b\":{\"image\":\"y\"}},\"volumes\":{\"d\":{\"name\":\"d1\"},\"z\":{}}}",
		/* the same, in another order, and another service differs */
		"{\"volumes\":{\"z\":{\"name\":\"q\"},\"d\":{\"name\":\"d1\"}},\"services\":{\"b\":{\"image\":\"w\"},"
		"\"a\":{\"volumes\":[{\"source\":\"d\",\"type\":\"volume\"}],\"image\":\"x\"}}}",
		/* its volume differs */
		"{\"services\":{\"a\":{\"image\":\"x\",\"volumes\":[{\"type\":\"volume\",\"source\":\"d\"}]},"
		"\"b\":{\"image\":\"y\"}},\"volumes\":{\"d\":{\"name\":\"d2\"},\"z\":{}}}",
	};
	struct plan p[ARRAY_SIZE(documents)];
	struct error e = {};

	for (size_t i = 0; i < ARRAY_SIZE(documents); i++)
		check_int(ask(documents[i], NULL, &p[i], &e), 0);
	check_str(plan_find(&p[0], "a")->hash, plan_find(&p[1], "a")->hash);
	check(strcmp(plan_find(&p[0], "b")->hash, plan_find(&p[1], "b")->hash) != 0);
	check(strcmp(plan_find(&p[0], "a")->hash, plan_find(&p[2], "a")->hash) != 0);
}

static void the_address_of_the_health_urls_port_is_found(void)
{
	static const struct {
		const char *ports, *address;
	} rows[] = {
		{ "{\"published\":\"8443\",\"host_ip\":\"127.0.0.1\"}", "127.0.0.1" },
		{ "{\"published\":\"8443\",\"host_ip\":\"0.0.0.0\"}", NULL },
		{ "{\"published\":\"8443\"}", NULL },
		{ "{\"published\":\"443\",\"host_ip\":\"10.0.0.1\"}", NULL },
		{ "{\"published\":\"80\"},{\"published\":\"8443\",\"host_ip\":\"::1\"}", "::1" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct plan p = {};
		struct error e = {};

		check_int(ask(arena_printf(arena, "{\"services\":{\"a\":{\"ports\":[%s]}}}",
				      rows[i].ports),
				  NULL, &p, &e),
			0);
		check_str(p.address ? p.address : "anywhere",
			rows[i].address ? rows[i].address : "anywhere");
	}
}

static void what_is_no_application_is_refused(void)
{
	static const char *const documents[] = { "[]", "{}", "{\"services\":{}}",
		"{\"services\":[1]}" };

	for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
		struct plan p = {};
		struct error e = {};

		check(ask(documents[i], NULL, &p, &e) < 0);
		check_int(e.code, ERR_INVALID);
	}
}

int main(void)
{
	arena = arena_new();
	run(each_key_and_label_means_what_is_documented);
	run(numbers_and_files_are_read);
	run(what_another_one_waits_for_ends);
	run(who_shares_name_spaces_comes_along);
	run(a_hash_is_of_what_the_service_is);
	run(the_address_of_the_health_urls_port_is_found);
	run(what_is_no_application_is_refused);
	arena_free(arena);
	return done();
}
