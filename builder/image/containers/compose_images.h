/*
 * The images that a Compose file names, read as far as it takes to find them: services, their profiles, their
 * images. All else is Compose's own to judge, on the server. Foreign bytes: fuzzed.
 */
#pragma once

#include "base.h"
#include "image_ref.h"
#include "mark.h"

struct arena;
struct compose_vars;
struct node;

struct compose_image {
	const char *service;
	const char *
		text; /* the reference, its variables replaced: as Compose will give it to docker */
	struct image_ref ref;
	struct mark at;
};
struct compose_images {
	struct compose_image *v; /* sorted by text, each once; in the arena */
	size_t n;
};

/*
 * Services with profiles are left out, as they do not start. What cannot be known here (variables without a
 * value, include, extends, build) is complained about at its place.
 */
void compose_images_read(const struct node *doc, const struct compose_vars *vars, struct arena *a,
	struct compose_images *ret, struct diags *d);
