/*
 * Mail by SMTP, through the net role (roles/net_mail.c): the message is written here, the password goes
 * there by a descriptor.
 */
#include "send.h"

#include "agent.h"
#include "alert.h"
#include "alloc.h"
#include "arena.h"
#include "base64.h"
#include "buf.h"
#include "config.h"
#include "digest.h"
#include "error.h"
#include "ipc.h"
#include "node.h"
#include "report.h"
#include "role.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAIL_MS 60000

static bool wanted(const struct message *m)
{
	return m->agent->config->health.alert.mail != NULL;
}

static const char *sender(const struct message *m)
{
	const char *from = m->agent->config->health.alert.smtp.from;
	char host[256] = "localhost";

	if (from)
		return from;
	(void)gethostname(host, sizeof host - 1);
	return arena_printf(m->arena, "kbuild@%s", host);
}

/* RFC 2047: a subject may hold any text, in words of at most 75 characters. */
static void write_subject(const struct message *m, struct buf *out)
{
	const char *text = message_subject(m);
	size_t len = strlen(text), at = 0;

	buf_adds(out, "Subject:");
	while (at < len) {
		size_t n = MIN(len - at, (size_t)42);

		/* Not in the middle of a character. */
		while (n > 1 && at + n < len && ((unsigned char)text[at + n] & 0xc0) == 0x80)
			n--;
		buf_adds(out, at > 0 ? "\r\n =?UTF-8?B?" : " =?UTF-8?B?");
		base64_encode(text + at, n, out);
		buf_adds(out, "?=");
		at += n;
	}
	buf_adds(out, "\r\n");
}

/* Base64 in lines: whatever is in the text, neither a dot nor a long line can hurt it. */
static void write_body(const struct message *m, struct buf *out)
{
	_buf_ text = BUF_INIT;
	_buf_ encoded = BUF_INIT;

	message_text(m, &text);
	base64_encode(buf_str(&text), text.len, &encoded);
	for (size_t at = 0; at < encoded.len; at += 76) {
		buf_add(out, encoded.data + at, MIN(encoded.len - at, (size_t)76));
		buf_adds(out, "\r\n");
	}
}

static void write_mail(const struct message *m, struct buf *out)
{
	const char *const *to = (const char *const *)m->agent->config->health.alert.mail;
	time_t now = time(NULL);
	char date[64] = "", key[SHA256_HEX];
	struct tm tm;

	if (gmtime_r(&now, &tm))
		strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S +0000", &tm);
	buf_printf(out, "Date: %s\r\nFrom: kbuild <%s>\r\nTo:", date, sender(m));
	for (size_t i = 0; to[i]; i++)
		buf_printf(out, "%s %s", i ? "," : "", to[i]);
	buf_adds(out, "\r\n");
	write_subject(m, out);
	/* The same for the same notice: a mail that came twice after a cut connection is seen as one. */
	sha256_bytes(m->waiting->alert.key, strlen(m->waiting->alert.key), key);
	buf_printf(out,
		"Message-ID: <%" PRId64
		".%d.%.16s.%s@kbuild>\r\n"
		"Auto-Submitted: auto-generated\r\n"
		"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\n",
		m->waiting->at, m->waiting->over, key, m->server);
	write_body(m, out);
}

/* The others have it, so it counts as sent: all that can be done is to say so. */
static void tell_refused(const struct message *m, const struct ipc_message *answer)
{
	const char *refused = node_str(node_get(answer->doc, "refused"));

	if (refused && *refused)
		report(REPORT_WARNING, "the mail server %s refuses mail to %s",
			m->agent->config->health.alert.smtp.server, refused);
}

static int send(const struct message *m, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message answer = IPC_MESSAGE_INIT;
	const struct health_config *c = &m->agent->config->health;
	const char *password = message_secret(m, "smtp_password");
	_buf_ text = BUF_INIT;
	_buf_ request = BUF_INIT;
	int fds[2] = { -1, -1 }, r = 0;
	size_t n = 0;

	if (!m->agent->net)
		return error_set(e, ERR_FAILED, "this command has no network");
	/* Refused where images are built; an image from before must not lose what it has to tell. */
	if (!c->alert.smtp.server)
		return error_set(e, ERR_FAILED, "kbuild.health.alert.smtp is missing");
	write_mail(m, &text);
	fds[n++] = ipc_memfd(buf_str(&text), text.len);
	if (password)
		fds[n++] = ipc_memfd(password, strlen(password));
	for (size_t i = 0; i < n; i++)
		if (fds[i] < 0)
			r = error_errno(e, fds[i], "cannot hand over a mail");
	ipc_begin_op(&request, "mail");
	ipc_add_str(&request, "server", c->alert.smtp.server);
	ipc_add_int(&request, "port", c->alert.smtp.port);
	ipc_add_str(&request, "user", c->alert.smtp.user);
	ipc_add_str(&request, "from", sender(m));
	ipc_add_strs(&request, "to", (const char *const *)c->alert.mail);
	ipc_end(&request);
	if (r >= 0)
		r = role_call(m->agent->net, &request, fds, n, MAIL_MS, &answer, e);
	for (size_t i = 0; i < n; i++)
		closep(&fds[i]);
	if (r >= 0)
		tell_refused(m, &answer);
	return r;
}

const struct channel channel_mail = { "mail", wanted, send };
