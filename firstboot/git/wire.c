/*
 * See wire.h. The socket does not block; waiting is done here, in one place, with its limit. Segments are sent
 * at once (TCP_NODELAY): both protocols send small messages and wait for answers, which Nagle's algorithm
 * and delayed acknowledgements would turn into 40 ms each.
 */
#include "wire.h"

#include "alloc.h"
#include "error.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

struct wire_trust {
	SSL_CTX *ctx;
};

struct wire {
	int fd;
	SSL *tls; /* NULL: plain, for somebody else's protocol */
	char *host;
};

struct wire_trust *wire_trust_new(void)
{
	struct wire_trust *t = xcalloc(1, sizeof *t);

	t->ctx = SSL_CTX_new(TLS_client_method());
	if (!t->ctx || SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION) != 1)
		abort();
	SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, NULL);
	/* Without any, every server is refused, with a message that says so. */
	(void)SSL_CTX_set_default_verify_paths(t->ctx);
	SSL_CTX_set_mode(
		t->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return t;
}

void wire_trust_free(struct wire_trust *t)
{
	SSL_CTX_free(t->ctx);
	free(t);
}

void wire_close(struct wire *w)
{
	/* Without TLS's good-bye: who needs to know the end of an answer counts its bytes. */
	SSL_free(w->tls);
	closep(&w->fd);
	free(w->host);
	free(w);
}

int wire_fd(const struct wire *w)
{
	return w->fd;
}

static int wait_for(int fd, short events, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = events };
	int n;

	do {
		n = poll(&p, 1, timeout_ms);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n == 0 ? -ETIMEDOUT : 0;
}

/*
 * Clouds answer to 169.254.169.254 with what a server was started with: no repository is there, and a name
 * that leads there wants something else.
 */
static bool forbidden(const struct sockaddr *a)
{
	if (a->sa_family == AF_INET) {
		struct sockaddr_in v4;

		memcpy(&v4, a, sizeof v4);
		return (ntohl(v4.sin_addr.s_addr) >> 16) == 0xa9fe;
	}
	if (a->sa_family == AF_INET6) {
		struct sockaddr_in6 v6;

		memcpy(&v6, a, sizeof v6);
		return IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr) || IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr);
	}
	return true;
}

/* The connected socket, or -errno. */
static int connect_to(const struct addrinfo *a)
{
	_close_ int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t size = sizeof(int);
	int one = 1, r;

	if (fd < 0)
		return -errno;
	if (connect(fd, a->ai_addr, a->ai_addrlen) < 0) {
		if (errno != EINPROGRESS)
			return -errno;
		r = wait_for(fd, POLLOUT, WIRE_CONNECT_MS);
		if (r < 0)
			return r;
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &r, &size) < 0)
			return -errno;
		if (r != 0)
			return -r;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return TAKE_FD(fd);
}

static int connect_by_name(const char *host, const char *port, struct error *e)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	struct addrinfo *all = NULL;
	int r = getaddrinfo(host, port, &hints, &all), fd = -EADDRNOTAVAIL;

	if (r != 0)
		return error_set(e, ERR_NETWORK, "cannot find %s: %s", host, gai_strerror(r));
	for (const struct addrinfo *a = all; a && fd < 0; a = a->ai_next) {
		if (!forbidden(a->ai_addr))
			fd = connect_to(a);
	}
	freeaddrinfo(all);
	if (fd < 0)
		return error_set(e, ERR_NETWORK, "cannot connect to %s port %s: %s", host, port,
			strerror(-fd));
	return fd;
}

/*
 * After a call of OpenSSL that did not do: 0 to try it again, or an error. now holds errno from right
 * after the call.
 */
static int tls_again(struct wire *w, int ret, int now, const char *what, struct error *e)
{
	unsigned long why;
	char text[200];
	int r;

	switch (SSL_get_error(w->tls, ret)) {
	case SSL_ERROR_WANT_READ:
		r = wait_for(w->fd, POLLIN, WIRE_IDLE_MS);
		break;
	case SSL_ERROR_WANT_WRITE:
		r = wait_for(w->fd, POLLOUT, WIRE_IDLE_MS);
		break;
	case SSL_ERROR_SYSCALL:
		r = now ? -now : -ECONNRESET;
		break;
	default:
		why = ERR_get_error();
		ERR_error_string_n(why, text, sizeof text);
		ERR_clear_error();
		return error_set(e, ERR_NETWORK, "%s %s: %s", what, w->host, text);
	}
	return r < 0 ? error_set(e, ERR_NETWORK, "%s %s: %s", what, w->host, strerror(-r)) : 0;
}

static int start_tls(struct wire *w, struct wire_trust *trust, struct error *e)
{
	struct in6_addr address;
	bool numeric = inet_pton(AF_INET, w->host, &address) == 1 ||
		       inet_pton(AF_INET6, w->host, &address) == 1;
	long verdict;
	int r;

	w->tls = SSL_new(trust->ctx);
	if (!w->tls || SSL_set_fd(w->tls, w->fd) != 1)
		abort();
	if (numeric)
		r = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(w->tls), w->host);
	else
		r = SSL_set1_host(w->tls, w->host) && SSL_set_tlsext_host_name(w->tls, w->host);
	if (r != 1)
		return error_set(e, ERR_INVALID, "'%s' is no name of a server", w->host);
	for (;;) {
		ERR_clear_error();
		errno = 0;
		r = SSL_connect(w->tls);
		if (r == 1)
			return 0;
		verdict = SSL_get_verify_result(w->tls);
		/* Not transient: the next attempt meets the same certificate, and must not be believed. */
		if (verdict != X509_V_OK)
			return error_set(e, ERR_FAILED,
				"the certificate of %s is not to be trusted: %s", w->host,
				X509_verify_cert_error_string(verdict));
		r = tls_again(w, r, errno, "no secure connection to", e);
		if (r < 0)
			return r;
	}
}

int wire_open(struct wire **ret, const char *host, const char *port, struct wire_trust *trust,
	struct error *e)
{
	_cleanup_(wire_closep) struct wire *w = NULL;
	int fd = connect_by_name(host, port, e), r;

	if (fd < 0)
		return fd;
	w = xcalloc(1, sizeof *w);
	w->fd = fd;
	w->host = xstrdup(host);
	r = trust ? start_tls(w, trust, e) : 0;
	if (r < 0)
		return r;
	*ret = TAKE(w);
	return 0;
}

int wire_read(struct wire *w, void *data, size_t len, size_t *ret, struct error *e)
{
	for (;;) {
		int n, r;

		ERR_clear_error();
		errno = 0;
		n = SSL_read(w->tls, data, (int)MIN(len, 1 << 20));
		if (n > 0 || SSL_get_error(w->tls, n) == SSL_ERROR_ZERO_RETURN) {
			*ret = n > 0 ? (size_t)n : 0;
			return 0;
		}
		r = tls_again(w, n, errno, "reading from", e);
		if (r < 0)
			return r;
	}
}

int wire_write(struct wire *w, const void *data, size_t len, struct error *e)
{
	const char *p = data;

	while (len > 0) {
		int n, r;

		ERR_clear_error();
		errno = 0;
		n = SSL_write(w->tls, p, (int)MIN(len, 1 << 20));
		if (n > 0) {
			p += n;
			len -= (size_t)n;
			continue;
		}
		r = tls_again(w, n, errno, "writing to", e);
		if (r < 0)
			return r;
	}
	return 0;
}
