/* Secrets on the server: made once, kept with the database, written for Compose. */
#include "secrets.h"
#include "values.h"

#include "agent.h"
#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "check.h"
#include "config.h"
#include "error.h"
#include "mark.h"
#include "node.h"
#include "secretmask.h"
#include "tmpdir.h"

#include <ctype.h>

static struct arena *arena;
static struct agent agent;
static struct agent_config *config;

/* Another definition, with these values. */
static void define(const char *values)
{
	_free_ char *text = xasprintf(
		"name: x\napp: {repository: https://example.com/x.git}\n"
		"secrets:\n  env: deploy/prod/.env\n  values:\n%s",
		values);
	struct error e = {};

	agent_config_free(config);
	config = NULL;
	if (agent_config_parse(&config, "agent.yaml", text, strlen(text), &e) < 0)
		check_str(e.msg, "");
	agent.config = config;
}

/* A new state directory as well. */
static void start(const char *values)
{
	closep(&agent.state_fd);
	check_int(remove_all(tmp_fd(), "state"), 0);
	check_int(mkdir_all(tmp_fd(), "state", 0700), 0);
	agent.state_fd = openat(tmp_fd(), "state", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	agent.state_dir = "/srv/kbuild";
	agent.handed = NULL;
	define(values);
}

static void hand(const char *name, const char *value)
{
	static const struct mark at = { .file = "test" };
	struct node *handed = node_map(arena, &at), *app = node_map(arena, &at);

	node_set(arena, app, &at, name, node_scalar(arena, &at, value, strlen(value)));
	node_set(arena, handed, &at, "app", app);
	agent.handed = handed;
}

static const char *env(void)
{
	_buf_ text = BUF_INIT;
	struct error e = {};

	if (secrets_env(&agent, &text, &e) < 0)
		check_str(e.msg, "");
	return arena_strdup(arena, buf_str(&text));
}

static const char db[] =
	"    PG: {generate: true, postgres: {role: app}}\n    JWT: {generate: 512}\n"
	"    URL: 'postgresql://app:${PG}@db/${NAME}?x=${PG}'\n    NAME: shop\n";

static void values_are_made_once(void)
{
	const char *first;
	struct error e = {};
	struct stat st;
	char hex[65];

	start(db);
	check_int(secrets_make(&agent, 0, &e), 0);
	first = env();
	check(strncmp(first, "PG=", 3) == 0);
	check_int(strcspn(first + 3, "\n"), 43);
	check_int(strcspn(strstr(first, "JWT=") + 4, "\n"), 86);
	check_str(strchr(strstr(first, "NAME="), '='), "=shop\n");
	check(strstr(first, arena_printf(arena, "\nURL='postgresql://app:%.43s@db/shop?x=%.43s'\n",
				    first + 3, first + 3)));
	check_int(secrets_make(&agent, 0, &e), 0);
	check_int(secrets_make(&agent, SECRETS_DATABASE, &e), 0);
	check_int(secrets_make(&agent, SECRETS_DATABASE | SECRETS_RENEW, &e), 0);
	check_str(env(), first);
	check_int(fstatat(agent.state_fd, SECRETS_FILE, &st, 0), 0);
	check_int(st.st_mode & 0777, 0600);
	check_int(fstatat(agent.state_fd, SECRETS_DIR, &st, 0), 0);
	check_int(st.st_mode & 0777, 0700);
	check_int(secrets_digest(&agent, hex, &e), 0);
	check_int(strlen(hex), 64);
}

/* A later image may say itself what an earlier one had made, or asked for. */
static void a_text_of_the_definition_counts_over_what_was_kept(void)
{
	struct error e = {};
	const char *first;

	start("    NAME: {generate: true}\n    URL: 'db/${NAME}'\n");
	check_int(secrets_make(&agent, 0, &e), 0);
	first = env();
	check(strncmp(first, "NAME=shop\n", 10) != 0);
	define("    NAME: shop\n    URL: 'db/${NAME}'\n");
	check_int(secrets_make(&agent, 0, &e), 0);
	check_str(env(), "NAME=shop\nURL=db/shop\n");
}

static void a_clone_gets_its_own(void)
{
	const char *first;
	struct error e = {};

	start(db);
	check_int(secrets_make(&agent, 0, &e), 0);
	first = env();
	check_int(secrets_make(&agent, SECRETS_RENEW, &e), 0);
	check(strcmp(env(), first) != 0);
}

static void nothing_is_made_for_a_database_that_is_there(void)
{
	struct error e = {};

	start(db);
	check(secrets_make(&agent, SECRETS_DATABASE, &e) < 0);
	check_int(e.code, ERR_INVALID);
	check(strstr(e.msg, "nothing was made anew"));
	check(strstr(e.msg, arena_printf(arena, "put %s/" SECRETS_FILE " of", agent.state_dir)));
	check_int(faccessat(agent.state_fd, SECRETS_FILE, F_OK, 0), -1);
	start("    PG: {generate: 256, postgres: {role: app}}\n");
	check_int(secrets_make(&agent, 0, &e), 0);
	/* Another image of the same server: a new secret is made, a database's password is not. */
	{
		const char *before = env();
		const char text[] =
			"name: x\nsecrets:\n  values:\n    PG: {generate: 256}\n    NEW: {generate: 64}\n";
		const char renamed[] =
			"name: x\nsecrets:\n  values:\n    PG2: {generate: 256, postgres: {role: app}}\n";

		agent_config_free(config);
		check_int(agent_config_parse(&config, "a", text, strlen(text), &e), 0);
		agent.config = config;
		check_int(secrets_make(&agent, SECRETS_DATABASE, &e), 0);
		check(strncmp(env(), before, strlen(before)) == 0);
		check(strstr(env(), "\nNEW="));
		agent_config_free(config);
		check_int(agent_config_parse(&config, "a", renamed, strlen(renamed), &e), 0);
		agent.config = config;
		check(secrets_make(&agent, SECRETS_DATABASE, &e) < 0);
		check(strstr(e.msg, "'PG2' is to be the password of a database that exists"));
	}
}

/* The application had none, and a later definition wants one: a person says that nothing was lost. */
static void the_first_secret_of_a_server_with_data_is_made_when_somebody_says_so(void)
{
	static const char none[] = "{\"v\":1,\"values\":{}}";
	struct error e = {};

	start("    JWT: {generate: 256}\n");
	check(secrets_make(&agent, SECRETS_DATABASE, &e) < 0);
	check(strstr(e.msg, none) != NULL);
	check_int(mkdir_all(agent.state_fd, SECRETS_DIR, 0700), 0);
	check_int(file_replace(agent.state_fd, SECRETS_FILE, none, strlen(none), 0600), 0);
	check_int(secrets_make(&agent, SECRETS_DATABASE, &e), 0);
	check(strstr(env(), "JWT="));
}

static void a_broken_document_is_never_replaced(void)
{
	static const char *const texts[] = { "", "{", "[]", "{\"v\":1}",
		"{\"v\":1,\"values\":[]}" };

	start(db);
	check_int(mkdir_all(agent.state_fd, SECRETS_DIR, 0700), 0);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_buf_ after = BUF_INIT;
		struct error e = {};

		check_int(file_replace(
				  agent.state_fd, SECRETS_FILE, texts[i], strlen(texts[i]), 0600),
			0);
		check(secrets_make(&agent, 0, &e) < 0);
		check(strstr(e.msg, "is not what this agent writes"));
		check_int(file_read(agent.state_fd, SECRETS_FILE, MIB, &after), 0);
		check_str(buf_str(&after), texts[i]);
	}
}

static void an_operators_secret_is_taken_and_kept(void)
{
	struct error e = {};

	start("    MAIL: {operator: the key of the mail service}\n    G: {generate: 64}\n");
	check(secrets_make(&agent, 0, &e) < 0);
	check_str(e.msg,
		"the secret 'MAIL' (the key of the mail service) was not handed to this server: launch it with --secrets");
	check_int(faccessat(agent.state_fd, SECRETS_FILE, F_OK, 0), -1);
	hand("MAIL", "one");
	check_int(secrets_make(&agent, 0, &e), 0);
	check(strncmp(env(), "MAIL=one\n", 9) == 0);
	agent.handed = NULL;
	check_int(secrets_make(&agent, SECRETS_DATABASE, &e), 0);
	check(strncmp(env(), "MAIL=one\n", 9) == 0);
	hand("MAIL", "two");
	check_int(secrets_make(&agent, SECRETS_DATABASE, &e), 0);
	check(strncmp(env(), "MAIL=two\n", 9) == 0);
}

static void compose_reads_back_what_was_meant(void)
{
	static const struct {
		const char *value, *line;
	} rows[] = {
		{ "plain-1_2.3", "A=plain-1_2.3\n" },
		{ "https://u:p@h/x?y=1", "A='https://u:p@h/x?y=1'\n" },
		{ "with blank", "A='with blank'\n" },
		{ "a$b#c", "A='a$b#c'\n" },
		{ "it's", "A=\"it's\"\n" },
		{ "it's $5 \"q\" \\n", "A=\"it's \\$5 \\\"q\\\" \\\\n\"\n" },
		{ "two\nlines", "A='two\nlines'\n" },
	};
	struct error e = {};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		start("    A: {operator: x}\n");
		hand("A", rows[i].value);
		check_int(secrets_make(&agent, 0, &e), 0);
		check_str(env(), rows[i].line);
	}
}

static void no_value_is_seen_in_what_a_container_wrote(void)
{
	static const struct {
		const char *value, *written, *seen;
	} rows[] = {
		{ "plain-1_2.3", "is plain-1_2.3 wrong?", "is [A] wrong?" },
		{ "a value$b", "a value$b", "[A]" },
		{ "it's $5 \"q\" \\n", "(it's $5 \"q\" \\n)", "([A])" },
		{ "\"quoted\"", "\"quoted\"", "[A]" },
		{ "'quoted'", "'quoted'", "[A]" },
		{ "-----BEGIN-----\nMIIabcdef\nx\n", "MIIabcdef\n", "[A]\n" },
		{ "it's first\n\"second\"\n", "\"second\" it's first", "[A] [A]" },
		{ "-----BEGIN-----\nMIIabcdef\n", "a -----BEGIN-----\nMIIabcdef\n.", "a [A]." },
		{ "short", "short", "short" },
	};
	struct error e = {};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(mask_freep) struct mask *m = NULL;
		_buf_ text = BUF_INIT;

		start("    A: {operator: x}\n    B: {operator: x}\n");
		hand("A", rows[i].value);
		node_set(arena, node_get(agent.handed, "app"), &(struct mark){ .file = "test" },
			"B",
			node_scalar(arena, &(struct mark){ .file = "test" }, "the other one", 13));
		check_int(secrets_make(&agent, 0, &e), 0);
		m = mask_new(&agent);
		buf_printf(&text, "%s the other one", rows[i].written);
		mask_text(m, &text);
		check_str(buf_str(&text), arena_printf(arena, "%s [B]", rows[i].seen));
	}
}

static void no_secrets_are_fine(void)
{
	const char text[] = "name: x\n";
	struct error e = {};
	char hex[65] = "x";
	_buf_ out = BUF_INIT;

	start("    A: b\n");
	agent_config_free(config);
	check_int(agent_config_parse(&config, "a", text, strlen(text), &e), 0);
	agent.config = config;
	check_int(secrets_make(&agent, 0, &e), SECRETS_NONE);
	check_int(secrets_env(&agent, &out, &e), SECRETS_NONE);
	check_int(secrets_digest(&agent, hex, &e), 0);
	check_str(hex, "");
}

static void generated_values_fit_everywhere(void)
{
	_buf_ last = BUF_INIT;

	for (int64_t bits = 64; bits <= 4096; bits += 32) {
		_buf_ value = BUF_INIT;
		const char *text = arena_printf(arena, "%d", (int)bits);
		struct node *number =
			node_scalar(arena, &(struct mark){ .file = "test" }, text, strlen(text));

		number->quoted = false;
		values_generate(number, &value);
		check((int64_t)value.len * 6 >= bits);
		check(isalnum((unsigned char)value.data[0]));
		for (size_t i = 0; i < value.len; i++)
			check(isalnum((unsigned char)value.data[i]) || strchr("-_", value.data[i]));
		check(strcmp(buf_str(&last), value.data) != 0);
		buf_reset(&last);
		buf_adds(&last, value.data);
	}
}

int main(void)
{
	arena = arena_new();
	agent.state_fd = -1;
	run(values_are_made_once);
	run(a_text_of_the_definition_counts_over_what_was_kept);
	run(a_clone_gets_its_own);
	run(nothing_is_made_for_a_database_that_is_there);
	run(the_first_secret_of_a_server_with_data_is_made_when_somebody_says_so);
	run(a_broken_document_is_never_replaced);
	run(an_operators_secret_is_taken_and_kept);
	run(compose_reads_back_what_was_meant);
	run(no_value_is_seen_in_what_a_container_wrote);
	run(no_secrets_are_fine);
	run(generated_values_fit_everywhere);
	closep(&agent.state_fd);
	agent_config_free(config);
	arena_free(arena);
	return done();
}
