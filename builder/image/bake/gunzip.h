/* gzip in memory, by zlib, for write_files. */
#pragma once

#include "base.h"

struct buf;

/*
 * Appends what data (one or more gzip members) decompresses to. 0, -EBADMSG when it is not gzip or
 * is cut off, -EFBIG beyond max bytes.
 */
int gunzip(const void *data, size_t len, size_t max, struct buf *out);
