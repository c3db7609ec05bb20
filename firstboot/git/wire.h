/*
 * One connection to one server: TCP, and TLS by OpenSSL over it. Every wait is bounded (nothing for
 * WIRE_IDLE_MS is the end), because libgit2's own connections wait for ever before 1.7; the whole is bounded by
 * the conductor, which kills a role that is late. Failures to reach are ERR_NETWORK; a server that cannot
 * prove who it is is not.
 */
#pragma once

#include "base.h"

struct error;
struct wire;
struct wire_trust;

#define WIRE_CONNECT_MS 10000 /* for each address of a name */
#define WIRE_IDLE_MS	30000

/*
 * Which certificates to believe: the system's, or the file or directory that SSL_CERT_FILE or SSL_CERT_DIR
 * name. Returns new. A directory (the normal case) is looked into when a certificate must be checked, so
 * nothing needs to be read at start.
 */
struct wire_trust *wire_trust_new(void);
void wire_trust_free(struct wire_trust *t);
DEFINE_CLEANUP(struct wire_trust *, wire_trust_free);

/* Connects; with trust also starts TLS 1.2 or later, checking the server's name. Returns new. */
int wire_open(struct wire **ret, const char *host, const char *port, struct wire_trust *trust,
	struct error *e);
void wire_close(struct wire *w);
DEFINE_CLEANUP(struct wire *, wire_close);

/* The socket, for who speaks something else over it than TLS. Borrowed. */
int wire_fd(const struct wire *w);

/* Of TLS connections. Reads what there is, at most len bytes; *ret 0 at the end. */
int wire_read(struct wire *w, void *data, size_t len, size_t *ret, struct error *e);
/* Writes all. */
int wire_write(struct wire *w, const void *data, size_t len, struct error *e);
