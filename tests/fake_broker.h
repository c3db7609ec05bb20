/*
 * A broker that answers from a table, in a process of its own: op -> the answer's JSON, one that is an
 * {"error": …} included. What it was asked stands, a line a request, in tmp_path/broker.log.
 */
#pragma once

#include "agent.h"
#include "buf.h"
#include "error.h"
#include "ipc.h"
#include "node.h"

#include "check.h"
#include "tmpdir.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

struct fake_answer {
	const char *op, *json;
};

struct fake_broker {
	pid_t pid;
	char path[108];
};

static inline void fake_broker_serve(int sock, const struct fake_answer *answers)
{
	for (;;) {
		_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
		_close_ int one = accept(sock, NULL, NULL);
		_close_ int log = open(tmp_name("broker.log"), O_WRONLY | O_APPEND | O_CREAT, 0600);
		_buf_ text = BUF_INIT;
		struct error e = { 0 };
		const char *op;

		if (one < 0 || ipc_receive(one, 5000, &m, &e) != 0)
			continue;
		node_write_json(m.doc, 0, &text);
		if (!text.len || text.data[text.len - 1] != '\n')
			buf_addc(&text, '\n');
		fd_write(log, text.data, text.len);
		buf_reset(&text);
		op = node_str(node_get(m.doc, "op"));
		buf_adds(&text, "{\"error\":{\"code\":1,\"message\":\"no such operation\"}}");
		for (const struct fake_answer *a = answers; op && a->op; a++) {
			if (strcmp(a->op, op) != 0)
				continue;
			buf_reset(&text);
			buf_adds(&text, a->json);
		}
		ipc_send(one, &text, NULL, 0, &e);
	}
}

/* Answers are ended by {}. */
static inline void fake_broker_start(struct fake_broker *f, const struct fake_answer *answers)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(f->path, sizeof f->path, "%s", tmp_name("broker.sock"));
	memcpy(sa.sun_path, f->path, sizeof f->path);
	unlink(f->path);
	unlink(tmp_name("broker.log"));
	check_int(bind(sock, (struct sockaddr *)&sa, sizeof sa), 0);
	check_int(listen(sock, 8), 0);
	fflush(stdout);
	f->pid = fork();
	if (f->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fake_broker_serve(sock, answers);
	}
	close(sock);
}

static inline void fake_broker_stop(struct fake_broker *f)
{
	kill(f->pid, SIGKILL);
	waitpid(f->pid, NULL, 0);
	unlink(f->path);
}

/* How often the log holds this text. */
static inline size_t fake_broker_asked(const char *text)
{
	_buf_ log = BUF_INIT;
	size_t n = 0;

	file_read(tmp_fd(), "broker.log", MIB, &log);
	for (const char *p = buf_str(&log); (p = strstr(p, text)); p++)
		n++;
	return n;
}
