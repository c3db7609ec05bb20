/* kbuild's images in a cloud, over its regions, and who uses them: for the operations of the rows. */
#pragma once

#include "base.h"

struct arena;
struct cloud_image;
struct error;
struct image_list;
struct os;

/*
 * Of all regions (NULL-terminated), the newest first. An image is in use while there is a server made
 * from it, whoever made that, running or not. One call of images and one of compute a region.
 * whole: see provider.h.
 */
int images_list(struct os *o, const char *const *regions, bool whole, struct arena *a,
	struct image_list *ret, struct error *e);

/* 0 or CLOUD_ABSENT. */
int images_delete(struct os *o, const struct cloud_image *i, struct error *e);
