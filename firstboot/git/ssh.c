/* See ssh.h. libssh2 blocks, with its own limit for each wait; the key never touches a file. */
#include "ssh.h"

#include "alloc.h"
#include "buf.h"
#include "error.h"
#include "known_hosts.h"
#include "remote.h"
#include "wire.h"

/* Of one of its calls, which has another name only in versions that are newer than our oldest. */
#define LIBSSH2_DISABLE_DEPRECATION
#include <errno.h>
#include <libssh2.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

struct ssh {
	struct wire *wire;
	LIBSSH2_SESSION *session;
	LIBSSH2_CHANNEL *channel;
	const char *host; /* borrowed */
	bool answered;	  /* something of the program's output was read */
};

void ssh_close(struct ssh *s)
{
	/* Without good-byes, which would wait for answers: the connection ends at once. */
	if (s->wire)
		wire_close(s->wire);
	if (s->channel)
		libssh2_channel_free(s->channel);
	if (s->session)
		libssh2_session_free(s->session);
	free(s);
}

/* What libssh2 says, and whether it may be otherwise in a moment. */
static int failed(struct ssh *s, const char *what, struct error *e)
{
	char *text = NULL;

	libssh2_session_last_error(s->session, &text, NULL, 0);
	return error_set(e, ERR_NETWORK, "%s %s: %s", what, s->host,
		text && *text ? text : "the connection failed");
}

static int check_host(struct ssh *s, const struct remote *r, struct error *e)
{
	const struct repo_url *u = &r->url;
	char fingerprint[64];
	size_t len = 0;
	int type;
	const char *key = libssh2_session_hostkey(s->session, &len, &type);

	if (!key)
		return failed(s, "no host key from", e);
	known_hosts_fingerprint(key, len, fingerprint);
	switch (known_hosts_find(r->known_hosts, u->host, u->port, key, len)) {
	case HOST_TRUSTED:
		return 0;
	case HOST_REVOKED:
		return error_set(e, ERR_FAILED,
			"%s shows a host key that is marked @revoked in "
			"kbuild.app.known_hosts: %s",
			u->host, fingerprint);
	case HOST_OTHER_KEY:
		return error_set(e, ERR_FAILED,
			"%s shows another host key than kbuild.app.known_hosts has: %s. Either the "
			"server's key was changed, or somebody is in between",
			u->host, fingerprint);
	default:
		return error_set(e, ERR_FAILED,
			"the host key of %s port %s is not known: it shows %s. Compare it with what its "
			"operator publishes, then add the line of ssh-keyscan to kbuild.app.known_hosts",
			u->host, u->port, fingerprint);
	}
}

#define KEY_BEGIN "-----BEGIN OPENSSH PRIVATE KEY-----"

static int bad_key(struct error *e)
{
	return error_set(e, ERR_INVALID,
		"the deploy key cannot be read: it must be an ed25519 key in OpenSSH's format, without a "
		"passphrase");
}

static int sign_in(struct ssh *s, const struct remote *r, struct error *e)
{
	const char *user = r->url.user;
	int n;

	if (!r->key)
		return error_set(e, ERR_FAILED,
			"%s wants a deploy key: give one (ed25519) as repository.key of the secrets when "
			"launching",
			s->host);
	if (strncmp(r->key, KEY_BEGIN, strlen(KEY_BEGIN)) != 0)
		return bad_key(e);
	n = libssh2_userauth_publickey_frommemory(
		s->session, user, strlen(user), NULL, 0, r->key, strlen(r->key), NULL);
	switch (n) {
	case 0:
		return 0;
	case LIBSSH2_ERROR_FILE:
	case LIBSSH2_ERROR_METHOD_NOT_SUPPORTED:
		return bad_key(e);
	case LIBSSH2_ERROR_AUTHENTICATION_FAILED:
	case LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED:
		return error_set(e, ERR_FAILED, "%s does not accept the deploy key for user %s",
			s->host, user);
	default:
		return failed(s, "cannot sign in at", e);
	}
}

/*
 * A server says something after the login that nobody answers, and keeps its next packet back until that is
 * acknowledged (Nagle's algorithm): without being told otherwise, our kernel takes 40 ms for that. The kernel forgets
 * it again, so it is told before each read.
 */
static LIBSSH2_RECV_FUNC(receive)
{
	int one = 1;
	ssize_t n;

	(void)abstract;
	(void)setsockopt(socket, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
	n = recv(socket, buffer, length, flags);
	return n < 0 ? -errno : n;
}

static void set_receive(LIBSSH2_SESSION *session)
{
	union {
		LIBSSH2_RECV_FUNC((*function));
		void *pointer;
	} how = { receive };

	libssh2_session_callback_set(session, LIBSSH2_CALLBACK_RECV, how.pointer);
}

static int start(struct ssh *s, const struct remote *r, struct error *e)
{
	char types[256];
	_free_ char *command = NULL;
	int n;

	s->session = libssh2_session_init();
	if (!s->session)
		abort();
	libssh2_session_set_blocking(s->session, 1);
	libssh2_session_set_timeout(s->session, WIRE_IDLE_MS);
	set_receive(s->session);
	known_hosts_types(r->known_hosts, r->url.host, r->url.port, types);
	if (*types)
		(void)libssh2_session_method_pref(s->session, LIBSSH2_METHOD_HOSTKEY, types);
	if (libssh2_session_handshake(s->session, wire_fd(s->wire)) != 0)
		return failed(s, "no SSH connection to", e);
	n = check_host(s, r, e);
	if (n >= 0)
		n = sign_in(s, r, e);
	if (n < 0)
		return n;
	s->channel = libssh2_channel_open_session(s->session);
	if (!s->channel)
		return failed(s, "no session at", e);
	/* The path has no character that a shell knows: see url.c. */
	command = xasprintf("git-upload-pack '%s'", r->url.path);
	if (libssh2_channel_exec(s->channel, command) != 0)
		return failed(s, "cannot start git-upload-pack at", e);
	return 0;
}

int ssh_open(struct ssh **ret, const struct remote *r, struct error *e)
{
	_cleanup_(ssh_closep) struct ssh *s = xcalloc(1, sizeof *s);
	int n;

	s->host = r->url.host;
	n = wire_open(&s->wire, r->url.host, r->url.port, NULL, e);
	if (n >= 0)
		n = start(s, r, e);
	if (n < 0)
		return n;
	*ret = TAKE(s);
	return 0;
}

/* It ended without a word of git's: what it said instead, "Repository not found." for example. */
static int explain(struct ssh *s, struct error *e)
{
	char text[200];
	ssize_t n = libssh2_channel_read_stderr(s->channel, text, sizeof text - 1);

	text[MAX(n, 0)] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	for (char *p = text; *p; p++) {
		if (*p < ' ' || *p > '~')
			*p = '?';
	}
	return error_set(e, ERR_FAILED, "%s does not give this repository%s%s", s->host,
		*text ? ": " : "", text);
}

int ssh_read(struct ssh *s, void *data, size_t len, size_t *ret, struct error *e)
{
	ssize_t n = libssh2_channel_read(s->channel, data, len);

	if (n < 0)
		return failed(s, "reading from", e);
	if (n == 0 && !s->answered)
		return explain(s, e);
	s->answered = true;
	*ret = (size_t)n;
	return 0;
}

int ssh_write(struct ssh *s, const void *data, size_t len, struct error *e)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = libssh2_channel_write(s->channel, p, len);

		if (n < 0)
			return failed(s, "writing to", e);
		p += n;
		len -= (size_t)n;
	}
	return 0;
}
