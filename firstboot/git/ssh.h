/*
 * git over SSH, by libssh2 (whose header ssh.c alone includes): one session that runs git-upload-pack. The
 * server's key must be one of the known ones, before anything is said to it; the only way to sign in is
 * the deploy key, from memory.
 */
#pragma once

#include "base.h"

struct error;
struct remote;
struct ssh;

/* Connects, checks, signs in, starts it. Returns new. */
int ssh_open(struct ssh **ret, const struct remote *r, struct error *e);
void ssh_close(struct ssh *s);
DEFINE_CLEANUP(struct ssh *, ssh_close);

int ssh_read(struct ssh *s, void *data, size_t len, size_t *ret, struct error *e);
int ssh_write(struct ssh *s, const void *data, size_t len, struct error *e);
