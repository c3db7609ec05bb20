/*
 * Zstandard by libzstd, the one place that knows it. Both directions are pushed, as in age.h: bytes go
 * in as they come, the other side's bytes come out through a callback, so that compressing,
 * encrypting and writing are links of one chain. Memory does not depend on the length.
 */
#pragma once

#include "base.h"

struct error;

/* Takes what comes out. 0, or negative with the error filled: passed on. (The type of age_out.) */
typedef int (*compress_out)(void *arg, const void *data, size_t len, struct error *e);

/*
 * Compressing: level 1 to 19; with threads > 0 that many threads work beside the caller (libraries made
 * without threads do it alone). What was never ended is cut off. arg is borrowed.
 */
struct compress;
struct compress *compress_new(int level, unsigned threads, compress_out out, void *arg);
int compress_add(struct compress *c, const void *data, size_t len, struct error *e);
int compress_end(struct compress *c, struct error *e);
void compress_free(struct compress *c);
DEFINE_CLEANUP(struct compress *, compress_free);

/*
 * Decompressing. Frames whose window is above 8 MiB are refused, which bounds the memory. ERR_LOCK, in
 * words that fit behind "FILE: ": "not compressed by zstd, or damaged", "cut off".
 */
struct decompress;
struct decompress *decompress_new(compress_out out, void *arg);
int decompress_add(struct decompress *d, const void *data, size_t len, struct error *e);
int decompress_end(struct decompress *d, struct error *e);
void decompress_free(struct decompress *d);
DEFINE_CLEANUP(struct decompress *, decompress_free);
