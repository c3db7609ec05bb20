/*
 * The handoff on the server: root's half on files of a test directory, and the whole way through a
 * broker that is only as much of one as these operations need.
 */
#include "keep.h"
#include "receive.h"

#include "age.h"
#include "agent.h"
#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "check.h"
#include "credentials.h"
#include "error.h"
#include "handoff.h"
#include "ipc.h"
#include "mark.h"
#include "node.h"
#include "tmpdir.h"
#include "yaml_tree.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

static struct arena *arena;
static struct age_identity id;

#define CUT 77

/* While the handoff is forgotten: the broker ends after this many changes of files; 0: never. */
static int forget_cut, cut_after;

int __real_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __real_unlinkat(int fd, const char *name, int flags);
int __real_fsync(int fd);
int __real_fd_write_at(int fd, const void *data, size_t len, uint64_t offset);
int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __wrap_unlinkat(int fd, const char *name, int flags);
int __wrap_fsync(int fd);
int __wrap_fd_write_at(int fd, const void *data, size_t len, uint64_t offset);

static int changed(int r)
{
	if (cut_after > 0 && --cut_after == 0)
		_exit(CUT);
	return r;
}

int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	return changed(__real_renameat(from_fd, from, to_fd, to));
}

int __wrap_unlinkat(int fd, const char *name, int flags)
{
	return changed(__real_unlinkat(fd, name, flags));
}

int __wrap_fsync(int fd)
{
	return changed(__real_fsync(fd));
}

int __wrap_fd_write_at(int fd, const void *data, size_t len, uint64_t offset)
{
	return changed(__real_fd_write_at(fd, data, len, offset));
}

/* A server's root with an image key, and a handoff with these secrets. Gives the document's text. */
static const char *hand_over(const char *secrets)
{
	struct diags d = DIAGS_INIT;
	struct error e = {};
	struct node *n = NULL;
	struct age_recipient to;
	char recipient[AGE_RECIPIENT_SIZE], key[AGE_IDENTITY_SIZE];
	struct handoff_intent q = { .server = "web", .launched = 5, .recipient = recipient };
	_buf_ text = BUF_INIT;

	check_int(remove_all(tmp_fd(), "root"), 0);
	check_int(mkdir_all(tmp_fd(), "root/etc/kbuild", 0755), 0);
	check_int(mkdir_all(tmp_fd(), "root/state", 0700), 0);
	age_identity_generate(&id);
	age_identity_recipient(&id, &to);
	age_recipient_format(&to, recipient);
	age_identity_format(&id, key);
	check_int(file_replace(tmp_fd(), "root/etc/kbuild/image.key", key, strlen(key), 0600), 0);
	check_int(yaml_parse(&n, arena, "s", secrets, strlen(secrets), &d, &e), 0);
	q.secrets = n;
	check_int(handoff_write(&q, &text, &e), 0);
	check_int(file_replace(tmp_fd(), "root/etc/kbuild/handoff.json", text.data, text.len, 0600),
		0);
	return arena_strdup(arena, text.data);
}

static int root_fd(void)
{
	static int fd = -1;

	closep(&fd);
	fd = openat(tmp_fd(), "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd;
}

static void put(const char *path, const char *text, size_t len, mode_t mode)
{
	_free_ char *full = xasprintf("root/%s", path), *dir = xstrdup(full);

	*strrchr(dir, '/') = '\0';
	check_int(mkdir_all(tmp_fd(), dir, 0755), 0);
	check_int(file_replace(tmp_fd(), full, text, len, mode), 0);
}

static void get(const char *path, struct buf *ret)
{
	_free_ char *full = xasprintf("root/%s", path);

	buf_reset(ret);
	check_int(file_read(tmp_fd(), full, MIB, ret), 0);
}

static void every_copy_is_overwritten_and_nothing_else(void)
{
	static const char *const places[] = { "var/lib/cloud/instances/i-1/user-data.txt",
		"var/lib/cloud/instances/i-1/obj.pkl", "run/cloud-init/combined.json",
		"var/log/cloud-init.log" };
	const char *doc = hand_over("secrets: {A: hunter2}");
	_buf_ text = BUF_INIT, got = BUF_INIT, wanted = BUF_INIT;
	const char *sealed = strstr(doc, "sealed\":\"") + 9;
	size_t len = strcspn(sealed, "\"");
	struct error e = {};
	struct stat st;

	/* Two copies, one across the border of the blocks that are read, and bytes of all kinds. */
	for (int i = 0; i < 256 * 1024 - 20; i++)
		buf_addc(&text, (char)(i % 64));
	buf_adds(&text, doc);
	buf_add(&text, "\0'\\\n", 4);
	buf_adds(&text, doc);
	buf_adds(&text, "YWdlLWVuY3J5cHRpb24ub3JnL3Yx tail");
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		put(places[i], text.data, text.len, 0400);
	put("var/log/other.log", text.data, text.len, 0600);
	put("var/lib/cloud/seed/empty", "", 0, 0600);
	check_int(symlinkat("/nowhere", root_fd(), "var/lib/cloud/instance"), 0);
	check_int(keep_forget(root_fd(), &e), 0);

	buf_add(&wanted, text.data, text.len);
	for (char *p = wanted.data;
		(p = memmem(p, wanted.len - (size_t)(p - wanted.data), sealed, len));)
		memset(p, 'A', len);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		get(places[i], &got);
		check_int(got.len, wanted.len);
		check(memcmp(got.data, wanted.data, wanted.len) == 0);
		check_int(fstatat(root_fd(), places[i], &st, 0), 0);
		check_int(st.st_mode & 0777, 0400);
	}
	get("var/log/other.log", &got);
	check(memcmp(got.data, text.data, text.len) == 0);
	check_int(faccessat(root_fd(), "etc/kbuild/handoff.json", F_OK, 0), -1);
	check_int(keep_forget(root_fd(), &e), 0);
	buf_reset(&got);
	check_int(keep_take(root_fd(), &got, &e), HANDOFF_NONE);
}

static void only_known_credentials_are_stored(void)
{
	static const struct {
		const char *name, *doc;
		bool ok;
	} rows[] = {
		{ "dns", "{\"client_id\":\"x\"}", true },
		{ "app", "{}", true },
		{ "../x", "{}", false },
		{ "shadow", "{}", false },
		{ "dns", "[]", false },
		{ "dns", "hunter2", false },
	};
	struct stat st;

	hand_over("{}");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct error e = {};
		int r = keep_store(root_fd(), rows[i].name, rows[i].doc, strlen(rows[i].doc), &e);

		check_int(r == 0, rows[i].ok);
		check(!strstr(e.msg, "hunter2"));
	}
	check_int(fstatat(root_fd(), "etc/kbuild/credentials/dns.json", &st, 0), 0);
	check_int(st.st_mode & 0777, 0600);
	check_int(fstatat(root_fd(), "etc/kbuild/credentials", &st, 0), 0);
	check_int(st.st_mode & 0777, 0700);
}

/* ---- a broker of four operations ---- */

static int answer(int conn, const struct ipc_message *q, int root, struct error *e)
{
	const char *op = node_str(node_get(q->doc, "op"));
	_buf_ bytes = BUF_INIT, reply = BUF_INIT;
	_close_ int fd = -1;
	int r = 0;

	if (strcmp(op, "handoff-take") == 0) {
		r = keep_take(root, &bytes, e);
	} else if (strcmp(op, "image-key") == 0) {
		r = keep_image_key(root, &bytes, e);
	} else if (strcmp(op, "handoff-forget") == 0) {
		cut_after = forget_cut;
		r = keep_forget(root, e);
		cut_after = 0;
	} else if (strcmp(op, "credentials-store") == 0) {
		if (faccessat(root, "full", F_OK, 0) == 0)
			r = error_errno(e, ENOSPC, "cannot write");
		if (r == 0 && ipc_read_fd(q->fds[0], MIB, &bytes) == 0)
			r = keep_store(
				root, node_str(node_get(q->doc, "name")), bytes.data, bytes.len, e);
		buf_reset(&bytes);
	}
	if (r < 0)
		return ipc_send_error(conn, e, e);
	fd = bytes.len ? ipc_memfd(bytes.data, bytes.len) : -1;
	ipc_begin(&reply);
	ipc_end(&reply);
	return ipc_send(conn, &reply, &fd, fd >= 0, e);
}

static pid_t broker_start(const char *path)
{
	struct sockaddr_un where = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	pid_t pid;

	snprintf(where.sun_path, sizeof where.sun_path, "%s", path);
	unlink(path);
	check(bind(sock, (struct sockaddr *)&where, sizeof where) == 0 && listen(sock, 8) == 0);
	fflush(stdout);
	pid = fork();
	while (pid == 0) {
		_cleanup_(ipc_message_free) struct ipc_message q = IPC_MESSAGE_INIT;
		struct error e = {};
		_close_ int conn = accept(sock, NULL, NULL);

		if (conn < 0 || ipc_receive(conn, 5000, &q, &e) != 0)
			continue;
		if (answer(conn, &q, root_fd(), &e) < 0)
			_exit(1);
	}
	close(sock);
	return pid;
}

static struct agent agent_start(pid_t *ret)
{
	struct agent a = { .state_dir = tmp_name("root/state"),
		.broker_path = tmp_name("broker.sock") };

	*ret = broker_start(a.broker_path);
	a.state_fd = openat(tmp_fd(), "root/state", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return a;
}

static void agent_stop(struct agent *a, pid_t broker)
{
	kill(broker, SIGKILL);
	waitpid(broker, NULL, 0);
	close(a->state_fd);
}

static void secrets_become_credentials_and_are_forgotten(void)
{
	const char *doc =
		hand_over("dns: {client_id: i, client_secret: s}\nsecrets: {A: hunter2}\n");
	const struct node *n = NULL;
	struct received got = {};
	struct error e = {};
	_buf_ text = BUF_INIT;
	pid_t broker;
	struct agent a;

	put("var/lib/cloud/instances/i/user-data.txt", doc, strlen(doc), 0600);
	put("etc/kbuild/credentials/s3.json", "{\"access_key\":\"old\"}", 20, 0600);
	a = agent_start(&broker);
	check_int(handoff_receive(&a, arena, &got, &e), 0);
	check_str(got.server, "web");
	check_int(got.launched, 5);
	check_str(got.parts[0], "app");
	check_str(got.parts[1], "dns");
	check(!got.parts[2]);
	get("etc/kbuild/credentials/app.json", &text);
	check_str(buf_str(&text), "{\"A\": \"hunter2\"}");
	get("etc/kbuild/credentials/s3.json", &text);
	check_str(buf_str(&text), "{}");
	get("state/handoff.json", &text);
	check_str(buf_str(&text),
		"{\"v\":1,\"server\":\"web\",\"launched\":5,\"parts\":[\"app\",\"dns\"]}\n");
	get("var/lib/cloud/instances/i/user-data.txt", &text);
	check(strstr(buf_str(&text), "\"sealed\":\"AAAAAAAA"));
	check_int(credential_read(&a, "app", arena, &n, &e), 0);
	check_str(node_str(node_get(n, "A")), "hunter2");
	check_int(credential_read(&a, "s3", arena, &n, &e), CREDENTIAL_ABSENT);
	a.handed = NULL;
	/* At the next boot cloud-init has fetched the user-data anew. */
	put("var/lib/cloud/instances/i/user-data.txt", doc, strlen(doc), 0600);
	check_int(handoff_receive(&a, arena, &got, &e), RECEIVE_NOTHING);
	get("var/lib/cloud/instances/i/user-data.txt", &text);
	check(strstr(buf_str(&text), "\"sealed\":\"AAAAAAAA"));
	get("etc/kbuild/credentials/app.json", &text);
	check_str(buf_str(&text), "{\"A\": \"hunter2\"}");
	agent_stop(&a, broker);
}

static bool is_scrubbed(const char *text)
{
	return strstr(text, "\"sealed\":\"AAAAAAAA") != NULL;
}

/* One boot: takes the handoff, or finds that there is none, with a cut after so many changes. */
static int boot(int cut, struct error *e)
{
	struct received got = {};
	struct agent a;
	pid_t broker;
	int r;

	forget_cut = cut;
	a = agent_start(&broker);
	r = handoff_receive(&a, arena, &got, e);
	agent_stop(&a, broker);
	return r;
}

/* What is forgotten was stored: the boot after a cut has all of it again, or nothing, and leaves nothing. */
static void a_cut_while_it_is_forgotten_stops_no_boot(void)
{
	static const char *const gone[] = { "etc/kbuild/handoff.json",
		"etc/kbuild/handoff.json.taken" };
	bool ended = false;
	int cuts = 0;

	while (!ended) {
		const char *doc = hand_over("secrets: {A: hunter2}");
		_close_ int bytes =
			openat(root_fd(), "etc/kbuild/handoff.json", O_RDONLY | O_CLOEXEC);
		_buf_ text = BUF_INIT;
		struct error e = {}, after = {};
		int r;

		put("var/lib/cloud/instances/i/user-data.txt", doc, strlen(doc), 0600);
		ended = boot(++cuts, &e) == 0;
		r = boot(0, &after);
		if (r != 0 && r != RECEIVE_NOTHING)
			check_fail("cut after change %d: %s", cuts, after.msg);
		get("etc/kbuild/credentials/app.json", &text);
		check_str(buf_str(&text), "{\"A\": \"hunter2\"}");
		get("var/lib/cloud/instances/i/user-data.txt", &text);
		check(is_scrubbed(buf_str(&text)));
		for (size_t i = 0; i < ARRAY_SIZE(gone); i++)
			check_int(faccessat(root_fd(), gone[i], F_OK, 0), -1);
		/* What lay under these names, wherever it is on the disk now. */
		buf_reset(&text);
		check_int(fd_read(bytes, MIB, &text), 0);
		check(is_scrubbed(buf_str(&text)));
	}
	/* Write, sync; rename, sync; write, sync; remove, sync. */
	check(cuts > 8);
}

static void what_could_not_be_stored_is_not_forgotten(void)
{
	struct received got = {};
	struct error e = {};
	_buf_ text = BUF_INIT;
	pid_t broker;
	struct agent a;

	hand_over("secrets: {A: hunter2}");
	put("full", "", 0, 0600);
	a = agent_start(&broker);
	check(handoff_receive(&a, arena, &got, &e) < 0);
	check(!strstr(e.msg, "hunter2"));
	get("etc/kbuild/handoff.json", &text);
	check_int(unlinkat(root_fd(), "full", 0), 0);
	check_int(handoff_receive(&a, arena, &got, &e), 0);
	get("etc/kbuild/credentials/app.json", &text);
	agent_stop(&a, broker);
}

static void another_images_handoff_is_refused(void)
{
	struct age_identity other;
	char key[AGE_IDENTITY_SIZE];
	struct received got = {};
	struct error e = {};
	pid_t broker;
	struct agent a;

	hand_over("secrets: {A: hunter2}");
	age_identity_generate(&other);
	age_identity_format(&other, key);
	put("etc/kbuild/image.key", key, strlen(key), 0600);
	a = agent_start(&broker);
	check(handoff_receive(&a, arena, &got, &e) < 0);
	check_str(e.msg, "opening the handoff: the sealed secrets: none of the keys opens it");
	check_int(e.code, ERR_INVALID);
	agent_stop(&a, broker);
}

int main(void)
{
	arena = arena_new();
	run(every_copy_is_overwritten_and_nothing_else);
	run(only_known_credentials_are_stored);
	run(secrets_become_credentials_and_are_forgotten);
	run(a_cut_while_it_is_forgotten_stops_no_boot);
	run(what_could_not_be_stored_is_not_forgotten);
	run(another_images_handoff_is_refused);
	arena_free(arena);
	return done();
}
