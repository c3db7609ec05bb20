/*
 * The net role as it is: a confined process that is asked by messages, with its lookups in another one.
 * The filter kills here for what it does not list, so an answer is also a proof of the list.
 */
#include "agent.h"
#include "error.h"
#include "http.h"
#include "role.h"

#include "check.h"
#include "tmpdir.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

static unsigned port;
static pid_t server_pid;

static void answer(int c)
{
	static const char reply[] = "HTTP/1.1 201 Created\r\nX-Word: yes\r\nContent-Length: ";
	char q[4096], out[8192];
	ssize_t n = read(c, q, sizeof q - 1);
	int len;

	if (n <= 0)
		return;
	q[n] = '\0';
	/* The body may come in a packet of its own. */
	if (strncmp(q, "PUT", 3) == 0 && strstr(q, "\r\n\r\n") + 4 == q + n)
		n += read(c, q + n, sizeof q - 1 - (size_t)n);
	len = snprintf(out, sizeof out, "%s%zd\r\n\r\n%.*s", reply, n, (int)n, q);
	(void)!write(c, out, (size_t)len);
}

static void start_server(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof at;
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(s, (struct sockaddr *)&at, sizeof at) < 0 || listen(s, 16) < 0 ||
		getsockname(s, (struct sockaddr *)&at, &len) < 0)
		exit(99);
	port = ntohs(at.sin_port);
	server_pid = fork();
	if (server_pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			int c = accept(s, NULL, NULL);

			answer(c);
			close(c);
		}
	}
	close(s);
}

static int fetch(struct agent *a, const char *url, const char *body, struct http_response *ret,
	enum http_failure *failure, struct error *e)
{
	static const struct http_header headers[] = { { "X-Ask", "a \"word\"" }, {} };
	struct http http = agent_http(a);
	const struct http_request q = {
		.method = body ? "PUT" : "GET",
		.url = url,
		.headers = headers,
		.body = body,
		.body_len = body ? strlen(body) : 0,
		.timeout_ms = 20000,
	};

	return http_send(&http, &q, ret, failure, e);
}

static void a_name_is_looked_up_and_the_answer_comes_whole(void)
{
	_cleanup_(http_response_free) struct http_response r = HTTP_RESPONSE_INIT;
	struct agent a = { .state_fd = tmp_fd(), .state_dir = tmp_path };
	enum http_failure failure = 0;
	struct error e = { 0 };
	char url[100];

	check_int(role_start(&a.net, &role_net, &a, &e), 0);
	snprintf(url, sizeof url, "http://localhost:%u/one", port);
	if (fetch(&a, url, "the body", &r, &failure, &e) < 0)
		check_fail("%s", e.msg);
	check_int(r.status, 201);
	check_str(http_response_header(&r, "x-word"), "yes");
	check(strstr(buf_str(&r.body), "X-Ask: a \"word\"\r\n"));
	check(strstr(buf_str(&r.body), "\r\n\r\nthe body"));
	role_stop(a.net);
}

static void what_fails_says_how(void)
{
	static const struct {
		const char *url;
		enum http_failure failure;
	} cases[] = {
		{ "http://127.0.0.1:1/", HTTP_NOT_SENT },
		{ "http://no-such-host.invalid/", HTTP_NOT_SENT },
		{ "ftp://127.0.0.1/", HTTP_IMPOSSIBLE },
	};
	struct agent a = { .state_fd = tmp_fd(), .state_dir = tmp_path };
	struct error e = { 0 };

	check_int(role_start(&a.net, &role_net, &a, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(http_response_free) struct http_response r = HTTP_RESPONSE_INIT;
		enum http_failure failure = 0;

		check_int(fetch(&a, cases[i].url, NULL, &r, &failure, &e), -ERR_NETWORK);
		if (failure != cases[i].failure)
			check_fail("%s: %s (%d)", cases[i].url, e.msg, failure);
	}
	role_stop(a.net);
}

int main(void)
{
	setenv("KBUILD_CONFINE_STRICT", "1", 1);
	start_server();
	run(a_name_is_looked_up_and_the_answer_comes_whole);
	run(what_fails_says_how);
	kill(server_pid, SIGKILL);
	waitpid(server_pid, NULL, 0);
	return done();
}
