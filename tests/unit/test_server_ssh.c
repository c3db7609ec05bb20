/* What verbs say of commands on a server, where a script in the place of ssh plays the server. */
#include "check.h"

#include "arena.h"
#include "buf.h"
#include "ctx.h"
#include "error.h"
#include "fd.h"
#include "progress.h"
#include "provider.h"
#include "servers.h"
#include "tmpdir.h"
#include "verbs.h"

#include <sys/mman.h>

static enum server_state state;

/* --- a cloud of one server ------------------------------------------------------------------------- */

static int fake_console(_unused_ const struct cloud *c, _unused_ const char *name, uint64_t offset,
	struct buf *ret, uint64_t *ret_offset, _unused_ struct error *e)
{
	if (offset == 0)
		buf_adds(ret, "booted\n");
	*ret_offset = 7;
	return 0;
}

static const struct provider fake_provider = { .name = "fake", .console = fake_console };

static struct server web(void)
{
	return (struct server){ .name = "web",
		.state = state,
		.address = "192.0.2.1",
		.ssh_port = 22,
		.directory = tmp_path };
}

int servers_open(_unused_ struct ctx *c, _unused_ const struct verb_args *a,
	_unused_ const char *name, struct cloud *ret, _unused_ struct arena *arena,
	struct server *ret_server, _unused_ struct error *e)
{
	ret->provider = &fake_provider;
	*ret_server = web();
	return 0;
}

void servers_cloud_close(_unused_ struct cloud *c)
{
}

int servers_gone(const char *name, struct error *e)
{
	return error_set(e, ERR_FAILED, "'%s' is gone", name);
}

static const struct verb *const verbs[] = { &verb_logs, &verb_dns, NULL };
static const struct verb_option options[] = { { "json", NULL, "", 0 }, {} };
const struct program program = {
	.name = "kbuild", .about = "", .verbs = verbs, .options = options, .footer = ""
};

/* --- one run --------------------------------------------------------------------------------------- */

static void play(const char *script)
{
	_buf_ text = BUF_INIT;

	buf_printf(&text, "#!/bin/sh\nprintf '%%s\\n' \"$@\" >%s/argv\n%s\n", tmp_path, script);
	check_int(file_replace(tmp_fd(), "ssh", text.data, text.len, 0755), 0);
}

struct said {
	int r;
	struct error e;
	struct buf out, notes;
};

static void said_free(struct said *s)
{
	buf_free(&s->out);
	buf_free(&s->notes);
}

static void run_verb(const char *const *words, bool json, struct said *ret)
{
	_cleanup_(verb_args_freep) struct verb_args *args = NULL;
	_close_ int out = memfd_create("out", MFD_CLOEXEC);
	_close_ int notes = memfd_create("notes", MFD_CLOEXEC);
	_close_ int kept = dup(STDOUT_FILENO);
	_cleanup_(progress_freep) struct progress *p = progress_new(PROGRESS_PLAIN, notes, false);
	struct ctx c = { .json = json, .progress = p };
	const struct verb *verb;
	int argc = 0;

	while (words[argc])
		argc++;
	check_int(verb_parse(&args, &verb, argc, (char **)(uintptr_t)words, &ret->e), 0);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	ret->r = (verb->run)(&c, args, &ret->e);
	dup2(kept, STDOUT_FILENO);
	lseek(out, 0, SEEK_SET);
	lseek(notes, 0, SEEK_SET);
	check_int(fd_read(out, MIB, &ret->out), 0);
	check_int(fd_read(notes, MIB, &ret->notes), 0);
}

static void a_journal_that_cannot_be_had_is_a_console_only_before_its_first_line(void)
{
	static const struct {
		const char *script;
		enum server_state state;
		int r;
		const char *out, *note, *error; /* NULL: none */
	} rows[] = {
		{ "echo one", SERVER_RUNNING, 0, "one\n", NULL, NULL },
		{ "exit 255", SERVER_RUNNING, 0, "booted\n",
			"the server 'web' could not be reached by ssh; this is its console", NULL },
		{ "echo one", SERVER_STOPPED, 0, "booted\n",
			"the server 'web' is stopped: 'kbuild start web' first; this is its console",
			NULL },
		{ "echo one; exit 255", SERVER_RUNNING, -ERR_NETWORK, "one\n", NULL,
			"the connection to the server 'web' broke" },
		{ "exit 1", SERVER_RUNNING, 1, "", NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(said_free) struct said s = {};

		state = rows[i].state;
		play(rows[i].script);
		run_verb((const char *[]){ "kbuild", "logs", "web", "-f", NULL }, false, &s);
		check_int(s.r, rows[i].r);
		check_str(buf_str(&s.out), rows[i].out);
		check_str(s.e.msg, rows[i].error ? rows[i].error : "");
		if (rows[i].note ? !strstr(buf_str(&s.notes), rows[i].note) : s.notes.len > 0)
			check_str(buf_str(&s.notes), rows[i].note);
	}
}

static void an_agent_that_does_not_answer_is_an_error_of_ours(void)
{
	static const struct {
		const char *script;
		bool json;
		int r;
		const char *out, *error;
	} rows[] = {
		{ "echo '{}'", true, 0, "{}\n", "" },
		/* What the agent has said itself is not said again. */
		{ "echo '{\"error\":{}}'; exit 5", true, 5, "{\"error\":{}}\n", "" },
		{ "echo kbuild-agent: no keys >&2; exit 3", false, 3, "", "" },
		{ "echo 'sudo: a password is required' >&2; exit 1", false, 1, "", "" },
		{ "echo; echo 'sudo: a \033[1mpassword is required' >&2; exit 1", false, 1, "\n",
			"" },
		{ "printf 'hint\\nsudo: a \\033[1mpassword is required\\n' >&2; exit 1", true, -1,
			"",
			"the agent of the server 'web' gave no answer, and exit status 1: sudo: a password is required" },
		{ "exit 5", true, -5, "",
			"the agent of the server 'web' gave no answer, and exit status 5" },
		{ "exit 5", false, -5, "",
			"the agent of the server 'web' gave no answer, and exit status 5" },
		{ "echo '{'; exit 137", true, -1, "{\n",
			"the agent of the server 'web' gave no answer, and exit status 137" },
		{ "exit 255", true, -5, "",
			"the server 'web' could not be reached by ssh: 'kbuild console web' shows how it is" },
		{ "echo '{'; exit 255", true, -5, "{\n",
			"the connection to the server 'web' broke: 'kbuild console web' shows how it is" },
	};

	state = SERVER_RUNNING;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(said_free) struct said s = {};

		play(rows[i].script);
		run_verb(
			(const char *[]){ "kbuild", "dns", "show", "web", NULL }, rows[i].json, &s);
		check_str(s.e.msg, rows[i].error);
		check_int(s.r, rows[i].r);
		check_str(buf_str(&s.out), rows[i].out);
	}
}

/* Programs notice that it is gone; who sits before a terminal has his own configuration for that. */
static void a_server_that_vanishes_is_noticed(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_(said_free) struct said s = {};
	const struct cloud cloud = { .provider = &fake_provider };
	const struct server server = web();
	const char **argv;
	_buf_ words = BUF_INIT;

	state = SERVER_RUNNING;
	play("");
	run_verb((const char *[]){ "kbuild", "dns", "sync", "web", NULL }, false, &s);
	check_int(s.r, 0);
	check_int(file_read(tmp_fd(), "argv", MIB, &words), 0);
	check(strstr(buf_str(&words),
		"\n-o\nBatchMode=yes\n-o\nConnectTimeout=20\n"
		"-o\nServerAliveInterval=15\n-o\nServerAliveCountMax=4\n"));
	check(strstr(buf_str(&words), "\n--\n192.0.2.1\nsudo\n-n\nkbuild-agent\ndns\nsync\n"));
	check_int(server_ssh(&cloud, &server, 0, a, NULL, &argv, &s.e), 0);
	for (; *argv; argv++)
		check(!strstr(*argv, "ServerAlive") && !strstr(*argv, "BatchMode"));
}

int main(void)
{
	_buf_ path = BUF_INIT;

	tmp_fd();
	buf_printf(&path, "%s:%s", tmp_path, getenv("PATH"));
	setenv("PATH", buf_str(&path), 1);
	run(a_journal_that_cannot_be_had_is_a_console_only_before_its_first_line);
	run(an_agent_that_does_not_answer_is_an_error_of_ours);
	run(a_server_that_vanishes_is_noticed);
	return done();
}
