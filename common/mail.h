/* Mail by SMTP, through libcurl: one message, to several people, over TLS. */
#pragma once

#include "base.h"

struct buf;
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
	struct buf *
		refused; /* whom the server would not have it for, others having got it: "a@x (550), …" */
};

/*
 * Sends it to all whom the server takes it for; one is enough. ERR_NETWORK when no other mail would go either
 * (not reached, no answer, 421 of the server); denied when it refuses the login; ERR_FAILED when it refuses
 * this one. The message never holds the password.
 */
int mail_send(const struct mail *m, struct error *e);
