/* Private to containers_fetch.c and containers_bake.c. */
#pragma once

#include "buf.h"

struct arena;
struct error;
struct image_manifest;
struct lock_container;
struct store;

/* Reads a locked image's manifest, which is in the store. In the arena. */
int containers_manifest(const struct lock_container *c, struct store *blobs, struct arena *a,
	struct image_manifest *ret, struct error *e);
