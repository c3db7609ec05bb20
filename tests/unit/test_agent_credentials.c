/* Credentials: from the unit's directory, or from what this run was handed; absent is no error. */
#include "credentials.h"

#include "agent.h"
#include "arena.h"
#include "check.h"
#include "error.h"
#include "mark.h"
#include "node.h"
#include "tmpdir.h"

static struct arena *arena;
static struct agent agent;

static void put(const char *name, const char *text)
{
	check_int(file_replace(tmp_fd(), name, text, strlen(text), 0600), 0);
	setenv("CREDENTIALS_DIRECTORY", tmp_path, 1);
}

static void a_document_is_read(void)
{
	const struct node *n = NULL;
	struct error e = {};

	put("dns", "{\"client_id\": \"i\", \"client_secret\": \"s\"}");
	check_int(credential_read(&agent, "dns", arena, &n, &e), 0);
	check_str(node_str(node_get(n, "client_secret")), "s");
}

static void none_given_is_an_outcome(void)
{
	const struct node *n = NULL;
	struct error e = {};

	put("s3", "{}");
	check_int(credential_read(&agent, "s3", arena, &n, &e), CREDENTIAL_ABSENT);
	check_int(credential_read(&agent, "nowhere", arena, &n, &e), CREDENTIAL_ABSENT);
	unsetenv("CREDENTIALS_DIRECTORY");
	check_int(credential_read(&agent, "s3", arena, &n, &e), CREDENTIAL_ABSENT);
}

static void what_is_broken_is_not_quoted(void)
{
	static const char *const texts[] = { "hunter2", "[\"hunter2\"]", "{\"hunter2\"}", "" };
	const struct node *n = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct error e = {};

		put("git", texts[i]);
		check(credential_read(&agent, "git", arena, &n, &e) < 0);
		check_str(e.msg,
			"the credential 'git' (/etc/kbuild/credentials/git.json) is not a map in JSON");
	}
}

static void what_this_run_was_handed_comes_first(void)
{
	static const struct mark at = { .file = "test" };
	struct node *handed = node_map(arena, &at), *git = node_map(arena, &at);
	const struct node *n = NULL;
	struct error e = {};

	put("git", "{}");
	put("s3", "{\"access_key\": \"old\"}");
	node_set(arena, git, &at, "token", node_scalar(arena, &at, "t", 1));
	node_set(arena, handed, &at, "git", git);
	agent.handed = handed;
	check_int(credential_read(&agent, "git", arena, &n, &e), 0);
	check_str(node_str(node_get(n, "token")), "t");
	check_int(credential_read(&agent, "s3", arena, &n, &e), 0);
	agent.handed = NULL;
}

int main(void)
{
	arena = arena_new();
	run(a_document_is_read);
	run(none_given_is_an_outcome);
	run(what_is_broken_is_not_quoted);
	run(what_this_run_was_handed_comes_first);
	arena_free(arena);
	return done();
}
