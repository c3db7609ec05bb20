/*
 * Manifests of container images: what an image consists of (configuration and layers), or which images a
 * name has, by platform. Docker's second schema and OCI's. Foreign bytes: bounded, fuzzed.
 */
#pragma once

#include "base.h"
#include "digest.h"

struct arena;
struct error;

#define MANIFEST_MAX   (4 * MIB) /* what registries take at most */
#define CONFIG_MAX     (8 * MIB)
#define LAYERS_MAX     128	     /* what overlay file systems take at most */
#define LAYER_SIZE_MAX (8 * GIB - 1) /* what a tar header can say */
#define MANIFESTS_MAX  1000

/* All media types that are understood, for the header Accept. */
extern const char manifest_accept[];

struct image_blob {
	char sha256[SHA256_HEX];
	uint64_t size;
	bool zstd; /* of layers: engines before 23 cannot read it */
};

struct image_manifest {
	struct image_blob config;
	const struct image_blob *layers; /* the lowest first; in the arena */
	size_t n;
};

/* An image. ERR_NETWORK, or ERR_INVALID for what is well-formed but of no use here; both without a name. */
int image_manifest_parse(
	const char *text, size_t len, struct arena *a, struct image_manifest *ret, struct error *e);

#define MANIFEST_IS_IMAGE 1 /* no list: it is the image itself */

/* Of a list of images, the one for Linux on this architecture. ERR_INVALID when it has none, saying which it has. */
int image_index_choose(const char *text, size_t len, const char *architecture,
	struct image_blob *ret, struct error *e);
