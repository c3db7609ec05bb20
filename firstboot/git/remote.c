/* See remote.h. */
#include "remote.h"

#include "advert.h"
#include "agent.h"
#include "alloc.h"
#include "arena.h"
#include "base64.h"
#include "buf.h"
#include "config.h"
#include "credentials.h"
#include "crypt.h"
#include "error.h"
#include "fd.h"
#include "http1.h"
#include "node.h"
#include "ssh.h"
#include "wire.h"

#include <fcntl.h>
#include <string.h>

#define CREDENTIAL_MAX (64 * KIB)

#define ADVERT_TYPE  "application/x-git-upload-pack-advertisement"
#define REQUEST_TYPE "application/x-git-upload-pack-request"
#define RESULT_TYPE  "application/x-git-upload-pack-result"

struct remote_stream {
	struct http1 *http;
	struct ssh *ssh;
};

static char *copy(const struct node *doc, const char *key)
{
	const char *s = node_str(node_get(doc, key));

	return s ? xstrdup(s) : NULL;
}

static void wipe(char *s)
{
	if (s)
		crypt_wipe(s, strlen(s));
	free(s);
}

static void replace(char **old, char *new)
{
	if (*old)
		crypt_wipe(*old, strlen(*old));
	free(*old);
	*old = new;
}

void remote_set_credential(struct remote *r, const struct node *doc)
{
	replace(&r->user, copy(doc, "user"));
	replace(&r->token, copy(doc, "token"));
	replace(&r->key, copy(doc, "key"));
}

static int read_credential(struct remote *r, const struct agent *a, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	const struct node *doc = NULL;
	int n = credential_read(a, "git", arena, &doc, e);

	if (n == 0)
		remote_set_credential(r, doc);
	return MIN(n, 0);
}

int remote_new(struct remote **ret, const struct agent *a, struct error *e)
{
	_cleanup_(remote_freep) struct remote *r = xcalloc(1, sizeof *r);
	int n;

	if (!a->config || !a->config->has_app || !a->config->app.repository)
		return error_set(e, ERR_INVALID, "this server has no kbuild.app.repository");
	n = repo_url_parse(a->config->app.repository, &r->url, e);
	if (n < 0)
		return error_prefix(e, "kbuild.app.repository");
	r->branch = a->config->app.branch;
	r->known_hosts = a->config->app.known_hosts;
	n = read_credential(r, a, e);
	if (n < 0)
		return n;
	if (!r->url.ssh)
		r->trust = wire_trust_new();
	*ret = TAKE(r);
	return 0;
}

void remote_free(struct remote *r)
{
	repo_url_free(&r->url);
	wipe(r->user);
	wipe(r->token);
	wipe(r->key);
	wire_trust_freep(&r->trust);
	free(r);
}

/* "Basic …". Forges take any name beside a token. Returns new, or NULL without a token. */
static char *authorization(const struct remote *r)
{
	_free_ char *pair = NULL;
	_buf_ value = BUF_INIT;

	if (!r->token)
		return NULL;
	pair = xasprintf("%s:%s", r->user ? r->user : "git", r->token);
	buf_adds(&value, "Basic ");
	base64_encode(pair, strlen(pair), &value);
	crypt_wipe(pair, strlen(pair));
	return buf_detach(&value);
}

static int request(
	struct remote *r, struct http1_request *q, struct remote_stream **ret, struct error *e)
{
	_cleanup_(remote_closep) struct remote_stream *s = xcalloc(1, sizeof *s);
	char *secret = authorization(r);
	int n;

	q->url = &r->url;
	q->authorization = secret;
	n = http1_open(&s->http, q, r->trust, e);
	wipe(secret);
	if (n < 0)
		return n;
	*ret = TAKE(s);
	return 0;
}

int remote_open(struct remote *r, struct remote_stream **ret, struct error *e)
{
	_cleanup_(remote_closep) struct remote_stream *s = NULL;
	struct http1_request q = {
		.suffix = "/info/refs?service=git-upload-pack",
		.accept = ADVERT_TYPE,
	};
	int n;

	if (!r->url.ssh)
		return request(r, &q, ret, e);
	s = xcalloc(1, sizeof *s);
	n = ssh_open(&s->ssh, r, e);
	if (n < 0)
		return n;
	*ret = TAKE(s);
	return 0;
}

int remote_open_pack(
	struct remote *r, const struct buf *body, struct remote_stream **ret, struct error *e)
{
	struct http1_request q = {
		.suffix = "/git-upload-pack",
		.type = REQUEST_TYPE,
		.accept = RESULT_TYPE,
		.body = body,
	};

	return request(r, &q, ret, e);
}

int remote_read(struct remote_stream *s, void *data, size_t len, size_t *ret, struct error *e)
{
	return s->http ? http1_read(s->http, data, len, ret, e)
		       : ssh_read(s->ssh, data, len, ret, e);
}

int remote_write(struct remote_stream *s, const void *data, size_t len, struct error *e)
{
	if (!s->ssh)
		return error_set(e, ERR_FAILED, "nothing can be written to this connection");
	return ssh_write(s->ssh, data, len, e);
}

void remote_close(struct remote_stream *s)
{
	http1_closep(&s->http);
	ssh_closep(&s->ssh);
	free(s);
}

int remote_tip(struct remote *r, char ret[REPO_SHA], struct error *e)
{
	_cleanup_(remote_closep) struct remote_stream *s = NULL;
	_cleanup_(freep) struct advert *a = xmalloc(sizeof *a);
	char data[16 * KIB];
	size_t n = 1;
	int err = remote_open(r, &s, e);

	advert_init(a, r->branch);
	while (err >= 0 && !a->found && !a->end) {
		err = remote_read(s, data, sizeof data, &n, e);
		if (err >= 0 && n == 0)
			return error_set(e, ERR_NETWORK,
				"%s ended the connection in the middle of its answer", r->url.host);
		if (err >= 0)
			err = advert_add(a, data, n, e);
	}
	if (err < 0)
		return err;
	if (!a->found)
		return error_set(e, ERR_FAILED, "the repository has no branch '%s'", r->branch);
	memcpy(ret, a->tip, REPO_SHA);
	return 0;
}
