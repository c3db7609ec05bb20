/*
 * Root's half of the handoff, for the broker: the files it is in, the credentials that are made of it,
 * and removing every trace of it. All paths are below root_fd ("/" on a server), so tests have their own.
 */
#pragma once

#include "base.h"

struct buf;
struct error;

#define HANDOFF_NONE 1 /* this server was handed nothing, or it was taken already */

/* Appends the bytes of /etc/kbuild/handoff.json. 0 or HANDOFF_NONE. */
int keep_take(int root_fd, struct buf *ret, struct error *e);

/* Appends the image's private key, the text of /etc/kbuild/image.key. */
int keep_image_key(int root_fd, struct buf *ret, struct error *e);

/*
 * Replaces /etc/kbuild/credentials/NAME.json (0600) durably. Names are those of operator_parts; the
 * document must be a map in JSON. ERR_INVALID otherwise.
 */
int keep_store(int root_fd, const char *name, const char *doc, size_t len, struct error *e);

/*
 * Removes the handoff: its file, and what is sealed in it wherever cloud-init keeps user-data. The
 * places are found by how every sealed document begins, and overwritten in place with as many other
 * characters: a pickle, JSON and YAML stay what they are, so cloud-init still reads its caches at the
 * next boot. Complete when it returns 0; may be repeated at any time, and cut off at any point: the next
 * keep_take() gives all of it or nothing, and what was left goes with the next keep_forget().
 */
int keep_forget(int root_fd, struct error *e);
