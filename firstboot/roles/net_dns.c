/*
 * Questions to name servers for the conductor: UDP from a new port with a new id each, TCP when the
 * reply was cut. Only the reply to the question is handed on; everything in it is read over there.
 */
#include "net.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "dns_wire.h"
#include "error.h"
#include "fd.h"
#include "ipc.h"
#include "node.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

#define TRIES	  2
#define TRY_MS	  3000
#define TCP_MS	  5000
#define ADDRESSES 4 /* of one server */

struct query {
	const char *name;
	unsigned type;
	bool recurse; /* of a resolver, not of a zone's own server */
	uint16_t id;
	struct buf bytes; /* with the two bytes of length before it, which only TCP sends */
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int wait_for(int fd, short what, int64_t end)
{
	struct pollfd p = { .fd = fd, .events = what };
	int n;

	do {
		int64_t left = end - now_ms();

		n = poll(&p, 1, left > 0 ? (int)left : 0);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n == 0 ? -ETIMEDOUT : 0;
}

static int query_make(struct query *q)
{
	uint16_t id;

	if (getrandom(&id, sizeof id, 0) != sizeof id)
		return -EIO;
	q->id = id;
	buf_reset(&q->bytes);
	buf_add(&q->bytes, "\0", 2);
	if (dns_query_write(&q->bytes, id, q->name, q->type, q->recurse) < 0)
		return -EINVAL;
	q->bytes.data[0] = (char)((q->bytes.len - 2) >> 8);
	q->bytes.data[1] = (char)(q->bytes.len - 2);
	return 0;
}

/* 0: it is the reply; 1: the same, but cut; -EBADMSG: something else. */
static int judge(const struct query *q, const void *data, size_t len)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct dns_reply r;

	if (dns_reply_read(&r, a, data, len) < 0 || !dns_reply_fits(&r, q->id, q->name, q->type))
		return -EBADMSG;
	return r.truncated;
}

static int connect_to(const struct addrinfo *to, int kind, int64_t end)
{
	_close_ int fd = socket(to->ai_family, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(int);
	int failed = 0, r;

	if (fd < 0)
		return -errno;
	if (connect(fd, to->ai_addr, to->ai_addrlen) < 0) {
		if (errno != EINPROGRESS)
			return -errno;
		r = wait_for(fd, POLLOUT, end);
		if (r < 0)
			return r;
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &len) < 0 || failed)
			return failed ? -failed : -errno;
	}
	return TAKE_FD(fd);
}

/* What judge() says of the reply, which is in ret. */
static int ask_udp(const struct query *q, const struct addrinfo *to, struct buf *ret)
{
	int64_t end = now_ms() + TRY_MS;
	_close_ int fd = connect_to(to, SOCK_DGRAM, end);

	if (fd < 0)
		return fd;
	if (send(fd, q->bytes.data + 2, q->bytes.len - 2, MSG_NOSIGNAL) < 0)
		return -errno;
	for (;;) {
		ssize_t n;
		int r = wait_for(fd, POLLIN, end);

		if (r < 0)
			return r;
		buf_reset(ret);
		n = recv(fd, buf_reserve(ret, DNS_SIZE_MAX), DNS_SIZE_MAX, 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0)
			return -errno; /* nobody listens there */
		ret->len = (size_t)n;
		ret->data[n] = '\0';
		r = judge(q, ret->data, ret->len);
		if (r >= 0)
			return r;
		/* Not ours: forged, or late. The right one may still come. */
	}
}

static int read_exactly(int fd, char *to, size_t len, int64_t end)
{
	for (size_t have = 0; have < len;) {
		int r = wait_for(fd, POLLIN, end);
		ssize_t n = r < 0 ? r : recv(fd, to + have, len - have, 0);

		if (r < 0)
			return r;
		if (n == 0)
			return -ECONNRESET;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		have += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int ask_tcp(const struct query *q, const struct addrinfo *to, struct buf *ret)
{
	int64_t end = now_ms() + TCP_MS;
	_close_ int fd = connect_to(to, SOCK_STREAM, end);
	unsigned char size[2];
	size_t len;
	int r;

	if (fd < 0)
		return fd;
	/* A few bytes: they fit into the socket's buffer. */
	if (send(fd, q->bytes.data, q->bytes.len, MSG_NOSIGNAL) != (ssize_t)q->bytes.len)
		return -EIO;
	r = read_exactly(fd, (char *)size, 2, end);
	if (r < 0)
		return r;
	len = (size_t)size[0] << 8 | size[1];
	buf_reset(ret);
	r = read_exactly(fd, buf_reserve(ret, len + 1), len, end);
	if (r < 0)
		return r;
	ret->len = len;
	ret->data[len] = '\0';
	return judge(q, ret->data, len);
}

static int ask_address(struct query *q, const struct addrinfo *to, struct buf *ret)
{
	int r = -ETIMEDOUT;

	for (int i = 0; i < TRIES && r == -ETIMEDOUT; i++) {
		r = query_make(q);
		if (r == 0)
			r = ask_udp(q, to, ret);
	}
	if (r == 1)
		r = ask_tcp(q, to, ret);
	return r > 0 ? -EBADMSG : r; /* cut, and over TCP too */
}

/* "host", "host:port", "[::1]:port", "::1" */
static void split_server(char *text, const char **host, const char **port)
{
	char *colon = strrchr(text, ':');

	*host = text;
	*port = "53";
	if (*text == '[' && strchr(text, ']')) {
		char *close = strchr(text, ']');

		*close = '\0';
		*host = text + 1;
		if (close[1] == ':')
			*port = close + 2;
	} else if (colon && colon == strchr(text, ':')) {
		*colon = '\0';
		*port = colon + 1;
	}
}

static int ask_server(struct query *q, const char *server, struct buf *ret, struct error *e)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM };
	_free_ char *text = xstrdup(server);
	struct addrinfo *list = NULL;
	const char *host, *port;
	int r, n = 0;

	split_server(text, &host, &port);
	r = getaddrinfo(host, port, &hints, &list);
	if (r != 0)
		return error_set(e, ERR_NETWORK, "has no address: %s", gai_strerror(r));
	r = -ETIMEDOUT;
	for (struct addrinfo *i = list; i && n < ADDRESSES; i = i->ai_next, n++) {
		r = ask_address(q, i, ret);
		if (r == 0)
			break;
	}
	freeaddrinfo(list);
	if (r == 0)
		return 0;
	error_set(e, ERR_NETWORK, "does not answer: %s", strerror(-r));
	return -e->code;
}

void net_read_resolvers(struct net *n)
{
	_buf_ text = BUF_INIT;
	char *line, *rest;
	size_t k = 0;

	if (file_read(AT_FDCWD, "/etc/resolv.conf", 64 * KIB, &text) < 0 || !text.data)
		return;
	for (line = strtok_r(text.data, "\n", &rest); line && k < NET_RESOLVERS;
		line = strtok_r(NULL, "\n", &rest))
		k += sscanf(line, "nameserver %63s", n->resolvers[k]) == 1;
}

/* The first of the machine's resolvers that answers. */
static int ask_resolvers(const struct net *n, struct query *q, struct buf *ret, struct error *e)
{
	int r = error_set(e, ERR_NETWORK, "this machine has no resolver");

	q->recurse = true;
	for (size_t i = 0; r < 0 && i < NET_RESOLVERS && *n->resolvers[i]; i++)
		r = ask_server(q, n->resolvers[i], ret, e);
	return r;
}

static int run_dns(struct net *n, struct ipc_message *m, struct role_reply *reply, struct error *e)
{
	const char *server = node_str(node_get(m->doc, "server"));
	struct query q = { .name = node_str(node_get(m->doc, "name")) };
	_buf_ answer = BUF_INIT;
	int64_t type;
	int r;

	if (!q.name || !node_is_int(node_get(m->doc, "type"), &type) || type < 1 || type > 65535)
		return error_set(e, ERR_FAILED, "a DNS question without name or type");
	q.type = (unsigned)type;
	r = server ? ask_server(&q, server, &answer, e) : ask_resolvers(n, &q, &answer, e);
	buf_free(&q.bytes);
	if (r < 0)
		return r;
	r = ipc_memfd(answer.data, answer.len);
	if (r < 0)
		return error_errno(e, r, "cannot hand over an answer");
	reply->fds[reply->n_fds++] = r;
	return 0;
}

const struct net_op net_dns = { "dns", run_dns };

/*
 * Connecting a datagram socket sends nothing, but chooses the route and the address of our own that
 * goes with it. Where to does not matter, as long as only the default route leads there: the addresses of
 * a root name server, which have been the same for decades.
 */
static int source_of(int family, char ret[INET6_ADDRSTRLEN])
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(53) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(53) };
	struct sockaddr *a = family == AF_INET6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
	socklen_t len = family == AF_INET6 ? sizeof v6 : sizeof v4;
	_close_ int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, "198.41.0.4", &v4.sin_addr);
	inet_pton(AF_INET6, "2001:503:ba3e::2:30", &v6.sin6_addr);
	if (fd < 0 || connect(fd, a, len) < 0 || getsockname(fd, a, &len) < 0)
		return -errno;
	if (family == AF_INET6)
		inet_ntop(family, &v6.sin6_addr, ret, INET6_ADDRSTRLEN);
	else
		inet_ntop(family, &v4.sin_addr, ret, INET6_ADDRSTRLEN);
	return 0;
}

static int run_source(
	_unused_ struct net *n, struct ipc_message *m, struct role_reply *reply, struct error *e)
{
	static const int none[] = { ENETUNREACH, EHOSTUNREACH, EAFNOSUPPORT, EADDRNOTAVAIL };
	char address[INET6_ADDRSTRLEN] = "";
	bool ipv6 = false;
	int r;

	(void)node_is_bool(node_get(m->doc, "ipv6"), &ipv6);
	r = source_of(ipv6 ? AF_INET6 : AF_INET, address);
	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		r = r == -none[i] ? 0 : r;
	if (r < 0)
		return error_errno(e, r, "cannot ask for the route to the internet");
	ipc_begin(reply->json);
	ipc_add_str(reply->json, "address", address);
	ipc_end(reply->json);
	return 0;
}

const struct net_op net_source = { "source", run_source };
