/*
 * A disk file becomes an image in one or several regions: streamed from the file, in parallel, without
 * a copy and with little memory. An image that is there is not sent again; one that a killed upload
 * left is used or removed; two uploads of the same at the same time end with one image.
 */
#pragma once

#include "base.h"

struct arena;
struct cloud;
struct cloud_image;
struct error;
struct os;
struct upload_request;

/*
 * As provider.upload. Needs of c: clock, progress. q->regions NULL: the session's default one.
 * ERR_LOCK: the service holds other bytes than ours; they were removed. When some regions
 * succeed, the error says which: the same command goes on with the others.
 */
int upload_run(struct os *o, const struct cloud *c, const struct upload_request *q, struct arena *a,
	struct cloud_image **ret, size_t *ret_n, struct error *e);
