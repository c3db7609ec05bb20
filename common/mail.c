/* See mail.h. */
#include "mail.h"

#include "alloc.h"
#include "error.h"

#include <curl/curl.h>
#include <string.h>

#include "curl_load.h"

#define CONNECT_MS 20000L
#define TLS_PORT   465

struct reading {
	const char *at;
	size_t left;
};

static size_t on_read(char *to, size_t size, size_t n, void *arg)
{
	struct reading *r = arg;
	size_t len = MIN(size * n, r->left);

	memcpy(to, r->at, len);
	r->at += len;
	r->left -= len;
	return len;
}

static void curlp(CURL **c)
{
	curl()->easy_cleanup(*c);
}

static void listp(struct curl_slist **l)
{
	curl()->slist_free_all(*l);
}

static int judge(const struct mail *m, CURL *c, CURLcode code, struct error *e)
{
	long status = 0;

	if (code == CURLE_OK)
		return 0;
	curl()->easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	if (code == CURLE_LOGIN_DENIED)
		return error_set(e, ERR_FAILED, "the mail server %s refuses the login", m->server);
	if (status >= 500)
		return error_set(e, ERR_FAILED, "the mail server %s refuses the mail (%ld)",
			m->server, status);
	return error_set(
		e, ERR_NETWORK, "the mail server %s: %s", m->server, curl()->easy_strerror(code));
}

int mail_send(const struct mail *m, struct error *e)
{
	_cleanup_(curlp) CURL *c = curl()->easy_init();
	_cleanup_(listp) struct curl_slist *to = NULL;
	struct reading text = { m->text, m->len };
	bool login = m->user && m->password;
	_free_ char *url =
		xasprintf("%s://%s:%u", m->port == TLS_PORT ? "smtps" : "smtp", m->server, m->port);

	if (!c)
		abort(); /* out of memory */
	for (size_t i = 0; m->to[i]; i++)
		to = curl()->slist_append(to, m->to[i]);
	curl()->easy_setopt(c, CURLOPT_URL, url);
#if LIBCURL_VERSION_NUM >= 0x075500
	curl()->easy_setopt(c, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
#else
	curl()->easy_setopt(c, CURLOPT_PROTOCOLS, CURLPROTO_SMTP | CURLPROTO_SMTPS);
#endif
	curl()->easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl()->easy_setopt(c, CURLOPT_PROXY, "");
	/* A password never goes out in the open; without one, what the server has is better than nothing. */
	curl()->easy_setopt(c, CURLOPT_USE_SSL, (long)(login ? CURLUSESSL_ALL : CURLUSESSL_TRY));
	if (login) {
		curl()->easy_setopt(c, CURLOPT_USERNAME, m->user);
		curl()->easy_setopt(c, CURLOPT_PASSWORD, m->password);
	}
	curl()->easy_setopt(c, CURLOPT_MAIL_FROM, m->from);
	curl()->easy_setopt(c, CURLOPT_MAIL_RCPT, to);
	curl()->easy_setopt(c, CURLOPT_UPLOAD, 1L);
	curl()->easy_setopt(c, CURLOPT_READFUNCTION, on_read);
	curl()->easy_setopt(c, CURLOPT_READDATA, &text);
	curl()->easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl()->easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)m->timeout_ms);
	return judge(m, c, curl()->easy_perform(c), e);
}
