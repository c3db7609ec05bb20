/* See mail.h. */
#include "mail.h"

#include "alloc.h"
#include "buf.h"
#include "error.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "curl_load.h"

#define CONNECT_MS 20000L
#define TLS_PORT   465
#define NOT_NOW	   421 /* the server ends the conversation, whatever was said in it */

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

/* What is heard of a conversation: which receiver was named last, and what was answered. */
struct hearing {
	char *name; /* NULL: none, or it was answered */
	struct buf *refused;
};

/*
 * libcurl tells that some receiver was refused to nobody but who listens. It says one thing and waits for
 * the answer to it, so what comes after a name is about that one. Passwords pass here, too: nothing is kept.
 */
static int on_talk(_unused_ CURL *c, curl_infotype type, char *text, size_t len, void *arg)
{
	static const char rcpt[] = "RCPT TO:<";
	const size_t skip = sizeof rcpt - 1;
	struct hearing *h = arg;
	const char *end = memchr(text, '>', len);

	if (type == CURLINFO_HEADER_OUT && end && len > skip && memcmp(text, rcpt, skip) == 0) {
		free(h->name);
		h->name = xstrndup(text + skip, (size_t)(end - text) - skip);
	} else if (type == CURLINFO_HEADER_IN && h->name && len >= 3) {
		if (text[0] == '4' || text[0] == '5')
			buf_printf(h->refused, "%s%s (%.3s)", h->refused->len ? ", " : "", h->name,
				text);
		free(TAKE(h->name));
	}
	return 0;
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
	if (code == CURLE_LOGIN_DENIED) {
		error_set(e, ERR_FAILED, "the mail server %s refuses the login", m->server);
		e->denied = true;
		return -ERR_FAILED;
	}
	/* The last thing that was said: with a time-out it is about something that was before. */
	if (status >= 400 && status != NOT_NOW && code != CURLE_OPERATION_TIMEDOUT)
		return error_set(e, ERR_FAILED, "the mail server %s refuses the mail (%ld)",
			m->server, status);
	return error_set(
		e, ERR_NETWORK, "the mail server %s: %s", m->server, curl()->easy_strerror(code));
}

/* One that does not exist any more must not keep the mail from the others. */
static void set_receivers(CURL *c, struct curl_slist *to, struct hearing *h)
{
	curl()->easy_setopt(c, CURLOPT_MAIL_RCPT, to);
	curl()->easy_setopt(c, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
	if (!h->refused)
		return;
	curl()->easy_setopt(c, CURLOPT_DEBUGFUNCTION, on_talk);
	curl()->easy_setopt(c, CURLOPT_DEBUGDATA, h);
	curl()->easy_setopt(c, CURLOPT_VERBOSE, 1L);
}

static CURLcode perform(CURL *c, struct hearing *h)
{
	CURLcode code = curl()->easy_perform(c);

	free(h->name);
	return code;
}

int mail_send(const struct mail *m, struct error *e)
{
	_cleanup_(curlp) CURL *c = curl()->easy_init();
	_cleanup_(listp) struct curl_slist *to = NULL;
	struct reading text = { m->text, m->len };
	struct hearing hearing = { NULL, m->refused };
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
	set_receivers(c, to, &hearing);
	curl()->easy_setopt(c, CURLOPT_UPLOAD, 1L);
	curl()->easy_setopt(c, CURLOPT_READFUNCTION, on_read);
	curl()->easy_setopt(c, CURLOPT_READDATA, &text);
	curl()->easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl()->easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)m->timeout_ms);
	return judge(m, c, perform(c, &hearing), e);
}
