/*
 * The two ways to a git server under one face: HTTPS (wire.h, http1.h) and SSH (ssh.h). Used by the check,
 * which only reads the list of branches, and by libgit.c, which fetches.
 */
#pragma once

#include "base.h"
#include "client.h"
#include "url.h"

struct agent;
struct buf;
struct error;
struct node;
struct remote_stream;
struct wire_trust;

struct remote {
	struct repo_url url;
	const char *branch;		/* borrowed, as are the next */
	const char *const *known_hosts; /* NULL: none */
	/* Credentials; secret, wiped when freed. Each may be NULL. */
	char *user, *token, *key;
	struct wire_trust *trust;
};

/*
 * Everything of the agent's configuration and of the credential "git" (absent: none) that reaching the repository takes. Nothing is sent yet. Returns new.
 */
int remote_new(struct remote **ret, const struct agent *a, struct error *e);
/* Another credential than the one it was made with: a map with user and token, or key; copied. */
void remote_set_credential(struct remote *r, const struct node *doc);
void remote_free(struct remote *r);
DEFINE_CLEANUP(struct remote *, remote_free);

/* The list of branches. Over SSH the same stream goes on with the fetch. Returns new. */
int remote_open(struct remote *r, struct remote_stream **ret, struct error *e);
/* HTTPS only: the next request of a fetch. Returns new. */
int remote_open_pack(
	struct remote *r, const struct buf *request, struct remote_stream **ret, struct error *e);

/* What there is, at most len bytes; *ret 0 at the end. */
int remote_read(struct remote_stream *s, void *data, size_t len, size_t *ret, struct error *e);
/* SSH only. */
int remote_write(struct remote_stream *s, const void *data, size_t len, struct error *e);
void remote_close(struct remote_stream *s);
DEFINE_CLEANUP(struct remote_stream *, remote_close);

/* Asks for the list and reads it until the branch is there. A branch that is not is ERR_FAILED. */
int remote_tip(struct remote *r, char ret[REPO_SHA], struct error *e);
