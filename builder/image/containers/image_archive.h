/*
 * The archive that "docker load" takes: a tar of configurations and layers, each under its digest, and
 * manifest.json, which says what belongs together and what it is called. Layers stay as their registry has them, so
 * the same images give the same bytes; but zstd is unpacked, which engines before 23 cannot read.
 */
#pragma once

#include "base.h"

struct error;
struct image_archive;
struct image_manifest;
struct image_ref;
struct progress;
struct store;

/* Begins one in fd, which must be seekable and is borrowed. Blobs come from the store. Returns new. */
struct image_archive *image_archive_new(int fd, struct store *blobs, struct progress *p);
void image_archive_free(struct image_archive *w);
DEFINE_CLEANUP(struct image_archive *, image_archive_free);

/*
 * Adds an image; what others have as well is there once. It gets the reference's tag; one that is named by a
 * digest gets none, as docker has no place for it. ERR_LOCK: a blob was damaged, and removed from the store.
 */
int image_archive_add(struct image_archive *w, const struct image_ref *ref,
	const struct image_manifest *m, struct error *e);

int image_archive_end(struct image_archive *w, struct error *e);
