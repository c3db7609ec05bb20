/* What all of the agent stands on: messages, journal, state, helpers. */
#include "agent.h"
#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "fd.h"
#include "ipc.h"
#include "journal.h"
#include "node.h"
#include "role.h"
#include "state.h"

#include "check.h"
#include "tmpdir.h"

#include <fcntl.h>
#include <sys/socket.h>

static void open_agent(struct agent *a)
{
	*a = (struct agent){ .state_fd = tmp_fd(), .state_dir = tmp_path };
}

static void a_message_arrives_as_it_was_sent(void)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	static const char *const list[] = { "a", "b\"", NULL };
	_buf_ text = BUF_INIT;
	_buf_ bytes = BUF_INIT;
	_close_ int fd = ipc_memfd("hello", 5);
	struct error e = { 0 };
	int pair[2];

	check_int(ipc_pair(pair), 0);
	ipc_begin_op(&text, "try");
	ipc_add_str(&text, "text", "line\nbreak \xff");
	ipc_add_int(&text, "n", -7);
	ipc_add_bool(&text, "yes", true);
	ipc_add_strs(&text, "list", list);
	ipc_end(&text);
	check_int(ipc_send(pair[0], &text, &fd, 1, &e), 0);
	check_int(ipc_receive(pair[1], 1000, &m, &e), 0);
	check_str(node_str(node_get(m.doc, "op")), "try");
	check_str(node_str(node_get(m.doc, "text")), "line\nbreak \xef\xbf\xbd");
	check_str(node_str(node_get(m.doc, "list")->items[1]), "b\"");
	check_int(m.n_fds, 1);
	check_int(ipc_read_fd(m.fds[0], 100, &bytes), 0);
	check_str(buf_str(&bytes), "hello");
	close(pair[0]);
	ipc_message_free(&m);
	check_int(ipc_receive(pair[1], 1000, &m, &e), IPC_CLOSED);
	close(pair[1]);
}

/* With descriptors of its own, and of a length that goes as it is and of one that goes as a file. */
static void a_long_message_arrives_whole(void)
{
	static const size_t lengths[] = { 10, IPC_MAX, 2 * MIB };

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
		_free_ char *text = xcalloc(lengths[i] + 1, 1);
		_buf_ long_one = BUF_INIT;
		_buf_ bytes = BUF_INIT;
		_close_ int fd = ipc_memfd("hello", 5);
		struct error e = { 0 };
		int pair[2];

		memset(text, 'x', lengths[i]);
		check_int(ipc_pair(pair), 0);
		ipc_begin(&long_one);
		ipc_add_str(&long_one, "text", text);
		ipc_end(&long_one);
		check_int(ipc_send_long(pair[0], &long_one, &fd, 1, &e), 0);
		check_int(ipc_receive(pair[1], 1000, &m, &e), 0);
		check_int((int64_t)m.n_fds, i == 0 ? 1 : 2);
		check_int(ipc_whole(&m, &e), 0);
		check_str(node_str(node_get(m.doc, "text")), text);
		check_int((int64_t)m.n_fds, 1);
		check_int(ipc_read_fd(m.fds[0], 100, &bytes), 0);
		check_str(buf_str(&bytes), "hello");
		close(pair[0]);
		close(pair[1]);
	}
}

static void a_long_message_that_is_none_is_refused(void)
{
	static const char *const files[] = { "", "[1]", "{", NULL };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
		_close_ int fd = files[i] ? ipc_memfd(files[i], strlen(files[i])) : -1;
		_buf_ text = BUF_INIT;
		struct error e = { 0 };
		int pair[2];

		buf_adds(&text, "{\"in_file\":true}");
		check_int(ipc_pair(pair), 0);
		check_int(ipc_send(pair[0], &text, &fd, fd >= 0, &e), 0);
		check_int(ipc_receive(pair[1], 1000, &m, &e), 0);
		check(ipc_whole(&m, &e) < 0);
		close(pair[0]);
		close(pair[1]);
	}
}

static void an_error_keeps_its_code_and_whether_it_passes(void)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	struct error sent = { 0 }, got = { 0 }, e = { 0 };
	int pair[2];

	check_int(ipc_pair(pair), 0);
	error_set(&sent, ERR_FAILED, "the disk is full");
	error_transient(&sent);
	check_int(ipc_send_error(pair[0], &sent, &e), 0);
	check_int(ipc_answer(pair[1], 1000, &m, &got), -ERR_FAILED);
	check_str(got.msg, "the disk is full");
	check(got.transient);
	close(pair[0]);
	close(pair[1]);
}

static void what_is_no_message_is_refused(void)
{
	static const char *const texts[] = { "", "[1]", "{\"a\":1,\"a\":2}", "nonsense", "{" };
	struct error e = { 0 };
	int pair[2];

	check_int(ipc_pair(pair), 0);
	for (size_t i = 1; i < ARRAY_SIZE(texts); i++) {
		_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;

		check(send(pair[0], texts[i], strlen(texts[i]), 0) >= 0);
		check_int(ipc_receive(pair[1], 1000, &m, &e), -ERR_FAILED);
	}
	close(pair[0]);
	close(pair[1]);
}

static void a_journal_outlives_a_torn_line(void)
{
	struct agent a;
	struct error e = { 0 };

	open_agent(&a);
	{
		_cleanup_(journal_closep) struct journal *j = NULL;

		check_int(journal_open(&j, &a, "j", &e), 0);
		check_int(journal_add(j, "dns", "intent", "\"id\":5", &e), 0);
		check_int(journal_add(j, "dns", "done", NULL, &e), 0);
		check_int(journal_add(j, "app", "intent", NULL, &e), 0);
	}
	{
		_close_ int fd = openat(a.state_fd, "j", O_WRONLY | O_APPEND);

		check_int(fd_write(fd, "{\"step\":\"app\",\"eve", 18), 0);
	}
	{
		_cleanup_(journal_closep) struct journal *j = NULL;

		check_int(journal_open(&j, &a, "j", &e), 0);
		check_int(journal_count(j), 3);
		check(journal_is(j, "dns", "done"));
		check(journal_is(j, "app", "intent"));
		check(!journal_last(j, "other"));
		check_int(journal_add(j, "app", "done", NULL, &e), 0);
	}
	{
		_cleanup_(journal_closep) struct journal *j = NULL;

		check_int(journal_open(&j, &a, "j", &e), 0);
		check_int(journal_count(j), 4);
	}
}

static void broken_state_is_set_aside(void)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	_buf_ text = BUF_INIT;
	const struct node *n = NULL;
	struct agent a;
	struct error e = { 0 };

	open_agent(&a);
	check_int(state_read(&a, "s.json", arena, &n, &e), STATE_ABSENT);
	buf_adds(&text, "{\"good\":1}");
	check_int(state_write(&a, "s.json", &text, &e), 0);
	check_int(state_read(&a, "s.json", arena, &n, &e), 0);
	check_str(node_str(node_get(n, "good")), "1");
	check_int(file_replace(a.state_fd, "s.json", "{\"good\"", 7, 0600), 0);
	check_int(state_read(&a, "s.json", arena, &n, &e), STATE_ABSENT);
	check_int(faccessat(a.state_fd, "s.json.broken", F_OK, 0), 0);
}

static int echo(
	_unused_ void *state, struct ipc_message *q, struct role_reply *reply, struct error *e)
{
	const char *word = node_str(node_get(q->doc, "word"));

	if (strcmp(word, "die") == 0)
		_exit(1);
	if (strcmp(word, "hang") == 0)
		pause();
	if (strcmp(word, "fail") == 0)
		return error_set(e, ERR_INVALID, "no such word");
	ipc_begin(reply->json);
	ipc_add_str(reply->json, "word", word);
	ipc_end(reply->json);
	return 0;
}

static const struct role_type role_echo = { "echo", NULL, echo };

static int ask(struct role *r, const char *word, int64_t ms, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	_buf_ text = BUF_INIT;
	int status;

	ipc_begin(&text);
	ipc_add_str(&text, "word", word);
	ipc_end(&text);
	status = role_call(r, &text, NULL, 0, ms, &m, e);
	if (status == 0)
		check_str(node_str(node_get(m.doc, "word")), word);
	return status;
}

static void a_role_answers_fails_and_goes_on(void)
{
	_cleanup_(role_stopp) struct role *r = NULL;
	struct agent a = { 0 };
	struct error e = { 0 };

	check_int(role_start(&r, &role_echo, &a, &e), 0);
	check_int(ask(r, "one", 5000, &e), 0);
	check_int(ask(r, "fail", 5000, &e), -ERR_INVALID);
	check_str(e.msg, "no such word");
	check_int(ask(r, "two", 5000, &e), 0);
}

static void a_role_that_died_or_hangs_is_transient(void)
{
	static const char *const words[] = { "die", "hang" };
	struct agent a = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		_cleanup_(role_stopp) struct role *r = NULL;
		struct error e = { 0 };

		check_int(role_start(&r, &role_echo, &a, &e), 0);
		check_int(ask(r, words[i], 100, &e), -ERR_NETWORK);
		check(e.transient);
		check_int(ask(r, "one", 5000, &e), -ERR_NETWORK);
		check_str(e.msg, "the echo process has ended");
	}
}

int main(void)
{
	run(a_message_arrives_as_it_was_sent);
	run(a_long_message_arrives_whole);
	run(a_long_message_that_is_none_is_refused);
	run(an_error_keeps_its_code_and_whether_it_passes);
	run(what_is_no_message_is_refused);
	run(a_journal_outlives_a_torn_line);
	run(broken_state_is_set_aside);
	run(a_role_answers_fails_and_goes_on);
	run(a_role_that_died_or_hangs_is_transient);
	return done();
}
