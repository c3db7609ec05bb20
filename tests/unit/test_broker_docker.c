/* The broker's words about containers, of which there may be many and long ones. docker is a script. */
#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "json.h"
#include "node.h"
#include "ops.h"
#include "plan.h"

#include "check.h"
#include "tmpdir.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#define CONTAINERS 200

/* Container 7 has failed with much to say of it, and has labels as long. */
static const char docker[] =
	"#!/bin/sh\n"
	"dir=$(dirname \"$0\")\n"
	"long=$(printf '%05000d' 0)\n"
	"case \"$*\" in\n"
	"container\\ ls*) seq 1 $(cat \"$dir/n\") ;;\n"
	"compose*) exec sleep $(cat \"$dir/sleeps\") ;;\n"
	"container\\ inspect*)\n"
	"	shift 2\n"
	"	echo $# >>\"$dir/log\"\n"
	"	sep='['\n"
	"	for id; do\n"
	"		error= label=\n"
	"		[ $id != 7 ] || error=$long label=$long\n"
	"		printf '%s{\"Id\":\"%064d\",\"Name\":\"/x-%d\",\"Image\":\"sha256:%064d\",' \"$sep\" $id $id $id\n"
	"		printf '\"Config\":{\"Image\":\"registry.example.org/a/b@sha256:%064d\",\"Labels\":{' $id\n"
	"		printf '\"kbuild.note\":\"%s\",\"com.docker.compose.oneoff\":\"%s\",' \"$label\" $([ $id = 8 ] && echo True || echo False)\n"
	"		printf '\"com.docker.compose.service\":\"s%d\",\"com.docker.compose.config-hash\":\"%064d\"}},' $id $id\n"
	"		printf '\"State\":{\"Status\":\"running\",\"Error\":\"%s\",\"ExitCode\":0}}' \"$error\"\n"
	"		sep=,\n"
	"	done\n"
	"	echo ] ;;\n"
	"info*) echo \"$dir/engine\" ;;\n"
	"esac\n";

/* The answer as who asks gets it: through a socket. */
static int ask(const char *request, struct ipc_message *ret, struct error *e)
{
	const struct broker b = { .root = tmp_name("root"),
		.state = tmp_name("root"),
		.programs = tmp_name("programs") };
	_cleanup_(ipc_message_free) struct ipc_message q = IPC_MESSAGE_INIT;
	_buf_ json = BUF_INIT;
	struct call c = { .b = &b, .q = &q, .reply = { .json = &json, .fds = { -1, -1, -1, -1 } } };
	struct node *doc;
	int pair[2], r;

	*e = (struct error){ 0 };
	check_int(ipc_pair(pair), 0);
	c.sock = pair[0];
	q.arena = arena_new();
	check_int(json_parse(&doc, q.arena, "q", request, strlen(request), e), 0);
	q.doc = doc;
	ipc_begin(&json);
	r = op_run(&c, e);
	alarm(0);
	if (r >= 0)
		r = call_reply(&c, e);
	if (r >= 0)
		r = ipc_answer(pair[1], 1000, ret, e);
	if (r >= 0)
		r = ipc_whole(ret, e);
	close(pair[0]);
	close(pair[1]);
	return r;
}

static const struct node *ps(struct ipc_message *ret, struct error *e)
{
	int r = ask("{\"op\":\"ps\",\"project\":\"p\"}", ret, e);

	return r < 0 ? NULL : node_get(ret->doc, "containers");
}

static void there_are(int n)
{
	_free_ char *text = xasprintf("%d\n", n);

	check_int(mkdir_all(tmp_fd(), "programs", 0755), 0);
	check_int(mkdir_all(tmp_fd(), "root", 0755), 0);
	check_int(file_replace(tmp_fd(), "programs/docker", docker, sizeof docker - 1, 0755), 0);
	check_int(chmod(tmp_name("programs/docker"), 0755), 0);
	check_int(file_replace(tmp_fd(), "programs/n", text, strlen(text), 0644), 0);
	check_int(remove_all(tmp_fd(), "programs/log"), 0);
}

static const char *text_of(const struct node *list, size_t i, const char *key)
{
	const char *text = node_str(node_get(list->items[i], key));

	return text ? text : "";
}

static void many_containers_are_told(void)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	const struct node *list;
	struct error e;
	_buf_ log = BUF_INIT;

	there_are(CONTAINERS);
	list = ps(&m, &e);
	if (!list)
		check_fail("%s", e.msg);
	check_int((int64_t)list->n, CONTAINERS);
	for (size_t i = 0; i < list->n; i++) {
		_free_ char *name = xasprintf("x-%zu", i + 1);
		bool oneoff = false;

		check_str(text_of(list, i, "name"), name);
		check(node_is_bool(node_get(list->items[i], "oneoff"), &oneoff));
		check(oneoff == (i + 1 == 8));
	}
	check_int((int64_t)m.n_fds, 0);
	/* A part at a time. */
	check_int(file_read(tmp_fd(), "programs/log", MIB, &log), 0);
	check_str(buf_str(&log), "50\n50\n50\n50\n");
}

static void what_others_wrote_is_cut(void)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	const struct node *list;
	struct error e;
	_buf_ all = BUF_INIT;

	there_are(7);
	list = ps(&m, &e);
	if (!list)
		check_fail("%s", e.msg);
	check_int((int64_t)list->n, 7);
	check_int((int64_t)strlen(text_of(list, 6, "error")), 500);
	check_str(text_of(list, 6, "service"), "s7");
	node_write_json(list->items[6], 0, &all);
	check(all.len < 2000);
}

static void none_are_none_and_too_many_are_said(void)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	_cleanup_(ipc_message_free) struct ipc_message ignored = IPC_MESSAGE_INIT;
	const struct node *list;
	struct error e;

	there_are(0);
	list = ps(&m, &e);
	check(list && list->kind == NODE_LIST && list->n == 0);
	there_are(501);
	check(!ps(&ignored, &e));
	check(strstr(e.msg, "more than 500 containers") != NULL);
}

/* A plan of one service is brought up by an engine that takes so long. Returns what is left of the alarm. */
static unsigned up(const char *more, const char *sleeps, struct error *e)
{
	static const char plan[] =
		"{\"name\":\"p\",\"services\":{\"a\":{\"image\":\"x@sha256:"
		"0123456789012345678901234567890123456789012345678901234567890123\"}}}";
	const struct broker b = { .root = tmp_name("root"),
		.state = tmp_name("root"),
		.programs = tmp_name("programs") };
	_cleanup_(ipc_message_free) struct ipc_message q = IPC_MESSAGE_INIT;
	_buf_ json = BUF_INIT;
	_free_ char *request = NULL;
	struct call c = { .b = &b, .q = &q, .reply = { .json = &json, .fds = { -1, -1, -1, -1 } } };
	struct node *doc;
	char id[SHA256_HEX];

	*e = (struct error){ 0 };
	there_are(0);
	check_int(mkdir_all(tmp_fd(), "root/plans", 0700), 0);
	check_int(file_replace(tmp_fd(), "programs/sleeps", sleeps, strlen(sleeps), 0644), 0);
	q.arena = arena_new();
	check_int(json_parse(&doc, q.arena, "plan", plan, sizeof plan - 1, e), 0);
	check_int(plan_keep(&b, doc, id, e), 0);
	request = xasprintf("{\"op\":\"up\",\"plan\":\"%s\"%s}", id, more);
	check_int(json_parse(&doc, q.arena, "q", request, strlen(request), e), 0);
	q.doc = doc;
	(void)op_run(&c, e);
	return alarm(0);
}

/* Compose waits there for migrations, and only who asks knows how long those may take. */
static void up_takes_as_long_as_it_is_told(void)
{
	struct error e;
	unsigned left = up("", "0", &e);

	check_int(e.code, 0);
	check(left > 900 && left <= 1000);
	left = up(",\"seconds\":7200", "0", &e);
	check_int(e.code, 0);
	check(left > 7200 && left <= 7300);
	(void)up(",\"seconds\":1", "60", &e);
	check_int(e.code, ERR_FAILED);
	check(strstr(e.msg, "cannot bring up the application: ") &&
		strstr(e.msg, " timed out after 1 s"));
}

/* What is told of where path is. */
static void check_room(const struct node *room, const char *path)
{
	int64_t device = -1, size = -1;
	struct statvfs v;
	struct stat st;

	check_str(node_str(node_get(room, "path")), path);
	check_int(stat(path, &st), 0);
	check_int(statvfs(path, &v), 0);
	check(node_is_int(node_get(room, "device"), &device));
	check(node_is_int(node_get(room, "size"), &size));
	check_int(device, (int64_t)st.st_dev);
	check_int(size, (int64_t)(v.f_blocks * v.f_frsize));
}

/* The volumes' directory is a disk of its own (/proc stands for that), one of the engine's, or not there yet. */
static void the_disk_of_the_volumes_is_told_besides(void)
{
	static const char volumes[] = "programs/engine/volumes";
	_free_ char *engine = xstrdup(tmp_name("programs/engine"));
	_free_ char *path = xstrdup(tmp_name(volumes));

	there_are(0);
	check_int(mkdir_all(tmp_fd(), "programs/engine", 0755), 0);
	for (int i = 0; i < 3; i++) {
		_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
		struct error e;

		if (i > 0)
			check_int(remove_all(tmp_fd(), volumes), 0);
		if (i < 2)
			check_int(i == 0 ? symlinkat("/proc", tmp_fd(), volumes)
					 : mkdirat(tmp_fd(), volumes, 0755),
				0);
		if (ask("{\"op\":\"disk\"}", &m, &e) < 0)
			check_fail("%s", e.msg);
		check_room(m.doc, engine);
		check_room(node_get(m.doc, "volumes"), i < 2 ? path : engine);
	}
}

int main(void)
{
	run(many_containers_are_told);
	run(what_others_wrote_is_cut);
	run(none_are_none_and_too_many_are_said);
	run(up_takes_as_long_as_it_is_told);
	run(the_disk_of_the_volumes_is_told_besides);
	return done();
}
