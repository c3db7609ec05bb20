/* How images in a cloud are shown. */
#pragma once

#include "base.h"

struct buf;
struct cloud_image;

/* One JSON object, without newline. */
void image_json(const struct cloud_image *i, struct buf *out);
/* A JSON list of them on standard output. */
void image_json_list(const struct cloud_image *v, size_t n);
/* "2026-11-29 11:04", in this machine's zone; "-" when it is not known. */
void image_date(int64_t created, char ret[17]);
/* "demo-0123456789ab (GRA11)": for lists and questions. */
void image_title(const struct cloud_image *i, struct buf *out);
