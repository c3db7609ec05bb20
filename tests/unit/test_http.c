/*
 * The HTTP seam twice: the fake that other tests rely on, and libcurl against a server of one
 * connection on loopback, whose requests and replies are looked at byte by byte.
 */
#include "http.h"

#include "check.h"
#include "fake_http.h"
#include "fd.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>

/* --- the fake ------------------------------------------------------------------------------------ */

static int fake_get(
	struct fake_http *f, const char *url, struct http_response *r, enum http_failure *failure)
{
	struct http http = fake_http(f);
	struct error e = {};

	return http_send(
		&http, &(struct http_request){ .method = "GET", .url = url }, r, failure, &e);
}

static void the_fake_answers_in_order(void)
{
	static const struct http_header headers[] = { { "Retry-After", "7" }, {} };
	static const struct fake_reply script[] = {
		{ "GET http://a/", .status = 200, .body = "one" },
		{ "GET http://b/", .status = 429, .headers = headers },
		{ "GET http://c/", .failure = HTTP_NOT_SENT },
		{},
	};
	struct fake_http f = { script };
	_cleanup_(http_response_free) struct http_response one = HTTP_RESPONSE_INIT;
	_cleanup_(http_response_free) struct http_response two = HTTP_RESPONSE_INIT;
	enum http_failure failure = 0;

	check_int(fake_get(&f, "http://a/", &one, NULL), 0);
	check_int(one.status, 200);
	check_str(buf_str(&one.body), "one");
	check_int(fake_get(&f, "http://b/", &two, NULL), 0);
	check_int(http_response_retry_after_ms(&two), 7000);
	check_str(http_response_header(&two, "RETRY-after"), "7");
	check_int(fake_get(&f, "http://c/", &two, &failure), -ERR_NETWORK);
	check_int(failure, HTTP_NOT_SENT);
	fake_http_done(&f);
}

/* True when f(fake) fails a check. */
static bool fails(void (*f)(struct fake_http *fake), struct fake_http *fake)
{
	jmp_buf outer;
	bool failed = true;

	memcpy(&outer, &check_escape, sizeof outer);
	if (setjmp(check_escape) == 0) {
		f(fake);
		failed = false;
	}
	memcpy(&check_escape, &outer, sizeof outer);
	return failed;
}

static void get_a(struct fake_http *fake)
{
	struct http_response r = HTTP_RESPONSE_INIT;

	fake_get(fake, "http://a/", &r, NULL);
	http_response_free(&r);
}

static void finish(struct fake_http *fake)
{
	fake_http_done(fake);
}

static void the_fake_fails_on_what_was_not_scripted(void)
{
	static const struct fake_reply other[] = { { "GET http://b/", .status = 200 }, {} };
	static const struct fake_reply header[] = { { "GET http://a/", .header = "x: y" }, {} };
	static const struct fake_reply body[] = { { "GET http://a/", .has = "y" }, {} };
	static const struct fake_reply none[] = { {} };
	struct fake_http fakes[] = { { other }, { header }, { body }, { none } };

	for (size_t i = 0; i < ARRAY_SIZE(fakes); i++)
		check(fails(get_a, &fakes[i]));
	check(fails(finish, &fakes[0])); /* never asked */
	check(!fails(finish, &fakes[3]));
}

/* --- libcurl -------------------------------------------------------------------------------------- */

struct server {
	int fd;
	char url[64];
	const char *reply; /* sent when the request is whole; NULL: closes without a word */
	size_t body_len;   /* of the request, to be read first */
	struct buf request;
	pthread_t thread;
};

static void *serve(void *arg)
{
	struct server *s = arg;
	int fd = accept(s->fd, NULL, NULL);

	while (fd >= 0) {
		const char *end = strstr(buf_str(&s->request), "\r\n\r\n");
		char block[4096];
		ssize_t n;

		if (end && s->request.len >= (size_t)(end - s->request.data) + 4 + s->body_len)
			break;
		n = read(fd, block, sizeof block);
		if (n <= 0)
			break;
		buf_add(&s->request, block, (size_t)n);
	}
	if (fd >= 0 && s->reply)
		fd_write(fd, s->reply, strlen(s->reply));
	if (fd >= 0)
		close(fd);
	return NULL;
}

static void server_start(struct server *s)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;

	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	check_int(bind(s->fd, (struct sockaddr *)&a, sizeof a), 0);
	check_int(listen(s->fd, 1), 0);
	check_int(getsockname(s->fd, (struct sockaddr *)&a, &len), 0);
	snprintf(s->url, sizeof s->url, "http://127.0.0.1:%u/x", ntohs(a.sin_port));
	check_int(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_end(struct server *s)
{
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->fd);
	buf_free(&s->request);
}

static int exchange(struct server *s, struct http_request *q, struct http_response *r,
	enum http_failure *failure, struct error *e)
{
	_cleanup_(http_curl_freep) struct http_curl *c = http_curl_new();
	struct http http = http_curl_seam(c);

	server_start(s);
	q->url = s->url;
	return http_send(&http, q, r, failure, e);
}

static void a_request_goes_out_as_asked(void)
{
	static const struct http_header headers[] = { { "X-Auth-Token", "secret" },
		{ "X-Empty", "" }, {} };
	_cleanup_(server_end) struct server s = {
		.reply =
			"HTTP/1.1 201 Created\r\nX-Thing:  some \r\nContent-Length: 5\r\n\r\nhello",
		.body_len = 7,
	};
	_cleanup_(http_response_free) struct http_response r = HTTP_RESPONSE_INIT;
	struct http_request q = {
		.method = "POST", .headers = headers, .body = "{\"a\":1}", .body_len = 7
	};
	struct error e = {};

	check_int(exchange(&s, &q, &r, NULL, &e), 0);
	check_int(r.status, 201);
	check_str(buf_str(&r.body), "hello");
	check_str(http_response_header(&r, "x-thing"), "some ");
	check(strncmp(buf_str(&s.request), "POST /x HTTP/1.1\r\n", 18) == 0);
	check(strstr(s.request.data, "\r\nX-Auth-Token: secret\r\n"));
	check(strstr(s.request.data, "\r\nX-Empty:\r\n"));
	check(strstr(s.request.data, "\r\nContent-Length: 7\r\n"));
	check(!strstr(s.request.data, "Expect:"));
	check_str(strstr(s.request.data, "\r\n\r\n"), "\r\n\r\n{\"a\":1}");
}

static void an_answer_may_be_compressed_where_that_was_asked_for(void)
{
	static const char reply[] =
		"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: 16\r\n\r\n"
		"\x78\x01\x2b\x28\xca\x4c\x4e\x55\x28\x40\x27\x01\x68\xbb\x08\xad";

	for (int i = 0; i < 2; i++) {
		_cleanup_(server_end) struct server s = { .reply = reply };
		_cleanup_(http_response_free) struct http_response r = HTTP_RESPONSE_INIT;
		struct http_request q = { .method = "GET", .compressed = i == 1 };
		struct error e = {};

		check_int(exchange(&s, &q, &r, NULL, &e), 0);
		check_str(buf_str(&r.body),
			i == 1 ? "price price price price" : strstr(reply, "\x78\x01"));
		check_int(strstr(buf_str(&s.request), "\r\nAccept-Encoding: ") != NULL, i);
	}
}

static void a_name_can_be_asked_of_this_machine(void)
{
	_cleanup_(http_curl_freep) struct http_curl *c = http_curl_new();
	_cleanup_(server_end) struct server s = { .reply = "HTTP/1.1 204 No Content\r\n\r\n" };
	_cleanup_(http_response_free) struct http_response r = HTTP_RESPONSE_INIT;
	struct http http = http_curl_seam(c);
	struct error e = {};
	char url[64], host[64];

	server_start(&s);
	snprintf(url, sizeof url, "http://api.example.invalid%s", strrchr(s.url, ':'));
	check_int(http_send(&http,
			  &(struct http_request){
				  .method = "GET", .url = url, .connect_to = "127.0.0.1" },
			  &r, NULL, &e),
		0);
	check_int(r.status, 204);
	snprintf(host, sizeof host, "\r\nHost: api.example.invalid:%d\r\n",
		atoi(strrchr(s.url, ':') + 1));
	check(strstr(buf_str(&s.request), host));
}

static void count_sent(void *arg, uint64_t n)
{
	*(uint64_t *)arg += n;
}

static void a_file_is_sent_and_counted(void)
{
	_cleanup_(server_end) struct server s = { .reply = "HTTP/1.1 204 No Content\r\n\r\n",
		.body_len = 3 * MIB };
	_cleanup_(http_response_free) struct http_response r = HTTP_RESPONSE_INIT;
	_close_ int fd = memfd_create("body", MFD_CLOEXEC);
	uint64_t sent = 0;
	struct http_request q = { .method = "PUT",
		.body_fd = fd,
		.body_len = 3 * MIB,
		.sent = count_sent,
		.sent_arg = &sent };
	struct error e = {};

	check_int(ftruncate(fd, 3 * MIB), 0);
	check_int(exchange(&s, &q, &r, NULL, &e), 0);
	check_int(r.status, 204);
	check_int(sent, 3 * MIB);
}

static void errors_of_servers_are_answers(void)
{
	_cleanup_(server_end) struct server s = {
		.reply = "HTTP/1.1 503 Busy\r\nRetry-After: 2\r\nContent-Length: 4\r\n\r\nbusy"
	};
	_cleanup_(http_response_free) struct http_response r = HTTP_RESPONSE_INIT;
	struct http_request q = { .method = "GET" };
	struct error e = {};

	check_int(exchange(&s, &q, &r, NULL, &e), 0);
	check_int(r.status, 503);
	check_int(http_response_retry_after_ms(&r), 2000);
}

static void failures_tell_whether_to_repeat(void)
{
	static const struct {
		const char *reply;
		size_t max;
		enum http_failure failure;
		const char *message;
	} cases[] = {
		{ NULL, 0, HTTP_MAYBE_SENT, "the server closed the connection without an answer" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf", 0, HTTP_MAYBE_SENT,
			"the server closed the connection half-way" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nlarge", 4, HTTP_MAYBE_SENT,
			"the answer is too large" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(server_end) struct server s = { .reply = cases[i].reply };
		_cleanup_(http_response_free) struct http_response r = HTTP_RESPONSE_INIT;
		struct http_request q = { .method = "POST", .max = cases[i].max };
		enum http_failure failure = 0;
		struct error e = {};

		check_int(exchange(&s, &q, &r, &failure, &e), -ERR_NETWORK);
		check_int(failure, cases[i].failure);
		check_int(r.body.len, 0);
		check(strstr(e.msg, cases[i].message));
	}
}

/* Each line is one that libcurl takes; what it does about all of them together differs by its version. */
static void headers_without_end_are_refused(void)
{
	static const size_t lines[] = { 3, 5 };

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		_buf_ reply = BUF_INIT;
		_cleanup_(server_end) struct server s = {};
		_cleanup_(http_response_free) struct http_response r = HTTP_RESPONSE_INIT;
		struct http_request q = { .method = "GET" };
		struct error e = {};
		int got;

		buf_adds(&reply, "HTTP/1.1 200 OK\r\n");
		for (size_t n = 0; n < lines[i]; n++)
			buf_printf(&reply, "X-Long: %060000d\r\n", 7);
		buf_adds(&reply, "Content-Length: 0\r\n\r\n");
		s.reply = buf_str(&reply);
		got = exchange(&s, &q, &r, NULL, &e);
		check_int(got, lines[i] == 3 ? 0 : -ERR_NETWORK);
		check_int(r.n_headers, lines[i] == 3 ? 4 : 0);
		check(lines[i] == 3 ||
			strstr(e.msg, "headers of the answer are longer than 256 KiB"));
	}
}

static void what_was_never_sent_is_known(void)
{
	static const struct {
		const char *url;
		enum http_failure failure;
	} cases[] = {
		{ "http://127.0.0.1:1/", HTTP_NOT_SENT }, /* nobody listens on tcpmux */
		{ "file:///etc/passwd", HTTP_IMPOSSIBLE },
		{ "nonsense://x/", HTTP_IMPOSSIBLE },
	};
	_cleanup_(http_curl_freep) struct http_curl *c = http_curl_new();
	struct http http = http_curl_seam(c);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct http_response r = HTTP_RESPONSE_INIT;
		struct http_request q = { .method = "GET", .url = cases[i].url };
		enum http_failure failure = 0;
		struct error e = {};

		check_int(http_send(&http, &q, &r, &failure, &e), -ERR_NETWORK);
		check_int(failure, cases[i].failure);
	}
}

static void logins_in_urls_are_not_for_people(void)
{
	static const struct {
		const char *text, *shown;
	} cases[] = {
		{ "", "" },
		{ "no URL, me@example.org", "no URL, me@example.org" },
		{ "http://h.example/a@b", "http://h.example/a@b" },
		{ "http://h.example", "http://h.example" },
		{ "https://user:TOKEN@h.example/a", "https://…@h.example/a" },
		{ "https://TOKEN@h.example:8080", "https://…@h.example:8080" },
		{ "http://user:a@b@h.example/a", "http://…@h.example/a" },
		{ "source x http://u:p@h.example/r main, 'http://u:p@i.example/'\nftp://h.example: me@x",
			"source x http://…@h.example/r main, 'http://…@i.example/'\nftp://h.example: me@x" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *shown = http_without_login(cases[i].text);

		check_str(shown, cases[i].shown);
	}
	check_str(http_host("https://user:TOKEN@h.example/a"), "h.example/a");
	check_str(http_host("h.example/a"), "h.example/a");
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN); /* as every program of ours does */
	run(the_fake_answers_in_order);
	run(the_fake_fails_on_what_was_not_scripted);
	run(a_request_goes_out_as_asked);
	run(an_answer_may_be_compressed_where_that_was_asked_for);
	run(a_name_can_be_asked_of_this_machine);
	run(a_file_is_sent_and_counted);
	run(errors_of_servers_are_answers);
	run(failures_tell_whether_to_repeat);
	run(headers_without_end_are_refused);
	run(what_was_never_sent_is_known);
	run(logins_in_urls_are_not_for_people);
	return done();
}
