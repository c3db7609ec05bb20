/* Mail by SMTP, through libcurl: one message, to several people, over TLS. */
#pragma once

#include "base.h"

struct error;

struct mail {
	const char *server;
	unsigned port;	       /* 465: TLS from the first byte; else STARTTLS */
	const char *user;      /* NULL: no login */
	const char *password;  /* NULL: no login, and TLS only where the server has it */
	const char *from;      /* addresses alone: "a@example.org" */
	const char *const *to; /* NULL-terminated, at least one */
	const void *text;      /* the whole message with its headers, lines ended by CR LF */
	size_t len;
	int64_t timeout_ms;
};

/*
 * Sends it. ERR_NETWORK when it may work later (not reached, 4xx of the server), ERR_FAILED when it will
 * not (login refused, 5xx). The message never holds the password.
 */
int mail_send(const struct mail *m, struct error *e);
