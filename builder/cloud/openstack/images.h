/* kbuild's images in a cloud, over its regions, and who uses them: for the operations of the rows. */
#pragma once

#include "base.h"

struct arena;
struct cloud_image;
struct error;
struct os;

/*
 * Of all regions (NULL-terminated), the newest first. An image is in use while there is a server made
 * from it, whoever made that, running or not. One call of images and one of compute a region.
 */
int images_list(struct os *o, const char *const *regions, struct arena *a, struct cloud_image **ret,
	size_t *ret_n, struct error *e);

/* 0 or CLOUD_ABSENT. */
int images_delete(struct os *o, const struct cloud_image *i, struct error *e);
